"""
``rpcfw registry bridge``: mirrors one registry in another, so that a fleet can move.
"""

from __future__ import annotations

import json
import socket
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any, TextIO

import attrs

from rpcfw.app.application import Application
from rpcfw.app.plan import Plan, read_plan
from rpcfw.app.reactors import random_source
from rpcfw.cli.arguments import a_duration
from rpcfw.cli.codes import FINE
from rpcfw.cli.running import add_process_arguments, application_of, calls_only, changed
from rpcfw.cli.running import run as run_command
from rpcfw.cli.serving import stop_signal
from rpcfw.cluster.bridging.bridge import Bridge, BridgeStatus, Mirrored
from rpcfw.cluster.bridging.options import BridgeOptions
from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import Sources
from rpcfw.printable import printable, printable_json
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.clock import Clock

__all__ = ["add_arguments", "run"]

EPILOG = """\
So a fleet can move from one to the other without a stop:

  rpcfw registry bridge -c zookeeper.ini --to bus.ini

The two registries are those of the [registry] sections: one of the INI file of -c, the other
of that of --to. Each can be the INI file of a consumer. While the bridge runs, consumers of
either registry find the instances of both. Those that it mirrors have the tag rpcfw.bridge,
and rpcfw ls shows it.

SIGTERM or Ctrl-C stops the bridge, and withdraws what it mirrors: move all consumers and
providers first. If the bridge is killed, what it mirrors ends with its lease or session. To
replace a bridge, start another one before you stop it: several can run at a time.
Rules are not mirrored: see rpcfw rule get and put.
"""

#: The shortest time between two lines about the progress.
_LINE_S = 1.0


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes.
    """
    defaults = BridgeOptions()
    parser.add_argument(
        "--to",
        metavar="FILE",
        action="append",
        required=True,
        help="INI file of the other registry; the environment and --set are not for it",
    )
    parser.add_argument(
        "--service",
        metavar="SERVICE",
        action="append",
        default=[],
        help="mirror this one; may be repeated; all services by default",
    )
    parser.add_argument("--one-way", action="store_true", help="write only to the registry of --to")
    parser.add_argument(
        "--max-services",
        metavar="NUMBER",
        type=int,
        default=defaults.max_services,
        help=f"mirror so many services at most; {defaults.max_services} by default",
    )
    parser.add_argument(
        "--max-instances",
        metavar="NUMBER",
        type=int,
        default=defaults.max_instances,
        help=f"mirror so many instances each way at most; {defaults.max_instances} by default",
    )
    parser.add_argument(
        "--interval",
        metavar="DURATION",
        type=a_duration,
        default=defaults.interval_s,
        help=f"look for new services so often; {defaults.interval_s:g}s by default",
    )
    parser.add_argument("--json", action="store_true", help="print each line as JSON")
    add_process_arguments(parser)


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Mirror until a signal, and return the exit code.

    Raises:
        SetupError: the configuration is wrong.
    """
    options = _options(arguments)
    application = application_of(arguments, environ, _without_services)
    runtime = application.runtime
    plan = calls_only(read_plan(Sources.load(arguments.to, {}, ())))
    # One process has one reactor: that of -c.
    other = Application(plan, runtime.reactor, random_source())
    first = _registry(application, "-c")
    second = _registry(other, "--to")
    if _is_same(application.plan, plan):
        raise SettingsError(
            f"expected two registries, got {second} twice: give the INI file of one with -c, "
            "and that of the other with --to"
        )

    async def command() -> int:
        async with application, other:
            bridge = Bridge(first, second, options, socket.gethostname(), runtime.plugin_context)
            progress = _Progress(bridge, runtime.clock, out, as_json=arguments.json)
            bridge.start()
            progress.begin(first, second)
            try:
                await stop_signal()
            finally:
                bridge.stop()
                progress.end()
        return FINE

    return run_command(application, command)


def _options(arguments: Namespace) -> BridgeOptions:
    for name in ("max_services", "max_instances"):
        value = getattr(arguments, name)
        if value < 1:
            option = name.replace("_", "-")
            raise SettingsError(f"--{option} must be at least 1, not {value}")
    if arguments.interval <= 0:
        raise SettingsError(f"--interval must be more than 0s, not {arguments.interval:g}s")
    return BridgeOptions(
        tuple(dict.fromkeys(arguments.service)),
        arguments.one_way,
        arguments.max_services,
        arguments.max_instances,
        arguments.interval,
    )


def _registry(application: Application, argument: str) -> Registry:
    if application.registry is None:
        raise SettingsError(
            f"there is no registry in the configuration of {argument}: "
            f"give an INI file with [registry] plugin, as {argument} FILE"
        )
    return application.registry


def _is_same(one: Plan, other: Plan) -> bool:
    first, second = one.registry, other.registry
    assert first is not None
    assert second is not None
    return (first.name, first.options) == (second.name, second.options)


def _without_services(plan: Plan) -> Plan:
    return changed(plan, server=changed(plan.server, services=()))


class _Progress:
    """
    Prints what is mirrored, when that has changed.
    """

    def __init__(self, bridge: Bridge, clock: Clock, out: TextIO, *, as_json: bool) -> None:
        self._bridge = bridge
        self._clock = clock
        self._out = out
        self._as_json = as_json
        self._printed: BridgeStatus | None = None
        self._ended = False

    def begin(self, first: Registry, second: Registry) -> None:
        """
        Print what is bridged, and then what becomes of it.
        """
        text = f"bridging {first} and {second} as {self._bridge.name}"
        facts = {"first": str(first), "second": str(second), "name": self._bridge.name}
        self._write("bridging", text, facts)
        self._look()

    def end(self) -> None:
        """
        Print what ends with the bridge.
        """
        self._ended = True
        status = self._bridge.status()
        self._write("stopping", f"stopping; withdrawn: {_counts(status)}", attrs.asdict(status))

    def _look(self) -> None:
        if self._ended:
            return
        status = self._bridge.status()
        if status != self._printed:
            self._printed = status
            self._write("mirrored", f"mirrored: {_counts(status)}", attrs.asdict(status))
        self._clock.callLater(_LINE_S, self._look)

    def _write(self, event: str, text: str, facts: dict[str, Any]) -> None:
        if self._as_json:
            text = printable_json(json.dumps({"event": event, **facts}))
        self._out.write(f"{text if self._as_json else printable(text)}\n")
        self._out.flush()


def _counts(status: BridgeStatus) -> str:
    first, second = status.registries
    parts = [f"{_mirrored(second)}, {_mirrored(first)}, of {status.services} services"]
    if status.known < status.services:
        parts.append(f"{status.services - status.known} services are not listed yet")
    if not status.complete:
        parts.append("a limit was reached, see the log")
    parts += [f"{each.registry} is not reached" for each in status.registries if each.trouble]
    return "; ".join(parts)


def _mirrored(side: Mirrored) -> str:
    waiting = side.instances - side.visible
    still = f" ({waiting} more to come)" if waiting else ""
    return f"{side.visible} instances in {side.registry}{still}"
