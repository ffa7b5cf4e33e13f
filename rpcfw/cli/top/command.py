"""
``rpcfw top``: services and instances with their calls, again and again.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import TextIO

from rpcfw.app.application import Application
from rpcfw.cli.arguments import a_duration, an_address
from rpcfw.cli.codes import FINE
from rpcfw.cli.layers import sources_of
from rpcfw.cli.running import add_process_arguments, application_of, calls_only
from rpcfw.cli.running import run as run_command
from rpcfw.cli.top.lines import table_lines
from rpcfw.cli.top.live import LiveTable
from rpcfw.cli.top.rows import SORTS, Look
from rpcfw.cli.top.watcher import Watcher
from rpcfw.console.options import LOCAL_NETWORKS, ConsoleOptions
from rpcfw.errors import SettingsError
from rpcfw.printable import printable_json
from rpcfw.values.address import Address

__all__ = ["add_arguments", "run"]

EPILOG = """\
  rpcfw top -c console.ini
  rpcfw top -c consumer.ini --admin tcp:127.0.0.1:2290
  rpcfw top -c consumer.ini --once --json

Calls are read from the admin ports of processes: those that instances announce in the tag admin,
those of [console] admin, and those of --admin. The rates are those between two looks, the
percentiles those of the last minute, of the slowest process.

On a terminal the table is live: q ends it, i shows instances or services, and c, e, f, p, n
order it by calls, errors, calls in flight, p99 and name. The arrow keys, or j and k, scroll.
Elsewhere, each look is printed.
"""

_MIN_INTERVAL_S = 0.1


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes.
    """
    parser.add_argument("service", metavar="SERVICE", nargs="?", help="only those with this name")
    parser.add_argument("--once", action="store_true", help="print one look, and end")
    parser.add_argument("--json", action="store_true", help="print JSON, a line for each look")
    parser.add_argument("--instances", action="store_true", help="a row for each instance")
    parser.add_argument(
        "--sort", choices=SORTS, default="calls", help="order of the rows; calls by default"
    )
    parser.add_argument(
        "--interval",
        metavar="DURATION",
        type=a_duration,
        default=2.0,
        help="time between two looks; 2s by default",
    )
    parser.add_argument(
        "--admin",
        metavar="ADDRESS",
        type=an_address,
        action="append",
        default=[],
        help="an admin port that no instance announces, as tcp:127.0.0.1:2290",
    )
    parser.add_argument(
        "--timeout",
        metavar="DURATION",
        type=a_duration,
        default=5.0,
        help="how long the registry may take for its first lists; 5s by default",
    )
    add_process_arguments(parser)


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Show the table until it is left, or once, and return the exit code.

    Raises:
        SetupError: an argument or the configuration is wrong.
    """
    if arguments.interval < _MIN_INTERVAL_S:
        raise SettingsError(f"--interval: must be at least {_MIN_INTERVAL_S:g}s")
    sources = sources_of(arguments, environ)
    listed: tuple[Address, ...] = tuple(arguments.admin)
    networks = LOCAL_NETWORKS
    if sources.has("console"):
        options = sources.section("console", ConsoleOptions)
        listed, networks = (*options.admin, *listed), options.admin_networks
    application = application_of(arguments, environ, calls_only, sources)
    registry = application.registry
    if registry is None:
        raise SettingsError("there is no registry to read: set [registry] plugin")
    watcher = Watcher(application, registry, listed, networks, arguments.interval)

    async def command() -> int:
        async with application:
            try:
                await watcher.start(arguments.timeout)
                await _shown(application, watcher, arguments, out)
            finally:
                await watcher.stop()
        return FINE

    return run_command(application, command)


async def _shown(
    application: Application, watcher: Watcher, arguments: Namespace, out: TextIO
) -> None:
    live = out.isatty() and sys.stdin.isatty() and not (arguments.once or arguments.json)
    if live:
        table = LiveTable(arguments.sort, instances=arguments.instances)
        await table.show(application.runtime.reactor, watcher, arguments.service or "", out)
        return
    async for look in watcher.looks(arguments.service or ""):
        out.write(_text(look, arguments))
        out.flush()
        if arguments.once:
            return


def _text(look: Look, arguments: Namespace) -> str:
    if arguments.json:
        return printable_json(json.dumps(look.as_dict())) + "\n"
    lines = table_lines(look, arguments.sort, instances=arguments.instances)
    return "\n".join(lines) + ("\n" if arguments.once else "\n\n")
