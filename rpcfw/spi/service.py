"""
Services: what users write by subclassing `Service`.

A service is defined in one of three ways, and served and called the same:

- in plain Python: methods marked with `method`, their parameters and results
  annotated with builtins, dataclasses, attrs classes or msgspec structs;
- by a class that ``protoc-gen-rpcfw`` wrote, which the user subclasses;
- by `rpcfw.spi.service_class.service_class` from descriptors, at run time.

A method may be ``async def``, a plain function, or return a Deferred; one marked
`blocking` runs in a thread. A server-streaming method is an async generator (or
returns an async iterator); a client-streaming one takes an ``AsyncIterator``.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, TypeVar, Union, overload

from twisted.internet.defer import Deferred

from rpcfw.errors import ContractError
from rpcfw.spi.context import Context, context
from rpcfw.spi.hooks import check_hooks
from rpcfw.spi.method_mark import mark_of, note_owner
from rpcfw.values.method import Shape
from rpcfw.values.units import parse_time_limit

__all__ = [
    "Context",
    "Reply",
    "Service",
    "blocking",
    "context",
    "method",
]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

#: What a method with one response may return. The base classes of generated code have it, so
#: that an override may be ``async def`` or a plain function.
Reply = Union[Coroutine[Any, Any, T], Deferred[T], T]  # noqa: UP007 - mypy takes no T |


class Service:
    """
    The base class of services.

    The class statement gives the name on the wire::

        class Greeter(Service, name="demo.Greeter"):
            @method(idempotent=True)
            async def say(self, name: str) -> str:
                return f"hello {name}"

    A subclass without ``name`` implements the service of its base.

    `started`, `ready`, `leaving` and `stopped` are hooks and cannot be called from outside. They
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
            note_owner(cls)

    async def started(self) -> None:
        """
        Runs before the service accepts calls: open here what the service needs.

        If it raises, or takes longer than ``[server] startup_timeout``, the server does not
        start.
        """

    async def ready(self) -> None:
        """
        Runs when the ports are open, and ends when the service is ready for its callers.

        Fill caches here, or wait for what the service needs. Until the hooks of all services
        have ended, none is announced and health checks fail. A call that comes all the same
        is served. If it raises, or takes longer than ``[server] startup_timeout``, the server
        does not start.
        """

    async def leaving(self) -> None:
        """
        Runs when the server begins to stop, while calls in flight continue.

        It can end streams that would not end by themselves. It has as much time as these
        calls, ``[server] drain_timeout``. It does not run if `started` failed.
        """

    async def stopped(self) -> None:
        """
        Runs after the last call of the service, if `started` did not fail.

        It has ``[server] cleanup_timeout``.
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
    codec: str | tuple[str, ...] = ...,
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
    codec: str | tuple[str, ...] = "json",
) -> Any:
    """
    Mark a method so that clients can call it. They cannot call any other.

    Args:
        name: its name on the wire, the function's own by default.
        idempotent: it may run several times, so a failed call may be retried.
        one_way: the caller does not wait for a result, and gets no error; the result is lost.
        timeout: the default time limit of its callers, as ``"500ms"``; or ``"none"``.
        codec: how clients encode its messages. A server takes every codec in use that
            can carry the types, and answers in the codec of the request. Of several, as
            ``("json", "msgpack")``, clients use the first, and a server takes these only.
        shape: with ``request_type`` and ``response_type``: for generated code, instead
            of annotations.
    """
    first, only = _codecs(codec)

    def mark(function: F) -> F:
        found = mark_of(function)
        found.exported = True
        found.name = name
        found.idempotent = idempotent
        found.one_way = one_way
        found.timeout_s = None if timeout is None else parse_time_limit(timeout)
        found.shape = shape
        found.request_type = request_type
        found.response_type = response_type
        found.codec, found.codecs = first, only
        return function

    return mark if function is None else mark(function)


def _codecs(given: str | tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    if isinstance(given, str):
        return given, ()
    if not given:
        raise ContractError("codec=() names none; expected one as 'json', or a tuple of them")
    return given[0], tuple(given)


def blocking(function: F) -> F:
    """
    Mark a method that blocks: it runs in the server's thread pool.
    """
    mark_of(function).blocking = True
    return function
