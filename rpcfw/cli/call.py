"""
``rpcfw call``: call any method that speaks JSON, in any of the four shapes.

What the method takes is not known here, so whatever is JSON is sent, and the server
says what does not fit. It is asked to refuse parameters that it does not know.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TextIO

from rpcfw.app.application import Application
from rpcfw.app.plan import Plan
from rpcfw.app.tools.call_text import decoded
from rpcfw.app.tools.printed import as_line
from rpcfw.cli.arguments import (
    a_method,
    a_method_or_address,
    a_pair,
    a_time_limit,
    an_address,
)
from rpcfw.cli.codes import FINE
from rpcfw.cli.running import add_process_arguments, application_of, calls_only, changed
from rpcfw.cli.running import run as run_command
from rpcfw.cli.stdin import Lines
from rpcfw.errors import SettingsError
from rpcfw.spi.channel import Channel
from rpcfw.values.address import Address
from rpcfw.values.call_options import CallOptions
from rpcfw.values.metadata import STRICT
from rpcfw.values.method import Method, Shape

__all__ = ["add_arguments", "run"]

EPILOG = """\
  rpcfw call -c consumer.ini demo.Greeter/say '{"name": "bob"}'
  rpcfw call 127.0.0.1:2200 demo.Greeter/say '{"name": "bob"}'
  rpcfw call --protocol dubbo 127.0.0.1:20880 demo.Hello/say '["bob"]'
  rpcfw call -c consumer.ini --stream demo.Greeter/count '{"to": 3}'
  seq 3 | rpcfw call -c consumer.ini --stream demo.Greeter/total

