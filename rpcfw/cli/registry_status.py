"""
``rpcfw registry status``: the registry servers of a group, and whether their copies are equal.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any, TextIO

import msgspec

from rpcfw.app.application import Application
from rpcfw.app.plan import Plan
from rpcfw.cli.arguments import a_duration, an_address
from rpcfw.cli.codes import FAILED, FINE
from rpcfw.cli.group_survey import Survey, survey
from rpcfw.cli.running import add_process_arguments, application_of, calls_only, changed
from rpcfw.cli.running import run as run_command
from rpcfw.cli.table import table
from rpcfw.client.stub import proxy
from rpcfw.errors import SettingsError
from rpcfw.printable import printable, printable_json
from rpcfw.values.address import Address
from rpcfw_registries.standalone.node.replication.peers import Peers
from rpcfw_registries.standalone.node.replication.status import NodeStatus
from rpcfw_registries.standalone.registry import StandaloneRegistry

__all__ = ["add_arguments", "as_json", "as_text", "run"]

EPILOG = """\
  rpcfw registry status -c consumer.ini
  rpcfw registry status 10.0.0.1:2210 --json

It asks the servers in [registry] address, or those that are named, and those that they know.
LAG is how many changes of the others a server has not received. The exit code is 1 if a server
does not answer, or if the copies differed for the whole time between two digests.
If the servers have access rules, it needs the action watch of the service rpcfw.registry.v1.Peers.
"""

_COLUMNS = (
    "ADDRESS",
    "NODE",
    "INSTANCES",
    "LEASES",
    "WATCHES",
    "HASH",
    "RULES",
    "LAG",
    "BUS",
    "STATE",
)


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes.
    """
    parser.add_argument(
        "addresses", metavar="ADDRESS", nargs="*", type=an_address, help="ask these servers"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--timeout",
        metavar="DURATION",
        type=a_duration,
        default=5.0,
        help="how long a server may take to answer; 5s by default",
    )
    add_process_arguments(parser)


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Show the servers and return the exit code.

    Raises:
        SetupError: an argument or the configuration is wrong.
    """

    def change(plan: Plan) -> Plan:
        own = calls_only(plan)
        return changed(own, registry=None) if arguments.addresses else own

    application = application_of(arguments, environ, change)
    addresses = arguments.addresses or _addresses_of(application)

    async def ask(address: Address) -> NodeStatus:
        open_channel = application.runtime.plugin_context.open_channel
        channel = open_channel(address, "native", service=Peers.service_name)
        try:
            status: NodeStatus = await proxy(Peers, channel).status(timeout=arguments.timeout)
            return status
        finally:
            await channel.close()

    async def command() -> int:
        async with application:
            found = await survey(ask, addresses, application.runtime.clock)
        out.write(as_json(found) if arguments.json else as_text(found))
        for address, reason in found.failed.items():
            sys.stderr.write(printable(f"{address}: {' '.join(reason.split())}") + "\n")
        return FINE if found.fine else FAILED

    return run_command(application, command)


def as_text(found: Survey) -> str:
    """
    Return a table, and a line that says whether the copies are equal.
    """
    if not found.nodes:
        return "no server has answered\n"
    rows = [
        (
            str(address),
            node.node,
            str(node.instances),
            str(node.leases),
            str(node.watches),
            node.hash,
            f"{node.rule_scopes}: {node.rules[:4]}" if node.rules else "its own",
            str(found.lag(node)),
            "connected" if node.connected else f"not connected: {node.trouble}",
            node.behind or "up to date",
        )
        for address, node in found.nodes.items()
    ]
    count = len(found.nodes)
    are, rules = _words(found.equal_instances), _words(found.equal_rules)
    return table(_COLUMNS, rows) + f"servers: {count}, copies: {are}, rules: {rules}\n"


def _words(equal: bool) -> str:
    return "equal" if equal else "different"


def as_json(found: Survey) -> str:
    """
    Return the same for programs.
    """
    nodes: list[dict[str, Any]] = []
    for address, node in found.nodes.items():
        lag = found.lag(node)
        nodes.append({"asked": str(address), "lag": lag, **msgspec.to_builtins(node)})
    nodes += [{"asked": address, "error": why} for address, why in found.failed.items()]
    return (
        printable_json(
            json.dumps(
                {"equal": found.equal, "equal_rules": found.equal_rules, "servers": nodes}, indent=2
            )
        )
        + "\n"
    )


def _addresses_of(application: Application) -> tuple[Address, ...]:
    registry = application.registry
    if not isinstance(registry, StandaloneRegistry):
        raise SettingsError(
            "there is no registry server to ask: name its ADDRESS, or set [registry] "
            "plugin = standalone"
        )
    return registry.addresses
