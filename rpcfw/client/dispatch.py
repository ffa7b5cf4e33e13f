"""
The innermost step of an attempt: onto the node's link, and back with the answer.
"""

from __future__ import annotations

from typing import Any

from rpcfw.client.streams import CallStream, overrun
from rpcfw.cluster.node import Node
from rpcfw.errors import CallError, Cancelled
from rpcfw.spi.codec import Coder
from rpcfw.spi.events import RequestHead, ResponseReceived
from rpcfw.spi.filter import CallStep
from rpcfw.spi.timers import Timers
from rpcfw.spi.waiting import Waiter
from rpcfw.transport.driver import Driver, UnaryListener
from rpcfw.transport.payload import Payload
from rpcfw.values.call import Call
from rpcfw.values.method import Method

__all__ = ["Coders", "dispatch"]


class Coders:
    """
    How each method's requests are written and its responses read; found once.

    Args:
        payload: knows the codecs.
    """

    def __init__(self, payload: Payload) -> None:
        self._payload = payload
        self._of: dict[Method, tuple[Coder, Coder]] = {}

    def of(self, method: Method) -> tuple[Coder, Coder]:
        """
        Return (how requests are written, how responses are read).
        """
        coders = self._of.get(method)
        if coders is None:
            payload, codec = self._payload, method.codec
            coders = self._of[method] = (
                payload.coder(codec, method.request_type),
                payload.coder(codec, method.response_type),
            )
        return coders


class UnaryReply(Waiter[ResponseReceived], UnaryListener):
    """
    The answer to a unary call, to come. Giving it up tells the server.
    """

    def __init__(self, driver: Driver) -> None:
        super().__init__()
        self._driver = driver
        self.call_id = 0

    def responded(self, event: ResponseReceived) -> None:
        self.callback(event)

    def lost(self, error: CallError) -> None:
        self.errback(error)

    def cancel(self) -> None:
        if not self.called:
            self._driver.abandon(self.call_id)
        super().cancel()


def dispatch(node: Node, payload: Payload, coders: Coders, timers: Timers) -> CallStep:
    """
    Return the step that makes attempts on ``node``.
    """
    link = node.link
    seconds = timers.seconds
    threshold_bytes = payload.threshold_bytes
    of = coders.of

    async def step(call: Call) -> Any:
        method = call.method
        driver = link.driver
        if driver is None:
            driver = await link.ready()
        writer, reader = of(method)
        head = RequestHead(method.path, method.codec, call.deadline - seconds(), call.metadata)
        if not method.unary or method.one_way:
            return await _other(call, head, driver)
        body, encoding = payload.write(writer, call.request, "the request"), ""
        if len(body) > threshold_bytes:
            body, encoding = payload.pack(body, driver.accepts)
        reply = UnaryReply(driver)
        reply.call_id = driver.request(head, body, encoding, reply)
        driver.begun += 1
        try:
            event = await reply
        except BaseException as error:
            driver.failed += 1
            if isinstance(error, Cancelled):
                raise overrun(error, call, seconds()) from None
            raise
        if event.metadata.pairs or event.trailers.pairs:
            call.response_metadata = event.metadata
            call.trailers = event.trailers
        return payload.read(reader, event.body, event.encoding, "the response")

    async def _other(call: Call, head: RequestHead, driver: Driver) -> Any:
        method = call.method
        writer, reader = of(method)
        if method.one_way:
            head.one_way = True
            driver.machine.call(head, payload.write(writer, call.request, "the request"), "", True)
            driver.flush()
            driver.begun += 1
            return None
        stream = CallStream(call, driver, payload, writer, reader, timers)
        await stream.begin(head)
        return stream if method.server_streams else await stream.only_response()

    return step
