"""
What the methods of a client show to ``help()``, completion and `inspect.signature`.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterable, Callable, Coroutine, Iterable
from inspect import Parameter, Signature
from typing import Any
from weakref import WeakKeyDictionary

import msgspec

from rpcfw.spi.service import Service
from rpcfw.spi.service_class import MethodSpec
from rpcfw.spi.stream import Stream
from rpcfw.values.metadata import MetadataLike
from rpcfw.values.method import Shape

__all__ = ["describe", "only_parameter", "with_result"]

_OPTIONS = [
    Parameter("timeout", Parameter.KEYWORD_ONLY, default=None, annotation=float | str | None),
    Parameter("metadata", Parameter.KEYWORD_ONLY, default=None, annotation=MetadataLike | None),
    Parameter("compression", Parameter.KEYWORD_ONLY, default=None, annotation=str | None),
]

# A client may be asked for often, and a signature takes longer than the client.
_known: WeakKeyDictionary[MethodSpec, Signature] = WeakKeyDictionary()


def describe(stub: Callable[..., Any], service: type[Service], one: MethodSpec) -> None:
    """
    Write name, text and signature on the function that calls a method.
    """
    described: Any = stub
    described.__name__ = one.attribute
    described.__qualname__ = f"{service.__name__}.{one.attribute}"
    described.__module__ = service.__module__
    calls = f"Calls {one.method.path} ({one.method.shape.value})."
    text = inspect.getdoc(getattr(service, one.attribute))
    described.__doc__ = f"{text}\n\n{calls}" if text else calls
    signature = _known.get(one)
    if signature is None:
        signature = _known[one] = _signature(service, one)
    described.__signature__ = signature


def only_parameter(service: type[Service], one: MethodSpec) -> str:
    """
    Return the name of the one parameter of a method that takes messages as they are.
    """
    names = list(inspect.signature(getattr(service, one.attribute)).parameters)
    return names[1] if len(names) > 1 else "request"


def with_result(signature: Signature, item: Callable[[Any, Any], Any]) -> Signature:
    """
    Return the signature for code that blocks: the result itself, or a stream of it.

    Args:
        item: what makes the type of a stream from what is sent and what is received.
    """
    given = signature.return_annotation
    arguments = getattr(given, "__args__", (Any, Any, Any))
    if getattr(given, "__origin__", None) is Stream:
        return signature.replace(return_annotation=item(*arguments))
    return signature.replace(return_annotation=arguments[-1])


def _signature(service: type[Service], one: MethodSpec) -> Signature:
    method = one.method
    if method.shape.server_streams:
        sent = method.request_type if method.shape.client_streams else Any
        given = _generic(Stream, sent, method.response_type)
    else:
        given = _generic(Coroutine, Any, Any, method.response_type)
    return Signature([*_parameters(service, one), *_OPTIONS], return_annotation=given)


def _generic(kind: Any, *arguments: Any) -> Any:
    return kind[arguments]


def _parameters(service: type[Service], one: MethodSpec) -> list[Parameter]:
    kind = Parameter.POSITIONAL_OR_KEYWORD
    if one.parameters is None:
        taken = one.method.request_type
        if one.method.shape.client_streams:
            taken = _generic(Iterable, taken) | _generic(AsyncIterable, taken)
        default = None if one.method.shape is Shape.BIDI_STREAM else Parameter.empty
        name = only_parameter(service, one)
        return [Parameter(name, kind, default=default, annotation=taken)]
    return [
        Parameter(field.name, kind, default=_default(field), annotation=field.type)
        for field in msgspec.structs.fields(one.method.request_type)
    ]


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return Parameter.empty if field.default is msgspec.NODEFAULT else field.default
