"""
Stubs: calling a service as if it were an object here.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, TypeAlias

from rpcfw.errors import ContractError
from rpcfw.spi.channel import Channel
from rpcfw.spi.service import Offered, Service, offered
from rpcfw.spi.stream import Stream
from rpcfw.values.metadata import MetadataLike
from rpcfw.values.method import Method, Shape
from rpcfw.values.units import parse_time_limit

__all__ = ["Stub", "calling", "proxy"]

Timeout: TypeAlias = "float | str | None"


class Stub:
    """
    The base class of stubs that ``protoc-gen-rpcfw`` writes.

    ``timeout`` is seconds, or text with a unit or ``none``, for the whole call.

    Args:
        channel: what calls are made through.
    """

    #: Set by the generated class.
    service_name: ClassVar[str]

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def _call(
        self,
        method: Method,
        request: Any,
        timeout: Timeout,
        metadata: MetadataLike | None,
        compression: str | None = None,
    ) -> Coroutine[Any, Any, Any]:
        if isinstance(timeout, str):
            timeout = parse_time_limit(timeout)
        return self._channel.call(method, request, timeout, metadata, compression)

    def _stream(
        self,
        method: Method,
        request: Any,
        timeout: Timeout,
        metadata: MetadataLike | None,
        compression: str | None = None,
    ) -> Stream:
        if isinstance(timeout, str):
            timeout = parse_time_limit(timeout)
        return self._channel.stream(method, request, timeout, metadata, compression)


def calling(service: Any, channel: Callable[[str], Channel]) -> Any:
    """
    Return an object that calls a service.

    Args:
        service: a service class; or a stub class, of which an instance is returned.
        channel: gives the channel to a service by name.

    Raises:
        ContractError: it is neither.
    """
    if isinstance(service, type) and issubclass(service, Stub):
        return service(channel(service.service_name))
    if isinstance(service, type) and issubclass(service, Service):
        return proxy(service, channel(service.service_name))
    raise ContractError(f"{service!r} is neither a service class nor a stub class")


def proxy(service: type[Service], channel: Channel) -> Any:
    """
    Return an object with a method for each of a service class's.

    A method takes what the service's takes, and ``timeout``, ``metadata`` and
    ``compression`` by name. It returns a coroutine, or a `Stream` if the server
    streams. A client that streams hands in messages, from any iterable; for a
    bidirectional call it may hand in nothing and write to the stream.

    Raises:
        ContractError: the class cannot be called; says why.
    """
    namespace = {one.attribute: _method(one, channel) for one in offered(service)}
    namespace["__doc__"] = f"Calls {service.service_name}.\n\n{service.__doc__ or ''}"
    namespace["__slots__"] = ()
    return type(f"{service.__name__}Proxy", (), namespace)()


def _method(one: Offered, channel: Channel) -> Any:
    """
    Make the method for one of the four ways to call.
    """
    shape, method = one.method.shape, one.method
    send: Callable[..., Any] = channel.stream if shape.server_streams else channel.call
    spread = one.parameters is not None
    make_request = method.request_type if spread else _only
    if shape is Shape.BIDI_STREAM:
        make_request = _messages_or_none

    def stub(
        *arguments: Any,
        timeout: Timeout = None,
        metadata: MetadataLike | None = None,
        compression: str | None = None,
        **named: Any,
    ) -> Any:
        if isinstance(timeout, str):
            timeout = parse_time_limit(timeout)
        return send(method, make_request(*arguments, **named), timeout, metadata, compression)

    stub.__name__ = stub.__qualname__ = one.attribute
    stub.__doc__ = f"Call {method.path} ({shape.value})."
    return staticmethod(stub)


def _only(request: Any) -> Any:
    return request


def _messages_or_none(messages: Any = None) -> Any:
    return messages
