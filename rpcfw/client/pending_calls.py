"""
The slow path of a call onto a connection: streams, and calls that wait for capacity.

A unary call takes it only if there is no connection, if the one that it tried is full, or if
credentials are added to it.
"""

from __future__ import annotations

from typing import Any, TypeVar

from rpcfw.client.deadline_error import deadline_error
from rpcfw.client.method_plan import MethodPlan
from rpcfw.client.streams import CallStream
from rpcfw.client.unary_reply import UnaryReply
from rpcfw.errors import Cancelled
from rpcfw.spi.codec import Coder
from rpcfw.spi.events import RequestHead, ResponseReceived
from rpcfw.spi.runtime.timers import Timers
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.network.encrypted import is_encrypted
from rpcfw.transport.payload import Payload
from rpcfw.transport.pool.pool import ConnectionPool
from rpcfw.transport.pool.queue import PendingCall
from rpcfw.values.call import Call
from rpcfw.values.phases import Phases

__all__ = ["QueuedCalls"]

T = TypeVar("T")


class QueuedCalls:
    """
    Makes calls on one node's links.

    Args:
        links: to the node.
        payload: how messages become bytes and back.
        timers: the deadlines of the process.
    """

    def __init__(self, links: ConnectionPool, payload: Payload, timers: Timers) -> None:
        self.links = links
        self.payload = payload
        self.timers = timers

    async def make(self, call: Call, plan: MethodPlan) -> Any:
        """
        Make a call of any shape; return the response, or the stream of them.
        """
        method, writer, reader = call.method, plan.writer, plan.reader
        if method.one_way:
            return await self._acquire(_OneWay(self, call, writer), call)
        if method.unary:
            event = await self.answer(call, writer)
            call.response_metadata, call.trailers = event.metadata, event.trailers
            received = self.timers.seconds()
            response = self.payload.read(reader, event.body, event.encoding, "the response")
            if call.phases is not None:
                call.phases.decode += self.timers.seconds() - received
                call.phases.received_bytes = len(event.body)
            return response
        if call.request is None and not method.server_streams:
            # Such a call hands nothing to write to up, so it would wait for its whole limit.
            raise TypeError(f"{method.path} takes an iterable of messages; got None")
        stream = await self._acquire(_Streaming(self, call, writer, reader), call)
        await stream.begin()
        return stream if method.server_streams else await stream.only_response()

    async def answer(self, call: Call, writer: Coder) -> ResponseReceived:
        """
        Make a unary call once a connection has capacity, and return its response.
        """
        began = self.timers.seconds()
        pending = _Unary(self, call, writer)
        encoded = self.timers.seconds()
        reply = await self._acquire(pending, call)
        sent = self.timers.seconds()
        try:
            return await reply
        except BaseException as error:
            if isinstance(error, Cancelled):
                raise deadline_error(error, call, self.timers.seconds()) from None
            raise
        finally:
            if call.phases is not None:
                call.phases.encode += encoded - began
                call.phases.wire += self.timers.seconds() - sent
                call.phases.sent_bytes = pending.size

    async def _acquire(self, pending: PendingCall[T], call: Call) -> T:
        phases = call.phases
        if phases is None:  # a wait is noted of every call, since it is what makes calls slow
            phases = call.phases = Phases()
        began = self.timers.seconds()
        try:
            return await self.links.acquire(pending, call.deadline, stays=call.once_per_node)
        finally:
            phases.connect += pending.connect_s
            phases.capacity += self.timers.seconds() - began - pending.connect_s

    def head(self, call: Call, driver: Driver, body: bytes | None) -> RequestHead:
        """
        Return the head of a call that is begun now.

        Args:
            body: the request as it is sent; None for a stream.
        """
        method, metadata = call.method, call.metadata
        if call.credentials is not None:
            encrypted = is_encrypted(driver.transport)
            path = driver.sent_path(method.path, method.codec)
            metadata = call.credentials.metadata(call, body, path=path, encrypted=encrypted)
        left_s = call.deadline - self.timers.seconds()
        return RequestHead(method.path, method.codec, left_s, metadata)


class _Unary(PendingCall[UnaryReply]):
    def __init__(self, way: QueuedCalls, call: Call, writer: Coder) -> None:
        self._way = way
        self._call = call
        self._body = way.payload.write(writer, call.request, "the request")
        #: Of the request, as it is sent.
        self.size = 0
        #: How it is compressed, and for whom.
        self._compressed: tuple[bytes, str] = self._body, ""
        self._accepts: tuple[str, ...] | None = None
        if call.compression is not None:
            self._compressed = way.payload.compress_as(self._body, call.compression)

    def begin(self, driver: Driver) -> UnaryReply:
        payload = self._way.payload
        if (
            self._call.compression is None
            and len(self._body) > payload.threshold_bytes
            and self._accepts != driver.accepts
        ):
            self._accepts = driver.accepts
            self._compressed = payload.compress(self._body, driver.accepts)
        reply = UnaryReply()
        reply.driver = driver
        body, encoding = self._compressed
        self.size = len(body)
        head = self._way.head(self._call, driver, body)
        reply.call_id = driver.request(head, body, encoding, reply)
        return reply

    def give_up(self, begun: UnaryReply) -> None:
        begun.addErrback(lambda _: None)
        begun.cancel()


class _OneWay(PendingCall[None]):
    def __init__(self, way: QueuedCalls, call: Call, writer: Coder) -> None:
        self._way = way
        self._call = call
        self._body = way.payload.write(writer, call.request, "the request")

    def begin(self, driver: Driver) -> None:
        body, encoding = self._body, ""
        if self._call.compression is not None:
            body, encoding = self._way.payload.compress_as(body, self._call.compression)
        head = self._way.head(self._call, driver, body)
        head.one_way = True
        driver.send_one_way(head, body, encoding)

    def give_up(self, begun: None) -> None:
        """
        It has been sent, and nobody awaits anything.
        """


class _Streaming(PendingCall[CallStream]):
    def __init__(self, way: QueuedCalls, call: Call, writer: Coder, reader: Coder) -> None:
        self._way = way
        self._call = call
        self._coders = writer, reader

    def begin(self, driver: Driver) -> CallStream:
        way = self._way
        stream = CallStream(self._call, driver, way.payload, *self._coders, way.timers)
        stream.open(way.head(self._call, driver, None))
        return stream

    def give_up(self, begun: CallStream) -> None:
        begun.cancel()
