"""
The calls that a preview of rules is about: one that was given, or all of a method.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import field, frozen

from rpcfw.cli.arguments import decoded
from rpcfw.errors import SettingsError
from rpcfw.spi.router import KeyedPart, Router
from rpcfw.values.method import Method, Shape

__all__ = ["AskedCall", "add_call_arguments", "asked_calls", "asked_method", "check_call_arguments"]

#: Calls without a method's own rules are explained by this name.
_ANY_METHOD = "any"
#: Several routers may each divide the calls.
_MAX_CALLS = 100


@frozen
class AskedCall:
    """
    A call that stands for all with the same keys.

    Args:
        share: of the calls of the method, from 0 to 1.
        request: as JSON has it.
    """

    share: float
    request: Any
    metadata: Mapping[str, str] = field(factory=dict)


def add_call_arguments(parser: ArgumentParser) -> None:
    """
    Declare which calls ``--dry-run`` is about.
    """
    parser.add_argument("--method", metavar="NAME", help="with --dry-run: of calls of this method")
    parser.add_argument(
        "--request",
        metavar="JSON",
        help="with --dry-run: of a call with these arguments; without it, of all calls",
    )


def check_call_arguments(arguments: Namespace) -> None:
    """
    See that calls are named only where they are asked for.

    Raises:
        SettingsError: they are not, or the request is no JSON.
    """
    if arguments.dry_run:
        _request(arguments)
    elif arguments.method is not None or arguments.request is not None:
        raise SettingsError("--method and --request are for --dry-run, which changes nothing")


def asked_method(arguments: Namespace) -> Method:
    """
    Return the method whose calls are meant.
    """
    name = arguments.method or _ANY_METHOD
    return Method(arguments.service, name, Shape.UNARY, Any, Any, "json")


def asked_calls(arguments: Namespace, routers: Iterable[Router]) -> list[AskedCall]:
    """
    Return the call that was given, or one for each part into which routers divide the calls.
    """
    if arguments.request is not None:
        return [AskedCall(1.0, _request(arguments))]
    calls = [AskedCall(1.0, {})]
    method = asked_method(arguments)
    for router in routers:
        parts = router.parts(method)
        divided = [each for call in calls for each in _divided(call, parts)]
        if len(divided) <= _MAX_CALLS:
            calls = divided
    return calls


def _divided(call: AskedCall, parts: Iterable[KeyedPart]) -> list[AskedCall]:
    found = []
    for part in parts:
        put = part.key.put(part.value, call.request, call.metadata)
        if put is not None:
            found.append(AskedCall(call.share * part.share, *put))
    return found or [call]


def _request(arguments: Namespace) -> Any:
    if arguments.request is None:
        return None
    return decoded(arguments.request.encode("utf-8", "surrogateescape"), "the request")