A request is a JSON object of the method's arguments, {} if none is given; a method that
takes one message, a stream of messages say, takes that message itself. Over Dubbo it is a
list of arguments; Java types in parentheses choose one of several methods with a name, as
'demo.Hello/say(java.lang.String)'. Each response is
printed as a line of JSON. A call that fails prints one line to standard error, which
begins with its status (UNAVAILABLE, INVALID_ARGUMENT and so on), and exits with 1.
"""

_STDIN = "-"


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes.
    """
    parser.add_argument(
        "method",
        metavar="[ADDRESS] SERVICE/METHOD",
        type=a_method_or_address,
        help="what to call; an address before it is as --address",
    )
    parser.add_argument(
        "messages",
        metavar="JSON",
        nargs="*",
        help="the request, - to read it from standard input; with --stream any number of "
        "messages, read from standard input, one a line, if none is given",
    )
    parser.add_argument(
        "--stream",
        action="store_true",
        help="the method streams: requests, responses or both",
    )
    parser.add_argument(
        "--timeout",
        metavar="DURATION",
        type=a_time_limit,
        help="limit of the whole call, as 500ms, or none; else [client] timeout, stream_timeout",
    )
    parser.add_argument(
        "--metadata",
        metavar="NAME=VALUE",
        type=a_pair,
        action="append",
        default=[],
        help="send this along; may be repeated; names that end in -bin have values in base64",
    )
    parser.add_argument(
        "--address",
        metavar="ADDRESS",
        type=an_address,
        help="call the server at this address, as tcp:127.0.0.1:2200, and ask no registry",
    )
    parser.add_argument(
        "--protocol",
        metavar="NAME",
        help="the wire to speak; [client] protocols otherwise",
    )
    add_process_arguments(parser)


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Make the call, print what it answers, and return the exit code.

    Raises:
        SetupError: an argument or the configuration is wrong.
    """
    _take_address(arguments)
    messages = _messages(arguments)
    if arguments.protocol is not None:
        # Its registry may need the native one.
        names = {arguments.protocol: None, "native": None}
        arguments.sets.append(f"app.protocols={', '.join(names)}")

    def change(plan: Plan) -> Plan:
        return _speaking(arguments, calls_only(plan))

    application = application_of(arguments, environ, change)
    make_call = _stream if arguments.stream else _unary

    async def command() -> int:
        async with _channel(application, arguments) as channel:
            await make_call(application, channel, arguments, messages, out)
        return FINE

    return run_command(application, command)


def _take_address(arguments: Namespace) -> None:
    """
    Take an address from before the method.
    """
    if not isinstance(arguments.method, Address):
        return
    if arguments.address is not None:
        raise SettingsError("two addresses were given: one before the method, one by --address")
    if not arguments.messages:
        raise SettingsError(f"there is no SERVICE/METHOD after the address {arguments.method}")
    arguments.address = arguments.method
    try:
        arguments.method = a_method(arguments.messages.pop(0))
    except ArgumentTypeError as error:
        raise SettingsError(str(error)) from None


def _messages(arguments: Namespace) -> list[Any]:
    """
    Read what was given as arguments, before anything is started.
    """
    texts = arguments.messages
    if arguments.stream:
        texts = [] if texts == [_STDIN] else texts
    else:
        if len(texts) > 1:
            raise SettingsError(
                f"{len(texts)} requests were given; a call takes one, unless it streams: --stream"
            )
        texts = texts or ["{}"]
        if texts == [_STDIN]:
            texts = [sys.stdin.read()]
    return [
        decoded(text.encode("utf-8", "surrogateescape"), f"message {number}")
        for number, text in enumerate(texts, 1)
    ]


def _speaking(arguments: Namespace, plan: Plan) -> Plan:
    """
    Return the plan with the protocol that was asked for, and no registry if none is needed.
    """
    if arguments.address is not None:
        plan = changed(plan, registry=None)
    if arguments.protocol is None:
        return plan
    clients = {
        service: changed(client, options=changed(client.options, protocols=(arguments.protocol,)))
        for service, client in plan.clients.items()
    }
    return changed(plan, clients=clients)


@asynccontextmanager
async def _channel(application: Application, arguments: Namespace) -> AsyncIterator[Channel]:
    service, _ = arguments.method
    if arguments.address is None:
        channel = application.channel(service)
        async with application:
            yield channel
        return
    configured = application.plan.client(service).options
    if arguments.timeout is None:
        arguments.timeout = configured.stream_timeout if arguments.stream else configured.timeout
    channel = application.runtime.plugin_context.open_channel(
        arguments.address, arguments.protocol or configured.protocols[0], service=service
    )
    try:
        yield channel
    finally:
        await channel.close()


async def _unary(
    application: Application,
    channel: Channel,
    arguments: Namespace,
    messages: Sequence[Any],
    out: TextIO,
) -> None:
    method = _method(arguments, Shape.UNARY)
    response = await channel.call(method, messages[0], _options(arguments))
    _print(response, out)


async def _stream(
    application: Application,
    channel: Channel,
    arguments: Namespace,
    messages: Sequence[Any],
    out: TextIO,
) -> None:
    # On a wire that tells the shapes apart at all, this one holds the other three.
    method = _method(arguments, Shape.BIDI_STREAM)
    given = messages or _lines(application)
    async with channel.stream(method, given, _options(arguments)) as stream:
        async for response in stream:
            _print(response, out)


def _options(arguments: Namespace) -> CallOptions:
    return CallOptions(arguments.timeout, [*arguments.metadata, (STRICT, "1")])


def _method(arguments: Namespace, shape: Shape) -> Method:
    service, name = arguments.method
    return Method(service, name, shape, Any, Any, "json")


async def _lines(application: Application) -> AsyncIterator[Any]:
    reactor, max_bytes = application.runtime.reactor, application.plan.limits.max_send_bytes
    number = 0
    async for line in Lines(reactor, sys.stdin.fileno(), max_bytes):
        number += 1
        yield decoded(line, f"message {number}")


def _print(response: Any, out: TextIO) -> None:
    out.write(f"{as_line(response)}\n")
    out.flush()
