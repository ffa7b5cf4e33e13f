"""
Names of a proto file as names of Python.

The rules are the same for written code and for classes made at run time, so a
user may go from one to the other. Modules are named as protoc's own Python
generator names them, since that is who writes them.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable

from rpcfw.spi.hooks import HOOKS

__all__ = [
    "attributes",
    "identifier",
    "is_unwritable",
    "messages_module",
    "services_module",
    "snake_case",
]

_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

#: What a method's name would hide: members of `Service`, and what the written
#: text uses inside a class.
_TAKEN = frozenset({"float", "method", "service_name", "str", *HOOKS})


def snake_case(name: str) -> str:
    """
    Return ``GetHTTPPage`` as ``get_http_page``.
    """
    return _WORD_STARTS.sub("_", name).lower()


def attributes(methods: Iterable[str]) -> dict[str, str]:
    """
    Return the attribute for each method of one service, by its proto name.

    A keyword, or a name that is taken, gets an underscore behind it. Leading
    underscores go, for those names belong to the classes themselves. Two methods
    that would meet in one name are numbered in the order of the file.
    """
    found: dict[str, str] = {}
    used: set[str] = set()
    for name in methods:
        attribute = plain = _attribute(name)
        number = 1
        while attribute in used:
            number += 1
            attribute = f"{plain}_{number}"
        used.add(attribute)
        found[name] = attribute
    return found


def _attribute(name: str) -> str:
    attribute = snake_case(name).lstrip("_")
    if not attribute or attribute[0].isdigit():
        attribute = f"method_{attribute}".rstrip("_")
    if keyword.iskeyword(attribute) or attribute in _TAKEN or attribute.endswith("_pb2"):
        attribute += "_"
    return attribute


def messages_module(proto: str) -> str:
    """
    Return the module that protoc writes the messages of a proto file to.
    """
    return _module(proto) + "_pb2"


def services_module(proto: str) -> str:
    """
    Return the module that its services are written to.
    """
    return _module(proto) + "_rpc"


def _module(proto: str) -> str:
    for ending in (".proto", ".protodevel"):
        if proto.endswith(ending):
            proto = proto[: -len(ending)]
            break
    return proto.replace("-", "_").replace("/", ".")


def is_unwritable(dotted: str) -> bool:
    """
    Whether a dotted name cannot be written down, as ``class.order_pb2`` or ``2fa_pb2``.

    protoc makes modules of such names all the same; importlib can import them.
    """
    return not all(map(_is_name, dotted.split(".")))


def identifier(module: str) -> str:
    """
    Return a name in the text for a module of any name.
    """
    name = re.sub(r"\W", "_", module)
    return name if _is_name(name) else f"_{name}"


def _is_name(part: str) -> bool:
    return part.isidentifier() and not keyword.iskeyword(part)
