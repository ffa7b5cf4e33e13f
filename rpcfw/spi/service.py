"""
Services: what users write by subclassing `Service`.

A service is defined in one of three ways, and served and called the same:

- in plain Python: methods marked with `method`, their parameters and results
  annotated with builtins, dataclasses, attrs classes or msgspec structs;
- by a class that ``protoc-gen-rpcfw`` wrote, which the user subclasses;
- by `service_class` from descriptors, at run time.

A method may be ``async def``, a plain function, or return a Deferred; one marked
`blocking` runs in a thread. A server-streaming method is an async generator (or
returns an async iterator); a client-streaming one takes an ``AsyncIterator``.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Coroutine
from functools import cached_property, partialmethod
from itertools import pairwise
from typing import Any, ClassVar, TypeVar, Union, overload

import msgspec
from attrs import define, frozen
from twisted.internet.defer import Deferred

from rpcfw.errors import ContractError, Unimplemented
from rpcfw.spi.context import Context, context
from rpcfw.spi.hooks import check_hooks
from rpcfw.values.method import Method, Shape
from rpcfw.values.units import parse_time_limit

__all__ = [
    "Context",
    "MethodSpec",
    "Reply",
    "Service",
    "blocking",
    "context",
    "method",
    "offered",
    "offered_as",
    "service_class",
]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

#: What a method with one response may return: written so in the base classes of
#: generated code, it is overridden by ``async def`` and plain functions alike.
Reply = Union[Coroutine[Any, Any, T], Deferred[T], T]  # noqa: UP007 - mypy takes no T |

_NAME = re.compile(r"[^\s/]+\Z")
_STREAMS = (AsyncIterator, AsyncIterable, AsyncGenerator)
#: Words that a stub takes for itself, so no parameter may have them.
_RESERVED = ("timeout", "metadata", "compression")


@define
class _Mark:
    """
    What a decorator wrote on a function.
    """

    exported: bool = False
    blocking: bool = False
    name: str | None = None
    idempotent: bool = False
    one_way: bool = False
    timeout_s: float | None = None
    shape: Shape | None = None
    request_type: Any = None
    response_type: Any = None
    codec: str | None = None
    #: The class with a name that the function was written in, and its name there.
    owner: tuple[type[Service], str] | None = None


@frozen(eq=False)
class MethodSpec:
    """
    One method of a service class, ready to be served or called.

    Args:
        method: what it is to the rest of the framework.
        attribute: its name in the class.
        blocking: it must run in a thread.
        parameters: for plain Python, the names over which the request, a struct
            of arguments, is spread; None if the one parameter is the request.
    """

    method: Method
    attribute: str
    blocking: bool
    parameters: tuple[str, ...] | None


class Service:
    """
    The base class of services.

    The name on the wire is given as the class is made::

        class Greeter(Service, name="demo.Greeter"):
            @method(idempotent=True)
            async def say(self, name: str) -> str:
                return f"hello {name}"

    A subclass without ``name`` implements the service of its base.

    `started`, `leaving` and `stopped` are hooks and cannot be called from outside. They
    may be coroutine functions, plain functions, or return a Deferred. A method that is to
    have one of these names on the wire gets it by ``@method(name="leaving")``.
    """

    service_name: ClassVar[str] = ""

    def __init_subclass__(cls, *, name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if name is not None:
            if not name or "/" in name or any(c.isspace() for c in name):
                raise ContractError(f"{cls.__qualname__}: {name!r} cannot be a service's name")
            cls.service_name = name
        check_hooks(cls)
        if cls.service_name:
            _own(cls)

    async def started(self) -> None:
        """
        Runs before the service takes calls: for what it needs to open.

        What raises here, or takes longer than ``[server] startup_timeout``, stops the
        server from starting.
        """

    async def leaving(self) -> None:
        """
        Runs when the server begins to stop, while open calls go on.

        For ending streams that would not end by themselves. Has as long as open calls
        have, ``[server] drain_timeout``. Not asked if `started` has not ended well.
        """

    async def stopped(self) -> None:
        """
        Runs after its last call, if `started` has ended well.

        Has as long as ``[server] cleanup_timeout``.
        """


@overload
def method(function: F, /) -> F: ...


@overload
def method(
    *,
    name: str | None = ...,
    idempotent: bool = ...,
    one_way: bool = ...,
    timeout: str | None = ...,
    shape: Shape | None = ...,
    request_type: Any = ...,
    response_type: Any = ...,
    codec: str | None = ...,
) -> Callable[[F], F]: ...


def method(  # noqa: PLR0913 - all but the function itself stand by keyword
    function: Any = None,
    /,
    *,
    name: str | None = None,
    idempotent: bool = False,
    one_way: bool = False,
    timeout: str | None = None,
    shape: Shape | None = None,
    request_type: Any = None,
    response_type: Any = None,
    codec: str | None = None,
) -> Any:
    """
    Mark a method as callable from outside. What is not marked never is.

    Args:
        name: its name on the wire, the function's own by default.
        idempotent: repeating it does no harm, so a failed call may be repeated.
        one_way: the caller does not wait and learns nothing; the result is dropped.
        timeout: the default limit for its callers, as ``"500ms"``; ``"none"`` for no limit.
        shape: with ``request_type``, ``response_type`` and ``codec``: for
            generated code, instead of annotations.
    """

    def mark(function: F) -> F:
        found = _mark_of(function)
        found.exported = True
        found.name = name
        found.idempotent = idempotent
        found.one_way = one_way
        found.timeout_s = None if timeout is None else parse_time_limit(timeout)
        found.shape = shape
        found.request_type = request_type
        found.response_type = response_type
        found.codec = codec
        return function

    return mark if function is None else mark(function)


def blocking(function: F) -> F:
    """
    Mark a method that blocks: it runs in the server's thread pool.
    """
    _mark_of(function).blocking = True
    return function


def _mark_of(function: Any) -> _Mark:
    if not hasattr(function, "__dict__"):
        raise ContractError(
            f"a {type(function).__name__} cannot be called from outside; "
            "mark a method of the instance, with self"
        )
    mark: _Mark | None = function.__dict__.get("__rpcfw__")
    if mark is None:
        mark = function.__rpcfw__ = _Mark()
    return mark


def _found_mark(attribute: Any) -> _Mark | None:
    """
    Return the mark of what stands in a class, also one that a decorator has hidden.
    """
    for candidate in (attribute, _wrapped(attribute)):
        mark: _Mark | None = getattr(candidate, "__dict__", {}).get("__rpcfw__")
        if mark is not None:
            return mark
    return None


def _wrapped(attribute: Any) -> Any:
    """
    Return the function in what is no method of an instance; None for a method.
    """
    if isinstance(attribute, (staticmethod, classmethod)):
        return attribute.__func__
    if isinstance(attribute, property):
        return attribute.fget
    return attribute.func if isinstance(attribute, (cached_property, partialmethod)) else None


def _own(cls: type[Service]) -> None:
    """
    Write on the functions of a class whose they are.
    """
    for attribute, value in vars(cls).items():
        mark = vars(value).get("__rpcfw__") if inspect.isfunction(value) else None
        if mark is not None and mark.owner is None:
            mark.owner = (cls, attribute)


def offered_as(function: Any) -> tuple[type[Service], MethodSpec]:
    """
    Return the service class that a method was written in, and what it offers as that.

    Args:
        function: the method as it stands in the class, ``Greeter.say``.

    Raises:
        ContractError: it is no method of a service with a name.
    """
    mark: _Mark | None = getattr(function, "__dict__", {}).get("__rpcfw__")
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
        methods = [_offer(cls, name) for name in attributes]
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


def _offer(cls: type[Service], attribute: str) -> MethodSpec | None:
    """
    Return what a class offers under one attribute, if anything.

    The mark nearest to the base class says what the method is on the wire; the
    function nearest to the class says how it runs.
    """
    functions = [vars(base)[attribute] for base in cls.__mro__ if attribute in vars(base)]
    marked = [(f, mark) for f in functions if (mark := _found_mark(f)) is not None]
    declared = [(function, mark) for function, mark in marked if mark.exported]
    if not declared:
        return None
    function, mark = declared[-1]
    where = f"{cls.__qualname__}.{attribute}"
    for found in (functions[0], function):
        if _wrapped(found) is not None or not callable(found):
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
            codec=mark.codec or "json",
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
    Read shape and types off annotations.
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
    response, server_streams = _unwrapped(where, hints["return"])
    if len(parameters) == 1:
        item, client_streams = _unwrapped(where, hints[parameters[0].name])
        if client_streams:
            shape = Shape.BIDI_STREAM if server_streams else Shape.CLIENT_STREAM
            return shape, item, response, None
    shape = Shape.SERVER_STREAM if server_streams else Shape.UNARY
    fields = [_struct_field(parameter, hints[parameter.name]) for parameter in parameters]
    try:
        struct = msgspec.defstruct(f"{function.__name__}_arguments", fields)
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


def _unwrapped(where: str, hint: Any) -> tuple[Any, bool]:
    """
    Return the type of the messages, and whether they come as a stream.
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
    Make a service class from methods that are known otherwise, from descriptors say.

    Args:
        name: full name of the service.
        methods: by the attribute they get; each takes the request and answers.
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
            codec=known.codec,
        )(function)
    made: type[Service] = type(name.rpartition(".")[2], (Service,), namespace)
    made.service_name = name
    return made
