"""
What a service class offers: its marked methods, read off their annotations.

Read once for each class, when it is first served or called.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import msgspec
from attrs import frozen
from twisted.internet.defer import Deferred

from rpcfw.errors import ContractError, Unimplemented
from rpcfw.spi.method_mark import Mark, find_mark, wrapped_function
from rpcfw.spi.service import Service, method
from rpcfw.values.arguments import Arguments
from rpcfw.values.method import Method, Shape

__all__ = ["MethodSpec", "offered", "offered_as", "service_class"]

_NAME = re.compile(r"[^\s/]+\Z")
_STREAMS = (AsyncIterator, AsyncIterable, AsyncGenerator)
#: Words that a stub takes for itself, so no parameter may have them.
_RESERVED = ("timeout", "metadata", "compression")


@frozen(eq=False)
class MethodSpec:
    """
    Describes one method of a service class.

    Args:
        method: its path, shape, types and codecs.
        attribute: its name in the class.
        blocking: it must run in the thread pool.
        parameters: in plain Python, the names of its parameters: the request is a struct
            with one field for each. None if the one parameter is the request.
    """

    method: Method
    attribute: str
    blocking: bool
    parameters: tuple[str, ...] | None


def offered_as(function: Any) -> tuple[type[Service], MethodSpec]:
    """
    Return the service class in which a method is defined, and the method's description.

    Args:
        function: the method as an attribute of the class, ``Greeter.say``.

    Raises:
        ContractError: it is no method of a service with a name.
    """
    mark: Mark | None = getattr(function, "__dict__", {}).get("__rpcfw__")
    if mark is None or mark.owner is None or inspect.ismethod(function):
        raise ContractError(
            f"{getattr(function, '__qualname__', repr(function))} is no method of a service: "
            "expected one marked with @rpcfw.method in a class that has a name, as Greeter.say"
        )
    cls, attribute = mark.owner
    for one in offered(cls):
        if one.attribute == attribute:
            return cls, one
    raise ContractError(f"{cls.__qualname__}.{attribute} is not marked with @rpcfw.method")


def offered(cls: type[Service]) -> tuple[MethodSpec, ...]:
    """
    Return the methods of a service class, sorted by their names on the wire.

    Raises:
        ContractError: the class cannot be served; names the method and why.
    """
    found: tuple[MethodSpec, ...] | None = cls.__dict__.get("__rpcfw_offered__")
    if found is None:
        if not cls.service_name:
            raise ContractError(
                f"{cls.__qualname__} has no name; write class {cls.__name__}(Service, name=...)"
            )
        attributes = sorted({name for base in cls.__mro__ for name in vars(base)})
        methods = [_method_spec(cls, name) for name in attributes]
        found = tuple(sorted(filter(None, methods), key=lambda one: one.method.name))
        if not found:
            raise ContractError(
                f"{cls.__qualname__}: no method is marked, so nothing of it could be called; "
                "write @rpcfw.method above each method that callers may use"
            )
        for one, next_one in pairwise(found):
            if one.method.name == next_one.method.name:
                raise ContractError(
                    f"{cls.__qualname__}: {one.attribute} and {next_one.attribute} are both "
                    f"called {one.method.name} on the wire"
                )
        type.__setattr__(cls, "__rpcfw_offered__", found)
    return found


def _method_spec(cls: type[Service], attribute: str) -> MethodSpec | None:
    """
    Return the method of one attribute, or None if clients cannot call it.

    The first mark in the base classes says what the method is on the wire. The function that
    the class itself uses says how it runs.
    """
    functions = [vars(base)[attribute] for base in cls.__mro__ if attribute in vars(base)]
    marked = [(f, mark) for f in functions if (mark := find_mark(f)) is not None]
    declared = [(function, mark) for function, mark in marked if mark.exported]
    if not declared:
        return None
    function, mark = declared[-1]
    where = f"{cls.__qualname__}.{attribute}"
    for found in (functions[0], function):
        if wrapped_function(found) is not None or not callable(found):
            raise ContractError(
                f"{where}: a {type(found).__name__} cannot be called from outside; "
                "write a method of the instance, with self"
            )
    if mark.name is not None and not _NAME.match(mark.name):
        raise ContractError(f"{where}: {mark.name!r} cannot be a method's name")
    if mark.shape is None:
        types = _plain_types(where, function)
    else:
        types = (mark.shape, mark.request_type, mark.response_type, None)
    shape, request_type, response_type, parameters = types
    if mark.one_way and shape is not Shape.UNARY:
        raise ContractError(f"{where}: only a unary method can be one-way")
    return MethodSpec(
        method=Method(
            service=cls.service_name,
            name=mark.name or attribute,
            shape=shape,
            request_type=request_type,
            response_type=response_type,
            codec=mark.codec,
            codecs=mark.codecs,
            idempotent=mark.idempotent,
            one_way=mark.one_way,
            timeout_s=mark.timeout_s,
        ),
        attribute=attribute,
        blocking=functions[0] is marked[0][0] and marked[0][1].blocking,
        parameters=parameters,
    )


def _plain_types(
    where: str, function: Callable[..., Any]
) -> tuple[Shape, Any, Any, tuple[str, ...] | None]:
    """
    Read shape and types from annotations.
    """
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception as error:
        raise ContractError(f"{where}: its annotations cannot be read: {error}") from error
    parameters = list(inspect.signature(function).parameters.values())[1:]
    for parameter in parameters:
        if parameter.kind is not parameter.POSITIONAL_OR_KEYWORD:
            raise ContractError(
                f"{where}: {parameter} cannot be sent; give the method plain parameters, "
                "without *, / and **"
            )
        if parameter.name not in hints:
            raise ContractError(f"{where}: the parameter {parameter.name!r} has no annotation")
        if parameter.name in _RESERVED:
            raise ContractError(f"{where}: {parameter.name!r} belongs to the call; rename it")
    if "return" not in hints:
        raise ContractError(f"{where}: the result has no annotation")
    response, server_streams = _message_type(where, hints["return"])
    if len(parameters) == 1:
        item, client_streams = _message_type(where, hints[parameters[0].name])
        if client_streams:
            shape = Shape.BIDI_STREAM if server_streams else Shape.CLIENT_STREAM
            return shape, item, response, None
    shape = Shape.SERVER_STREAM if server_streams else Shape.UNARY
    fields = [_struct_field(parameter, hints[parameter.name]) for parameter in parameters]
    try:
        struct = msgspec.defstruct(f"{function.__name__}_arguments", fields, bases=(Arguments,))
    except (TypeError, ValueError) as error:
        raise ContractError(f"{where}: its parameters cannot be sent: {error}") from error
    return shape, struct, response, tuple(parameter.name for parameter in parameters)


def _struct_field(parameter: inspect.Parameter, hint: Any) -> Any:
    if parameter.default is parameter.empty:
        return (parameter.name, hint)
    default = parameter.default
    if isinstance(default, (list, dict, set)):
        return (parameter.name, hint, msgspec.field(default_factory=lambda: type(default)(default)))
    return (parameter.name, hint, default)


def _message_type(where: str, hint: Any) -> tuple[Any, bool]:
    """
    Return the type of the messages, and whether they are a stream.
    """
    origin = typing.get_origin(hint) or hint
    if origin is not Deferred and origin not in _STREAMS:
        return hint, False
    arguments = typing.get_args(hint)
    if not arguments:
        raise ContractError(f"{where}: {hint.__name__} needs the type of what it gives in brackets")
    return arguments[0], origin is not Deferred


def service_class(name: str, methods: dict[str, Method], doc: str = "") -> type[Service]:
    """
    Make a service class from methods that are not written in Python, as of descriptors.

    Args:
        name: full name of the service.
        methods: by attribute name. Each takes the request as its one argument.
    """

    def unimplemented(attribute: str) -> Callable[[Any, Any], Any]:
        def function(self: Any, request: Any) -> Any:
            raise Unimplemented(f"{name}/{attribute} is declared but not written")

        function.__name__ = function.__qualname__ = attribute
        return function

    namespace: dict[str, Any] = {"__doc__": doc}
    for attribute, known in methods.items():
        function = unimplemented(attribute)
        namespace[attribute] = function
        method(
            name=known.name,
            idempotent=known.idempotent,
            shape=known.shape,
            request_type=known.request_type,
            response_type=known.response_type,
            codec=known.codecs or known.codec,
        )(function)
    made: type[Service] = type(name.rpartition(".")[2], (Service,), namespace)
    made.service_name = name
    return made
