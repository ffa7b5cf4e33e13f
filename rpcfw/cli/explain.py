"""
``rpcfw explain``: where a call would go, and why, without making it.

Either this command reads the configuration, finds the instances and connects to them, as a
consumer that has just started. Or running consumers are asked, which know more: what their
balancers have learned, the health of the nodes and the states of breakers.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

import attrs

from rpcfw.app.application import Application
from rpcfw.app.plan import Plan
from rpcfw.app.tools.call_text import decoded
from rpcfw.app.tools.connecting import until_connected
from rpcfw.cli.arguments import a_duration, a_method, a_pair, an_address
from rpcfw.cli.codes import FINE
from rpcfw.cli.explained import as_text
from rpcfw.cli.running import add_process_arguments, application_of, calls_only, changed
from rpcfw.cli.running import run as run_command
from rpcfw.client.stub import proxy
from rpcfw.errors import RegistryError, SettingsError
from rpcfw.kernel.nearest import suggestion
from rpcfw.printable import printable_json
from rpcfw.values.address import Address
from rpcfw.values.call_options import CallOptions
from rpcfw.values.explanation import Explanation
from rpcfw.values.method import Method, Shape
from rpcfw_inspection.explain import ExplainService

__all__ = ["add_arguments", "ask_processes", "run"]

EPILOG = """\
  rpcfw explain -c consumer.ini demo.Shop/get '{"id": 7}'
  rpcfw explain -c consumer.ini demo.Shop/get '{"id": 7}' --metadata tag=gray --json
  rpcfw explain --of tcp:127.0.0.1:2299 demo.Shop/get '{"id": 7}'

The last one asks a running consumer, at an address of its [inspection] listen: it says what
it would do now, with all that it has learned.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes.
    """
    parser.add_argument("method", metavar="SERVICE/METHOD", type=a_method)
    parser.add_argument(
        "request", metavar="JSON", nargs="?", default="{}", help="the request; {} by default"
    )
    parser.add_argument(
        "--metadata",
        metavar="NAME=VALUE",
        type=a_pair,
        action="append",
        default=[],
        help="as if this was sent along; may be repeated; -bin names have values in base64",
    )
    parser.add_argument(
        "--caller", metavar="NAME", help="as if the application NAME called; else [app] name"
    )
    parser.add_argument(
        "--idempotent",
        action="store_true",
        help="the method is marked idempotent; retry policies ask for this",
    )
    parser.add_argument("--json", action="store_true", help="print JSON: a list of explanations")
    parser.add_argument(
        "--of",
        metavar="ADDRESS",
        type=an_address,
        action="append",
        default=[],
        help="ask the running process with this address in [inspection] listen; may be repeated",
    )
    parser.add_argument(
        "--timeout",
        metavar="DURATION",
        type=a_duration,
        default=5.0,
        help="how long the registry, connections, and a process may take; 5s by default",
    )
    add_process_arguments(parser)


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Print where a call would go and return the exit code.

    Raises:
        SetupError: an argument or the configuration is wrong.
    """
    request = decoded(arguments.request.encode("utf-8", "surrogateescape"), "the request")
    if arguments.caller is not None:
        if arguments.of:
            raise SettingsError("--caller is for a process that does not run yet; leave out --of")
        arguments.sets.append(f"app.name={arguments.caller}")
    ask = ask_processes if arguments.of else _ask_here

    def change(plan: Plan) -> Plan:
        plan = calls_only(plan)
        return changed(plan, registry=None) if arguments.of else plan

    application = application_of(arguments, environ, change)

    async def command() -> int:
        async with application:
            found = await ask(application, arguments, request)
        out.write(_as_json(found) if arguments.json else "\n".join(map(as_text, found)))
        return FINE

    return run_command(application, command)


async def _ask_here(
    application: Application, arguments: Namespace, request: Any
) -> list[Explanation]:
    service, name = arguments.method
    called = Method(service, name, Shape.UNARY, Any, Any, "json", idempotent=arguments.idempotent)
    options = CallOptions(metadata=arguments.metadata)
    limited = options._replace(timeout_s=arguments.timeout)
    found = await application.explain(called, request, limited)
    if not found.instances:
        await _check_service(application, service)
    await until_connected(application, service, arguments.timeout)
    return [await application.explain(called, request, options)]


async def _check_service(application: Application, service: str) -> None:
    """
    See that a service of which no instance is known is known by its name.
    """
    registry = application.registry
    names = () if registry is None else await registry.services()
    if names and service not in names:
        raise RegistryError(f"no service is called {service!r} here; {suggestion(service, names)}")


async def ask_processes(
    application: Application, arguments: Namespace, request: Any
) -> list[Explanation]:
    """
    Return what running processes would do with a call.
    """
    return [await _ask_one(application, arguments, request, each) for each in arguments.of]


async def _ask_one(
    application: Application, arguments: Namespace, request: Any, address: Address
) -> Explanation:
    pairs = [
        (name, b64encode(value).decode() if isinstance(value, bytes) else value)
        for name, value in arguments.metadata
    ]
    open_channel = application.runtime.plugin_context.open_channel
    channel = open_channel(address, "native", service=ExplainService.service_name)
    try:
        found: Explanation = await proxy(ExplainService, channel).explain(
            *arguments.method, request, pairs, arguments.idempotent, timeout=arguments.timeout
        )
    finally:
        await channel.close()
    return attrs.evolve(found, process=str(address))


def _as_json(found: Sequence[Explanation]) -> str:
    records = [attrs.asdict(each) for each in found]
    return printable_json(json.dumps(records, indent=2)) + "\n"
