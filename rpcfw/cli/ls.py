"""
``rpcfw ls``: what a registry knows, as providers announced it, and how healthy that is.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import attrs
import msgspec

from rpcfw.app.application import Application
from rpcfw.cli.arguments import a_duration, an_address
from rpcfw.cli.codes import FINE
from rpcfw.cli.ls_watch import as_json, as_text, watch
from rpcfw.cli.registry_answer import answer_within
from rpcfw.cli.running import add_process_arguments, application_of, calls_only, changed
from rpcfw.cli.running import run as run_command
from rpcfw.cli.seen_health import Probed, ask_running, probe, report_in_words
from rpcfw.cli.table import table
from rpcfw.cluster.health.prober_reports import ProberReports
from rpcfw.errors import RegistryError, SettingsError
from rpcfw.kernel.nearest import suggestion
from rpcfw.printable import printable, printable_json
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.values.instance import Instance, Snapshot, instance_to_json
from rpcfw.values.probe_report import PROBER_SERVICE
from rpcfw.values.rule import day_and_time
from rpcfw_inspection.nodes import SeenNode

__all__ = ["add_arguments", "first_list", "lists_of", "run"]

EPILOG = """\
  rpcfw ls -c consumer.ini
  rpcfw ls -c consumer.ini demo.Greeter --json
  rpcfw ls -c consumer.ini --health
  rpcfw ls --health --of tcp:127.0.0.1:2299
  rpcfw ls -c consumer.ini --watch

What is listed is what providers have announced. With --health this command connects to each
instance, and shows whether it answers. The last one asks a running consumer, at an address of
its [inspection] listen: it has seen more, because it calls the nodes. With --watch each change
is a line as it comes, until Ctrl-C; the instances that are there come first.
"""

#: A column: its title, and what is in it.
_COLUMNS = (
    "SERVICE",
    "ADDRESS",
    "HEALTH",
    "PROBES",
    "PROTOCOLS",
    "WEIGHT",
    "ZONE",
    "GROUP",
    "VERSION",
    "TAGS",
    "WHY",
)
_SEEN_COLUMNS = (
    "SERVICE",
    "ADDRESS",
    "VERSION",
    "HEALTH",
    "PROBES",
    "CONNECTION",
    "CALLS",
    "FAILED",
    "WHY",
)

#: Many watches at once are many streams of one node.
_MAX_WATCHES = 100


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes.
    """
    parser.add_argument("service", metavar="SERVICE", nargs="?", help="only this one")
    parser.add_argument("--json", action="store_true", help="print JSON: a list of instances")
    parser.add_argument(
        "--health", action="store_true", help="connect to each instance, and show what that shows"
    )
    parser.add_argument(
        "--watch", action="store_true", help="print instances, and then changes as they come"
    )
    parser.add_argument(
        "--of",
        metavar="ADDRESS",
        type=an_address,
        help="with --health: ask the running process with this address in [inspection] listen",
    )
    parser.add_argument(
        "--timeout",
        metavar="DURATION",
        type=a_duration,
        default=5.0,
        help="how long the registry may take in all; 5s by default",
    )
    add_process_arguments(parser)


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    List services and instances and return the exit code.

    Raises:
        SetupError: an argument or the configuration is wrong.
    """
    if arguments.watch and (arguments.health or arguments.of is not None):
        raise SettingsError("--watch shows what is announced: leave out --health and --of")
    if arguments.of is not None:
        return _run_of(arguments, environ, out)
    application = application_of(arguments, environ, calls_only)
    registry = application.registry
    if registry is None:
        raise SettingsError("there is no registry to read: set [registry] plugin")

    async def command() -> int:
        async with application:
            if arguments.watch:
                await _watched(application, registry, arguments, out)
                return FINE
            lists, timers = lists_of(registry, arguments.service), application.runtime.timers
            found, troubles = await answer_within(arguments.timeout, registry, timers, lists)
            health: Mapping[Instance, Probed] = {}
            if arguments.health:
                instances = [one for some in found.values() for one in some]
                health = await probe(application, instances, await _reports(registry))
        out.write(_as_json(found, health) if arguments.json else _as_text(found, health))
        for trouble in troubles:
            sys.stderr.write(f"{printable(trouble)}\n")
        return FINE

    return run_command(application, command)


def _run_of(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Show what a running process sees.
    """
    if not arguments.health:
        raise SettingsError("--of shows the health that a process sees: add --health")
    application = application_of(
        arguments, environ, lambda plan: changed(calls_only(plan), registry=None)
    )

    async def command() -> int:
        async with application:
            seen = await ask_running(
                application, arguments.of, arguments.service or "", arguments.timeout
            )
        if arguments.json:
            records = [attrs.asdict(one) for one in seen]
            out.write(printable_json(json.dumps(records, indent=2)) + "\n")
        else:
            rows = [_seen_row(one) for one in seen]
            out.write(table(_SEEN_COLUMNS, rows) if rows else "no nodes\n")
        return FINE

    return run_command(application, command)


