"""
The innermost step of an attempt: onto a link to the node, and back with the answer.
"""

from __future__ import annotations

from math import ceil
from typing import Any

from rpcfw.client.deadline_error import deadline_error
from rpcfw.client.method_plan import MethodPlan, MethodPlans
from rpcfw.client.pending_calls import QueuedCalls
from rpcfw.client.unary_reply import UnaryReply
from rpcfw.cluster.node import Node
from rpcfw.errors import Cancelled, Overloaded
from rpcfw.spi.deadline_keeping import keep_deadline, until_deadline
from rpcfw.spi.events import RequestHead, ResponseReceived
from rpcfw.spi.runtime.timers import Expiring, Timers
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.payload import Payload, read_refused
from rpcfw.values.call import Call
from rpcfw.values.phases import Phases

__all__ = ["Dispatch"]

_REQUEST, _RESPONSE = "the request", "the response"
#: Shorter timeouts are sent as they are, and so are those that are practically none. Others are
#: rounded up to a millisecond, so that calls share their heads.
_MIN_SHARED_S, _MAX_SHARED_S = 0.1, 1e6
#: In the place of what is watched together with a call that is not watched here.
_NOTHING: set[Expiring] = set()


class Dispatch:
    """
    Makes attempts on one node.

    Args:
        node: it.
        payload: how messages become bytes and back.
        plans: of the methods, in the node's protocol.
        timers: the deadlines of the process.
    """

    __slots__ = ("_links", "_payload", "_plans", "_queued", "_seconds", "_timers", "_watch")

    def __init__(self, node: Node, payload: Payload, plans: MethodPlans, timers: Timers) -> None:
        self._links = node.links
        self._payload = payload
        self._plans = plans
        self._timers = timers
        self._seconds, self._watch = timers.seconds, timers.watch
        self._queued = QueuedCalls(node.links, payload, timers)

    @keep_deadline
    async def attempt(self, call: Call) -> Any:
        """
        Make an attempt; return the response, or the stream of them.
        """
        driver, plan = self._links.driver, self._plans[call.method]
        if driver is None or not plan.whole or call.credentials is not None:
            return await until_deadline(self._queued.make(call, plan), call, self._timers)
        try:
            reply = self._send(call, plan, driver)
        except Overloaded:
            return await until_deadline(self._queued.make(call, plan), call, self._timers)
        others = _NOTHING if call.expired is None else self._watch(call.deadline, reply)
        try:
            event = await reply
        except Cancelled as error:
            raise deadline_error(error, call, self._seconds()) from None
        finally:
            others.discard(reply)
            if call.phases is not None:
                call.phases.wire += self._seconds() - reply.sent_at
        if event.metadata.pairs or event.trailers.pairs:
            call.response_metadata, call.trailers = event.metadata, event.trailers
        if event.encoding or call.phases is not None:
            return self._read(call, plan, event)
        # As in `Payload.read`: a function less is 50 ns of a call's 8 us.
        try:
            return plan.decode(event.body)
        except Exception as error:  # noqa: BLE001 - likewise
            read_refused(error, _RESPONSE)

    def _send(self, call: Call, plan: MethodPlan, driver: Driver) -> UnaryReply:
        began, encoding = self._seconds(), ""
        try:
            body = plan.encode(call.request)  # as in `Payload.write`
        except Exception as error:  # noqa: BLE001 - whatever a codec raises
            body = self._payload.write_refused(plan.writer, call.request, _REQUEST, error)
        if call.compression is not None or len(body) > self._payload.threshold_bytes:
            body, encoding = _compressed(call, self._payload, driver, body)
        left_s = call.deadline - began
        if call.metadata is not plan.metadata or not _MIN_SHARED_S < left_s < _MAX_SHARED_S:
            plan.note_other(call.metadata)
            head = RequestHead(plan.path, plan.codec, left_s, call.metadata)
        else:
            left_ms = ceil(left_s * 1000)
            head = plan.heads.get(left_ms) or plan.new_head(left_ms)
        reply = UnaryReply()
        reply.call, reply.driver = call, driver
        if call.phases is not None:
            reply.sent_at = _note_sending(call.phases, began, self._seconds(), len(body))
        reply.call_id = driver.request(head, body, encoding, reply)
        return reply

    def _read(self, call: Call, plan: MethodPlan, event: ResponseReceived) -> Any:
        """
        Return a response that is compressed, or of a call that notes where its time goes.
        """
        received = self._seconds()
        response = self._payload.read(plan.reader, event.body, event.encoding, _RESPONSE)
        if call.phases is not None:
            call.phases.decode += self._seconds() - received
            call.phases.received_bytes = len(event.body)
        return response


def _note_sending(phases: Phases, began: float, now: float, size: int) -> float:
    """
    Note a request that is about to be sent; return the time.

    Args:
        began: when it began to be encoded.
        size: of it, as it is sent.
    """
    phases.encode += now - began
    phases.sent_bytes = size
    return now


def _compressed(call: Call, payload: Payload, driver: Driver, body: bytes) -> tuple[bytes, str]:
    """
    Return a request as it is sent, and the compression of it.
    """
    if call.compression is not None:
        return payload.compress_as(body, call.compression)
    return payload.compress(body, driver.accepts)
