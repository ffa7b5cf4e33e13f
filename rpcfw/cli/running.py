"""
From arguments to an application, and from a coroutine to an exit code.
"""

from __future__ import annotations

import logging
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar, cast

import attrs
from twisted.logger import Logger

from rpcfw.app.application import Application
from rpcfw.app.plan import Plan, read_plan
from rpcfw.app.reactors import random_source, reactor
from rpcfw.app.reload.reloader import Reloader
from rpcfw.app.running import run_to_end
from rpcfw.app.servers import Services
from rpcfw.cli.codes import CONFIGURATION, FAILED
from rpcfw.cli.layers import add_layer_arguments, sources_of
from rpcfw.errors import RPCFWError, SettingsError
from rpcfw.kernel.library_log import LibraryLog
from rpcfw.kernel.log import LEVELS, begin_logging
from rpcfw.kernel.settings import Sources
from rpcfw.printable import printable

__all__ = [
    "add_process_arguments",
    "application_of",
    "calls_only",
    "changed",
    "reloader_of",
    "run",
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
    *,
    log_live: bool = False,
) -> Application:
    """
    Make the application that the arguments ask for, and begin to log.

    Args:
        change: makes the plan that of the command.
        sources: the configuration, if some of it is claimed already.
        services: what is served beside what the plan names.
        log_live: rules may change the level that is logged.

    Raises:
        SetupError: it cannot be made as it was asked for.
    """
    plan = change(read_plan(sources or sources_of(arguments, environ)))
    level = arguments.log_level or plan.app.log_level
    plan = changed(plan, app=changed(plan.app, log_level=level))
    log_at = begin_logging(level, sys.stderr)
    made = Application(plan, reactor(plan.app.reactor), random_source(), services=services)
    logging.lastResort = LibraryLog(Logger("rpcfw.libraries"), made.runtime.clock.seconds)
    if log_live:
        made.policies.log_at = log_at
    return made


def reloader_of(
    application: Application,
    arguments: Namespace,
    environ: Mapping[str, str],
    claim: Callable[[Sources], None] = lambda sources: None,
) -> Reloader:
    """
    Return what reads the configuration again that the arguments name.

    Args:
        claim: claims sections that only the command reads.
    """
    level = arguments.log_level

    def change(plan: Plan) -> Plan:
        return changed(plan, app=changed(plan.app, log_level=level)) if level else plan

    return Reloader(application, partial(sources_of, arguments, environ), claim, change)


def calls_only(plan: Plan) -> Plan:
    """
    Return the plan of a process that listens nowhere, and logs errors at most.
    """
    return changed(
        plan,
        app=changed(plan.app, log_level="error"),
        server=changed(plan.server, services=()),
        inspection=changed(plan.inspection, listen=()),
        admin=changed(plan.admin, options=changed(plan.admin.options, listen=())),
        access_log=changed(plan.access_log, sides=()),
    )


def changed(whole: T, **parts: Any) -> T:
    """
    Return a plan, or options, with some parts changed.
    """
    other: T = attrs.evolve(cast(Any, whole), **parts)
    return other


def run(application: Application, command: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """
    Run a command in the application's reactor, to its end, and return its exit code.

    What users have to know is one line; a bug of ours has its traceback.
    """
    try:
        return run_to_end(application.runtime.reactor, command)
    except RPCFWError as error:
        sys.stderr.write(f"{printable(' '.join(str(error).split()))}\n")
        return CONFIGURATION if isinstance(error, SettingsError) else FAILED