async def _watched(
    application: Application, registry: Registry, arguments: Namespace, out: TextIO
) -> None:
    """
    Print changes until a signal. A registry that cannot be reached at first is an error.
    """
    timers = application.runtime.timers
    await answer_within(arguments.timeout, registry, timers, registry.services())

    def report(what: str, one: Instance, was: Instance | None) -> None:
        time = day_and_time(application.runtime.plugin_context.time_of_day())
        out.write(as_json(time, what, one) if arguments.json else as_text(time, what, one, was))
        out.flush()

    await watch(registry, arguments.service, application.runtime.clock, report)


async def lists_of(
    registry: Registry, only: str | None
) -> tuple[dict[str, tuple[Instance, ...]], Sequence[str]]:
    """
    Return the instances by service, and why these lists may be old.
    """
    try:
        names: Sequence[str] = await registry.services()
    except RegistryError as error:
        raise RegistryError(f"the registry ({registry}): {' '.join(str(error).split())}") from error
    if only is not None:
        if only not in names:
            raise RegistryError(f"no service is called {only!r} here; {suggestion(only, names)}")
        names = [only]
    found: dict[str, tuple[Instance, ...]] = {}
    troubles: dict[str, None] = {}
    for start in range(0, len(names), _MAX_WATCHES):
        some = names[start : start + _MAX_WATCHES]
        firsts = [_First(registry, name) for name in some]
        for name, first in zip(some, firsts, strict=True):
            found[name] = await first.instances()
            troubles[first.trouble] = None
    return found, [trouble for trouble in troubles if trouble]


async def first_list(registry: Registry, service: str) -> tuple[Instance, ...]:
    """
    Return the instances of one service.
    """
    return await _First(registry, service).instances()


class _First:
    """
    The first list of a registry for one service.
    """

    def __init__(self, registry: Registry, service: str) -> None:
        self._waiter: Waiter[Snapshot] = Waiter()
        self._registry = registry
        #: Of the watch, when the list came.
        self.trouble = ""
        self._watch = registry.watch(service, self._listen, self._refused)

    def _listen(self, snapshot: Snapshot) -> None:
        if not self._waiter.called:
            self._waiter.callback(snapshot)

    def _refused(self, reason: str) -> None:
        if not self._waiter.called:
            self._waiter.errback(RegistryError(f"the registry ({self._registry}): {reason}"))

    async def instances(self) -> tuple[Instance, ...]:
        try:
            snapshot = await self._waiter
            self.trouble = self._watch.trouble
        finally:
            self._watch.close()
        return tuple(sorted(snapshot.instances, key=lambda one: (str(one.address), one.id)))


async def _reports(registry: Registry) -> ProberReports:
    """
    Return what probers say; nothing if the registry does not tell.
    """
    try:
        return ProberReports(await first_list(registry, PROBER_SERVICE))
    except RegistryError:
        return ProberReports()


def _seen_row(one: SeenNode) -> tuple[str, ...]:
    failed = f"{one.failed} ({one.failed / one.calls:.1%})" if one.failed else "0"
    return (
        one.service,
        one.address,
        one.version,
        one.health,
        one.probes,
        one.connection,
        str(one.calls),
        failed,
        one.reason,
    )


def _as_json(found: Mapping[str, Sequence[Instance]], health: Mapping[Instance, Probed]) -> str:
    records: list[Any] = []
    for one in (one for some in found.values() for one in some):
        record = msgspec.json.decode(instance_to_json(one))
        probed = health.get(one)
        if probed is not None:
            record |= {"health": str(probed.health), "reason": probed.reason}
            record |= {"probes": probed.probes} if probed.probes else {}
        records.append(record)
    return printable_json(json.dumps(records, indent=2)) + "\n"


def _as_text(found: Mapping[str, Sequence[Instance]], health: Mapping[Instance, Probed]) -> str:
    if not found:
        return "no services\n"
    rows = []
    for service, instances in found.items():
        rows += [_row(one, health.get(one)) for one in instances] or [(service, "(no instances)")]
    return table(_COLUMNS, rows)


def _row(one: Instance, probed: Probed | None) -> tuple[str, ...]:
    tags = " ".join(f"{name}={value}" for name, value in sorted(one.tags.items()))
    if one.service == PROBER_SERVICE:
        tags = report_in_words(one)
    return (
        one.service,
        str(one.address),
        "" if probed is None else str(probed.health),
        "" if probed is None else probed.probes,
        ",".join(one.protocols),
        str(one.weight),
        one.zone,
        one.group,
        one.version,
        tags,
        "" if probed is None else probed.reason,
    )
