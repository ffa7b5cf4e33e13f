"""
Stubs: calling a service as if it were an object here.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar

from rpcfw.client.options import Timeout, call_options
from rpcfw.client.signatures import describe, only_parameter
from rpcfw.errors import ContractError
from rpcfw.spi.channel import Channel
from rpcfw.spi.service import Service
from rpcfw.spi.service_class import MethodSpec, offered, offered_as
from rpcfw.spi.stream import Stream
from rpcfw.values.metadata import MetadataLike
from rpcfw.values.method import Method, Shape

__all__ = ["Stub", "calling", "calling_method", "proxy"]


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
        options = call_options(timeout, metadata, compression)
        return self._channel.call(method, request, options)

    def _stream(
        self,
        method: Method,
        request: Any,
        timeout: Timeout,
        metadata: MetadataLike | None,
        compression: str | None = None,
    ) -> Stream:
        options = call_options(timeout, metadata, compression)
        return self._channel.stream(method, request, options)


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
    raise ContractError(
        f"{service!r} is neither a service class nor a stub class: pass the class, as Greeter"
    )


def calling_method(function: Any, channel: Callable[[str], Channel]) -> Callable[..., Any]:
    """
    Return a function that calls one method.

    Args:
        function: the method as an attribute of the service class that marks it.
        channel: gives the channel to a service by name.

    Raises:
        ContractError: it is no method of a service with a name.
    """
    service, one = offered_as(function)
    return _method(service, one, channel(service.service_name))


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
    namespace: dict[str, Any] = {
        one.attribute: staticmethod(_method(service, one, channel)) for one in offered(service)
    }
    namespace["__doc__"] = f"Calls {service.service_name}.\n\n{service.__doc__ or ''}"
    namespace["__slots__"] = ()
    namespace["__module__"] = service.__module__
    return type(f"{service.__name__}Proxy", (), namespace)()


def _method(service: type[Service], one: MethodSpec, channel: Channel) -> Callable[..., Any]:
    """
    Return the function that calls one method, in one of the four ways to call.
    """
    shape, method = one.method.shape, one.method
    send: Callable[..., Any] = channel.stream if shape.server_streams else channel.call
    make_request = method.request_type
    if one.parameters is None:
        name = only_parameter(service, one)
        if not shape.client_streams and name == "request":
            stub = _of_one_request(method, send)
            describe(stub, service, one)
            return stub
        make_request = _taking(name, shape)

    def stub_of_any(
        *arguments: Any,
        timeout: Timeout = None,
        metadata: MetadataLike | None = None,
        compression: str | None = None,
        **named: Any,
    ) -> Any:
        request = make_request(*arguments, **named)
        if timeout is None and metadata is None and compression is None:
            return send(method, request)
        return send(method, request, call_options(timeout, metadata, compression))

    describe(stub_of_any, service, one)
    return stub_of_any


def _of_one_request(method: Method, send: Callable[..., Any]) -> Callable[..., Any]:
    """
    Return the function for a method whose one argument is the message, as of most generated code.

    It takes no lists of arguments: those are 0.15 us of a call's 8.
    """

    def stub(
        request: Any,
        *,
        timeout: Timeout = None,
        metadata: MetadataLike | None = None,
        compression: str | None = None,
    ) -> Any:
        if timeout is None and metadata is None and compression is None:
            return send(method, request)
        return send(method, request, call_options(timeout, metadata, compression))

    return stub


def _taking(name: str, shape: Shape) -> Callable[..., Any]:
    """
    Return what takes the one argument, by position or by the name it has in the service.
    """
    default = (None,) if shape is Shape.BIDI_STREAM else ()

    def take(*arguments: Any, **named: Any) -> Any:
        given = (*arguments, *named.values()) or default
        if len(given) != 1 or named.keys() - {name}:
            raise TypeError(
                f"expected one argument, {name}; got {len(arguments)} by position "
                f"and by name {', '.join(named) or 'none'}"
            )
        return given[0]

    return take
