"""
The services of order.proto: a base class to serve each, stubs to call it.

Written by protoc-gen-rpcfw. Do not edit: change the proto file and run protoc again.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Coroutine, Iterable
from typing import TYPE_CHECKING, Any

from rpcfw.client.blocking import BlockingStream, BlockingStub
from rpcfw.client.stub import Stub
from rpcfw.errors import Unimplemented
from rpcfw.spi.service import Reply, Service, method
from rpcfw.spi.service_class import offered
from rpcfw.spi.stream import Stream
from rpcfw.values.metadata import MetadataLike
from rpcfw.values.method import Shape

if TYPE_CHECKING or (__package__ or "") != "":
    from . import order_pb2
else:
    import order_pb2

__all__ = [
    "OrderServiceBase",
    "OrderServiceBlockingStub",
    "OrderServiceStub",
]


class OrderServiceBase(Service, name="order.v1.OrderService"):
    """
    Orders: made, closed, and followed.
    """

    @method(
        name="Create",
        shape=Shape.UNARY,
        request_type=order_pb2.OrderApiCreate,
        response_type=order_pb2.Order,
        codec="protobuf",
    )
    def create(self, request: order_pb2.OrderApiCreate, /) -> Reply[order_pb2.Order]:
        """
        Makes an order.
        """
        raise Unimplemented("order.v1.OrderService/Create is declared but not written")

    @method(
        name="Close",
        shape=Shape.UNARY,
        request_type=order_pb2.CloseApiCreate,
        response_type=order_pb2.Order,
        codec="protobuf",
        idempotent=True,
    )
    def close(self, request: order_pb2.CloseApiCreate, /) -> Reply[order_pb2.Order]:
        """
        Closes an order. Closing it again changes nothing.
        """
        raise Unimplemented("order.v1.OrderService/Close is declared but not written")

    @method(
        name="ServerStream",
        shape=Shape.SERVER_STREAM,
        request_type=order_pb2.OrderApiCreate,
        response_type=order_pb2.Order,
        codec="protobuf",
    )
    def server_stream(self, request: order_pb2.OrderApiCreate, /) -> AsyncIterator[order_pb2.Order]:
        """
        The server pushes: the states of one order.
        """
        raise Unimplemented("order.v1.OrderService/ServerStream is declared but not written")

    @method(
        name="ClientStream",
        shape=Shape.CLIENT_STREAM,
        request_type=order_pb2.OrderApiCreate,
        response_type=order_pb2.Order,
        codec="protobuf",
    )
    def client_stream(
        self, requests: AsyncIterator[order_pb2.OrderApiCreate], /
    ) -> Reply[order_pb2.Order]:
        """
        The client pushes: many orders, merged into one.
        """
        raise Unimplemented("order.v1.OrderService/ClientStream is declared but not written")

    @method(
        name="BdStream",
        shape=Shape.BIDI_STREAM,
        request_type=order_pb2.OrderApiCreate,
        response_type=order_pb2.Order,
        codec="protobuf",
    )
    def bd_stream(
        self, requests: AsyncIterator[order_pb2.OrderApiCreate], /
    ) -> AsyncIterator[order_pb2.Order]:
        """
        Both push: each order is answered as it comes.
        """
        raise Unimplemented("order.v1.OrderService/BdStream is declared but not written")


_ORDER_SERVICE = {one.attribute: one.method for one in offered(OrderServiceBase)}


class OrderServiceStub(Stub):
    """
    Orders: made, closed, and followed.
    """

    service_name = "order.v1.OrderService"

    def create(
        self,
        request: order_pb2.OrderApiCreate,
        *,
        timeout: float | str | None = None,
        metadata: MetadataLike | None = None,
        compression: str | None = None,
    ) -> Coroutine[Any, Any, order_pb2.Order]:
        """
        Makes an order.
        """
        return self._call(_ORDER_SERVICE["create"], request, timeout, metadata, compression)

    def close(
        self,
        request: order_pb2.CloseApiCreate,
        *,
        timeout: float | str | None = None,
        metadata: MetadataLike | None = None,
        compression: str | None = None,
    ) -> Coroutine[Any, Any, order_pb2.Order]:
        """
        Closes an order. Closing it again changes nothing.
        """
        return self._call(_ORDER_SERVICE["close"], request, timeout, metadata, compression)

    def server_stream(
        self,
        request: order_pb2.OrderApiCreate,
        *,
        timeout: float | str | None = None,
        metadata: MetadataLike | None = None,
        compression: str | None = None,
    ) -> Stream[order_pb2.OrderApiCreate, order_pb2.Order]:
        """
        The server pushes: the states of one order.
        """
        return self._stream(_ORDER_SERVICE["server_stream"], request, timeout, metadata, compression)

    def client_stream(
        self,
        requests: Iterable[order_pb2.OrderApiCreate] | AsyncIterable[order_pb2.OrderApiCreate],
        *,
        timeout: float | str | None = None,
        metadata: MetadataLike | None = None,
        compression: str | None = None,
    ) -> Coroutine[Any, Any, order_pb2.Order]:
        """
        The client pushes: many orders, merged into one.
        """
        return self._call(_ORDER_SERVICE["client_stream"], requests, timeout, metadata, compression)

    def bd_stream(
        self,
        requests: Iterable[order_pb2.OrderApiCreate]
        | AsyncIterable[order_pb2.OrderApiCreate]
        | None = None,
        *,
        timeout: float | str | None = None,
        metadata: MetadataLike | None = None,
        compression: str | None = None,
    ) -> Stream[order_pb2.OrderApiCreate, order_pb2.Order]:
        """
        Both push: each order is answered as it comes.
        """
        return self._stream(_ORDER_SERVICE["bd_stream"], requests, timeout, metadata, compression)


class OrderServiceBlockingStub(BlockingStub):
    """
    Orders: made, closed, and followed.
    """

    service_name = "order.v1.OrderService"

    def create(
        self,
        request: order_pb2.OrderApiCreate,
        *,
        timeout: float | str | None = None,
        metadata: MetadataLike | None = None,
        compression: str | None = None,
    ) -> order_pb2.Order:
        """
        Makes an order.
        """
        reply: order_pb2.Order = self._call(_ORDER_SERVICE["create"], request, timeout, metadata, compression)
        return reply

    def close(
        self,
        request: order_pb2.CloseApiCreate,
        *,
        timeout: float | str | None = None,
        metadata: MetadataLike | None = None,
        compression: str | None = None,
    ) -> order_pb2.Order:
        """
        Closes an order. Closing it again changes nothing.
        """
        reply: order_pb2.Order = self._call(_ORDER_SERVICE["close"], request, timeout, metadata, compression)
        return reply

    def server_stream(
        self,
        request: order_pb2.OrderApiCreate,
        *,
        timeout: float | str | None = None,
        metadata: MetadataLike | None = None,
        compression: str | None = None,
    ) -> BlockingStream[order_pb2.OrderApiCreate, order_pb2.Order]:
        """
        The server pushes: the states of one order.
        """
        return self._stream(_ORDER_SERVICE["server_stream"], request, timeout, metadata, compression)

    def client_stream(
        self,
        requests: Iterable[order_pb2.OrderApiCreate] | AsyncIterable[order_pb2.OrderApiCreate],
        *,
        timeout: float | str | None = None,
        metadata: MetadataLike | None = None,
        compression: str | None = None,
    ) -> order_pb2.Order:
        """
        The client pushes: many orders, merged into one.
        """
        reply: order_pb2.Order = self._call(_ORDER_SERVICE["client_stream"], requests, timeout, metadata, compression)
        return reply

    def bd_stream(
        self,
        requests: Iterable[order_pb2.OrderApiCreate]
        | AsyncIterable[order_pb2.OrderApiCreate]
        | None = None,
        *,
        timeout: float | str | None = None,
        metadata: MetadataLike | None = None,
        compression: str | None = None,
    ) -> BlockingStream[order_pb2.OrderApiCreate, order_pb2.Order]:
        """
        Both push: each order is answered as it comes.
        """
        return self._stream(_ORDER_SERVICE["bd_stream"], requests, timeout, metadata, compression)
