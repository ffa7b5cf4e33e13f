"""
The commands that a person types: ``ls``, ``invoke`` and a few more, as Dubbo has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from attrs import frozen

from rpcfw.spi.served import Served
from rpcfw.values.arguments import Arguments
from rpcfw.values.method import Method
from rpcfw_dubbo.descriptors import parse_signature

__all__ = ["COMMANDS", "HELP", "CommandError", "Invocation", "list_methods", "parse_invocation"]

COMMANDS = ("ls", "invoke", "help", "exit", "quit")
HELP = """\
ls                                  list the services
ls SERVICE                          list the methods of a service
invoke SERVICE.METHOD(ARGUMENTS)    call a method; the arguments are JSON, as "bob", 3
exit, quit                          close the connection"""


class CommandError(Exception):
    """
    A command cannot be carried out. The text is for the person who typed it.
    """


@frozen
class Invocation:
    """
    A call that was typed.

    Args:
        path: of the method.
        body: the request, in JSON.
    """

    path: str
    body: bytes


def list_methods(served: Served, service: str) -> list[str]:
    """
    Return the services, or the methods of one with the names of their parameters.
    """
    if not service:
        return sorted({method.service for method in served.methods.values()})
    found = [method for method in served.methods.values() if method.service == service]
    if not found:
        raise CommandError(f"there is no service {service}; try: ls")
    return sorted(f"{_name(method)}({', '.join(_parameters(method))})" for method in found)


def parse_invocation(served: Served, text: str) -> Invocation:
    """
    Return the call in ``demo.Hello.say("bob")``. The service may be left out if one is meant.
    """
    name, bracket, rest = text.partition("(")
    inside = rest.rstrip().removesuffix(")")
    if not bracket or inside == rest.rstrip():
        raise CommandError('expected a call, as: invoke demo.Hello.say("bob")')
    method = _method(served, name.strip())
    try:
        arguments = msgspec.json.decode(f"[{inside}]")
    except (msgspec.DecodeError, RecursionError) as error:
        raise CommandError(f"the arguments are not JSON: {error}") from None
    return Invocation(method.path, msgspec.json.encode(_request(method, arguments)))


def _method(served: Served, name: str) -> Method:
    service, _, last = name.rpartition(".")
    known = served.methods.get(f"{service}/{last}")
    if known is not None:
        return known
    named = [one for one in served.methods.values() if _name(one) == last]
    fit = [one for one in named if one.service == service or not service]
    if len(fit) != 1:
        several = f"; there are: {', '.join(sorted(one.path for one in fit))}" if fit else ""
        raise CommandError(f"{name or 'no name'} is not one method that is served here{several}")
    return fit[0]


def _name(method: Method) -> str:
    return parse_signature(method.name)[0] if method.name.endswith(")") else method.name


def _parameters(method: Method) -> tuple[str, ...]:
    kind = method.request_type
    if isinstance(kind, type) and issubclass(kind, Arguments):
        return kind.__struct_fields__
    return ("message",)


def _request(method: Method, arguments: list[Any]) -> Any:
    names = _parameters(method)
    if len(arguments) > len(names):
        raise CommandError(f"{method.path} takes {len(names)} arguments, got {len(arguments)}")
    given: Mapping[str, Any] = dict(zip(names, arguments, strict=False))
    return given if names != ("message",) else given.get("message")
