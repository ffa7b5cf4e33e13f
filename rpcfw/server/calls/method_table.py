"""
The methods that a server has, by their paths.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from attrs import frozen

from rpcfw.errors import ContractError, Unimplemented
from rpcfw.spi.codec import Coder
from rpcfw.spi.service import Service
from rpcfw.spi.service_class import MethodSpec, offered
from rpcfw.status import Hint
from rpcfw.transport.payload import Payload
from rpcfw.values.method import Method

__all__ = ["BoundMethod", "MethodTable"]


@frozen(eq=False)
class BoundMethod:
    """
    A method of a service object, ready to run.

    Args:
        method: what it is.
        function: the bound method of the service object.
        unpack: makes the arguments of a request; None if the request is the one argument.
        is_coroutine: it was written with ``async def`` and returns one message.
        blocking: it runs in the thread pool.
        readers: decode requests, by codec. Codecs are added when they are first used.
        writers: encode responses, likewise.
    """

    method: Method
    function: Callable[..., Any]
    unpack: Callable[[Any], tuple[Any, ...]] | None
    is_coroutine: bool
    blocking: bool
    readers: dict[str, Coder]
    writers: dict[str, Coder]


class MethodTable:
    """
    The services of one server.

    Args:
        payload: how messages are read and written.
    """

    def __init__(self, payload: Payload) -> None:
        self._payload = payload
        self._services: dict[str, Service] = {}
        self._withdrawn: set[str] = set()
        #: Looked at for each request.
        self.by_path: dict[str, BoundMethod] = {}
        #: For protocols that must know what is served.
        self.methods: dict[str, Method] = {}

    def add(self, service: Service) -> None:
        """
        Add the methods of a service object.

        Raises:
            ContractError: it cannot be served, or its name is taken.
        """
        name = type(service).service_name
        if name in self._services:
            raise ContractError(f"two services are called {name!r}")
        # All or none: if one method cannot be served, the service is not.
        prepared = [self._prepare(service, one) for one in offered(type(service))]
        self.by_path.update({bound.method.path: bound for bound in prepared})
        self.methods.update({bound.method.path: bound.method for bound in prepared})
        self._services[name] = service

    def withdraw(self, name: str) -> None:
        """
        Remove a service. Its calls are refused, with the promise that they were not begun.
        """
        service = self._services.pop(name, None)
        if service is not None:
            self._withdrawn.add(name)
            for one in offered(type(service)):
                self.by_path.pop(one.method.path, None)
                self.methods.pop(one.method.path, None)

    def was_withdrawn(self, name: str) -> bool:
        """
        Tell whether a service was removed.
        """
        return name in self._withdrawn

    def has_service(self, name: str) -> bool:
        """
        Tell whether a service is served here now.
        """
        return name in self._services

    def __iter__(self) -> Iterator[Service]:
        return iter(tuple(self._services.values()))

    def _prepare(self, service: Service, one: MethodSpec) -> BoundMethod:
        function = getattr(service, one.attribute)
        method = one.method
        bound = BoundMethod(
            method=method,
            function=function,
            unpack=None if one.parameters is None else msgspec.structs.astuple,
            is_coroutine=inspect.iscoroutinefunction(function),
            blocking=one.blocking,
            readers={},
            writers={},
        )
        # Made now, so that a type that a codec does not carry stops the start.
        for codec in method.codecs or (method.codec,):
            try:
                self._add_coders(bound, codec)
            except Unimplemented as error:
                reason = self._uncarried(one, codec) or error.message
                where = f"{type(service).__qualname__}.{one.attribute}"
                raise ContractError(f"{where}: {reason}") from error
        return bound

    def _add_coders(self, bound: BoundMethod, codec: str) -> None:
        method = bound.method
        reader = self._payload.request_coder(codec, method)
        bound.writers[codec] = self._payload.coder(codec, method.response_type)
        # A codec with a reader must have a writer: the reader is looked up first.
        bound.readers[codec] = reader

    def _uncarried(self, one: MethodSpec, codec: str) -> str:
        """
        Return which parameter, or the result, a codec cannot carry, and why.
        """
        method = one.method
        parts = [("the request", method.request_type)]
        if one.parameters is not None:
            fields = msgspec.structs.fields(method.request_type)
            parts = [(f"the parameter {field.name!r}", field.type) for field in fields]
        for what, kind in (*parts, ("the result", method.response_type)):
            try:
                self._payload.coder(codec, kind)
            except Unimplemented as error:
                return f"{what}: {error.message}"
        return ""

    def coders(self, bound: BoundMethod, codec: str) -> tuple[Coder, Coder]:
        """
        Return what decodes a method's requests and encodes its responses.

        Raises:
            Unimplemented: the method is not served in this codec, or the codec is not
                known here, or cannot carry the types. Nothing was begun.
        """
        if codec not in bound.readers:
            method = bound.method
            if method.codecs and self._payload.variant_of(codec) not in method.codecs:
                raise Unimplemented(
                    f"{method.path} is not served in the codec {codec!r}; "
                    f"it is in: {', '.join(method.codecs)}",
                    hints=Hint.NOT_BEGUN,
                )
            # The peer names the codec; only those that are known here are kept.
            try:
                self._add_coders(bound, codec)
            except Unimplemented as error:
                error.hints |= Hint.NOT_BEGUN
                raise
        return bound.readers[codec], bound.writers[codec]
