"""
From arguments to an application, and from a coroutine to an exit code.

Theory of operation. A command is one coroutine. SIGINT and SIGTERM cancel it, which
is how it is told to end; a command that serves takes that for its good end, any other
is interrupted. A second signal ends the process at once, whatever it is doing.
"""

from __future__ import annotations

import os
import signal
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import attrs
from twisted.logger import Logger

from rpcfw.app.application import Application, Services
from rpcfw.app.plan import Plan, read_plan
from rpcfw.app.reactors import chance, reactor
from rpcfw.cli.codes import CONFIGURATION, FAILED
from rpcfw.cli.layers import add_layer_arguments, sources_of
from rpcfw.errors import RPCFWError, SettingsError
from rpcfw.kernel.log import LEVELS, begin_logging
from rpcfw.kernel.settings import Sources
from rpcfw.spi.waiting import CANCELLED, spawn

__all__ = [
    "add_process_arguments",
    "application_of",
    "calls_only",
    "changed",
    "run",
    "started",
]

T = TypeVar("T")


def add_process_arguments(parser: ArgumentParser) -> None:
    """
    Add what every command takes that runs an application.
    """
    add_layer_arguments(parser)
    parser.add_argument(
        "--log-level",
        choices=LEVELS,
        metavar="LEVEL",
        help=f"least level that is logged, to standard error: {', '.join(LEVELS)}",
    )


def application_of(
    arguments: Namespace,
    environ: Mapping[str, str],
    change: Callable[[Plan], Plan],
    sources: Sources | None = None,
    services: Services = (),
) -> Application:
    """
    Make the application that the arguments ask for, and begin to log.

    Args:
        change: makes the plan that of the command.
        sources: the configuration, if some of it is claimed already.
        services: what is served beside what the plan names.

    Raises:
        SetupError: it cannot be made as it was asked for.
    """
    plan = change(read_plan(sources or sources_of(arguments, environ)))
    begin_logging(arguments.log_level or plan.app.log_level, sys.stderr)
    return Application(plan, reactor(plan.app.reactor), chance(), services=services)


def calls_only(plan: Plan) -> Plan:
    """
    Return the plan of a process that serves nothing, and logs what is broken at most.
    """
    return changed(
        plan,
        app=changed(plan.app, log_level="error"),
        server=changed(plan.server, services=()),
    )


def changed(whole: T, **parts: Any) -> T:
    """
    Return a plan, or options, with some parts changed.
    """
    other: T = attrs.evolve(cast(Any, whole), **parts)
    return other


@asynccontextmanager
async def started(application: Application) -> AsyncIterator[None]:
    """
    Have the application run within a block.
    """
    await application.start()
    try:
        yield
    finally:
        await application.stop()


def run(application: Application, command: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """
    Run a command in the application's reactor, to its end, and return its exit code.

    What users have to know of is told in one line; a bug of ours has its traceback.
    """
    return _Running(application.ground.reactor).run(command)


class _Running:
    log = Logger()

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._command: Any = None
        self._signal: int = 0
        self._code: int = FAILED
        self._bug: BaseException | None = None

    def run(self, command: Callable[[], Coroutine[Any, Any, int]]) -> int:
        self._reactor.callWhenRunning(self._begin, command)
        self._reactor.run()
        if self._bug is not None:
            raise self._bug
        return self._code

    def _begin(self, command: Callable[[], Coroutine[Any, Any, int]]) -> None:
        # Twisted has set handlers of its own by now, which would stop the reactor.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._signalled)
        self._command = spawn(command())
        self._command.addCallbacks(self._ended, self._failed)

    def _signalled(self, number: int, frame: object) -> None:
        if self._signal:
            # Not through the reactor: it may be what hangs.
            os._exit(128 + number)
        self._signal = number
        self._reactor.callFromThread(self._give_up)

    def _give_up(self) -> None:
        name = signal.Signals(self._signal).name
        self.log.info("told to end by {name}; another ends it at once", name=name)
        if self._command is not None:
            self._command.cancel()

    def _ended(self, code: int) -> None:
        self._code = code
        self._reactor.stop()

    def _failed(self, failure: Any) -> None:
        error = failure.value
        if isinstance(error, CANCELLED) and self._signal:
            self._code = 128 + self._signal
        elif isinstance(error, RPCFWError):
            sys.stderr.write(f"{' '.join(str(error).split())}\n")
            self._code = CONFIGURATION if isinstance(error, SettingsError) else FAILED
        else:
            self._bug = error
        self._reactor.stop()
