"""
The innermost step of an attempt: onto a link to the node, and back with the answer.
"""

from __future__ import annotations

from typing import Any

from rpcfw.client.deadline_error import deadline_error
from rpcfw.client.pending_calls import QueuedCalls
from rpcfw.client.unary_reply import UnaryReply, note_failure
from rpcfw.cluster.node import Node
from rpcfw.errors import Cancelled, Overloaded
from rpcfw.spi.codec import Coder
from rpcfw.spi.events import RequestHead
from rpcfw.spi.filter import CallStep
from rpcfw.spi.runtime.timers import Timers
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.payload import Payload
from rpcfw.values.call import Call
from rpcfw.values.method import Method

__all__ = ["Coders", "dispatch"]

#: A program may make a method for each call, so what is kept of them is bounded.
_MAX_METHODS = 1024


class Coders:
    """
    How each method's requests are written and its responses read; found once.

    Args:
        payload: knows the codecs.
        codec: the one codec of the protocol, empty if each method has its own.
    """

    def __init__(self, payload: Payload, codec: str = "") -> None:
        self._payload = payload
        self._codec = codec
        self._of: dict[Method, tuple[Coder, Coder]] = {}

    def of(self, method: Method) -> tuple[Coder, Coder]:
        """
        Return (how requests are written, how responses are read).
        """
        coders = self._of.get(method)
        if coders is None:
            if len(self._of) >= _MAX_METHODS:
                self._of.clear()
            payload, codec = self._payload, self._codec or method.codec
            coders = self._of[method] = (
                payload.request_coder(codec, method),
                payload.coder(codec, method.response_type),
            )
        return coders


def dispatch(node: Node, payload: Payload, coders: Coders, timers: Timers) -> CallStep:
    """
    Return the step that makes attempts on ``node``.
    """
    links, seconds = node.links, timers.seconds
    threshold_bytes, of = payload.threshold_bytes, coders.of
    queued = QueuedCalls(links, payload, timers)

    async def step(call: Call) -> Any:
        method = call.method
        driver = links.driver
        writer, reader = of(method)
        if driver is None or not method.unary or method.one_way or call.credentials is not None:
            return await queued.make(call, writer, reader)
        began = seconds()
        head = RequestHead(method.path, method.codec, call.deadline - began, call.metadata)
        body, encoding = payload.write(writer, call.request, "the request"), ""
        if call.compression is not None or len(body) > threshold_bytes:
            body, encoding = _compressed(call, payload, driver, body)
        phases = call.phases
        sent = began if phases is None else seconds()
        reply = UnaryReply(driver)
        try:
            reply.call_id = driver.request(head, body, encoding, reply)
        except Overloaded:
            driver = None
        if driver is None:
            return await queued.make(call, writer, reader)
        try:
            event = await reply
        except BaseException as error:
            note_failure(phases, began, sent, seconds(), len(body))
            if isinstance(error, Cancelled):
                raise deadline_error(error, call, seconds()) from None
            raise
        if event.metadata.pairs or event.trailers.pairs:
            call.response_metadata, call.trailers = event.metadata, event.trailers
        if phases is None:
            return payload.read(reader, event.body, event.encoding, "the response")
        received = seconds()
        phases.encode += sent - began
        phases.wire += received - sent
        phases.sent_bytes, phases.received_bytes = len(body), len(event.body)
        response = payload.read(reader, event.body, event.encoding, "the response")
        phases.decode += seconds() - received
        return response

    return step


def _compressed(call: Call, payload: Payload, driver: Driver, body: bytes) -> tuple[bytes, str]:
    """
    Return a request as it is sent, and the compression of it.
    """
    if call.compression is not None:
        return payload.compress_as(body, call.compression)
    return payload.compress(body, driver.accepts)
