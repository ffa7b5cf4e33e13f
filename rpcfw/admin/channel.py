"""
The HTTP/1.1 server for one connection, with one request.

Theory of operation. A connection carries one request: after its response it is closed, and what
came behind the request is dropped. So there is no pipelining, nothing to smuggle a second request
through a proxy with, and one time limit for each of three states::

    state      until                              limit
    READING    the whole request is there         request_timeout, then the connection is aborted
    ANSWERING  the page is made                   that of pages
    WRITING    the peer has read the response     request_timeout, then the connection is aborted

HTTP/2 is not offered.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from enum import Enum, auto
from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import RESPONSES, Request

from rpcfw.admin.bounded_channel import BoundedChannel, BoundedRequest
from rpcfw.admin.connections import ConnectionSlots
from rpcfw.admin.exchange import Asked, Reply
from rpcfw.admin.rendering.html import CONTENT_SECURITY_POLICY
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.waiting import CANCELLED, spawn
from rpcfw.transport.network.address_text import address_text
from rpcfw.transport.network.caller_certificate import caller_identity
from rpcfw.values.caller_identity import CallerIdentity

__all__ = ["AdminChannel", "AdminFactory"]

_MAX_BODY_BYTES = 64 * 1024

#: Headers of each response. Nothing is kept in a cache, put into a frame, or guessed.
_HEADERS = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


_GONE = Failure(ConnectionDone())


class _State(Enum):
    READING = auto()
    ANSWERING = auto()
    WRITING = auto()


@frozen(eq=False)
class Serving:
    """
    What the connections of one port share.

    Args:
        answer: makes the response to a request; it raises nothing but a cancellation.
        slots: bounds their number.
        clock: of the process.
        request_timeout_s: how long a request may take to come in, and a response to be read.
    """

    answer: Callable[[Asked], Coroutine[Any, Any, Reply]]
    slots: ConnectionSlots
    clock: Clock
    request_timeout_s: float


class AdminFactory(Factory):
    """
    Makes the channels of one port.
    """

    noisy = False
    alpn = ("http/1.1",)

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    def buildProtocol(self, addr: IAddress | None) -> AdminChannel | None:
        """
        Return the protocol of a new connection; None closes it.
        """
        channel = AdminChannel(self._serving)
        return channel if self._serving.slots.enter(channel) else None


class AdminChannel(BoundedChannel):
    """
    One connection.
    """

    log = Logger()

    def __init__(self, serving: Serving) -> None:
        super().__init__(serving.clock, _MAX_BODY_BYTES)
        self._serving = serving
        self._state = _State.READING
        self._answering: Deferred[None] | None = None

    @property
    def waits_for_peer(self) -> bool:
        return self._state is not _State.ANSWERING

    def connectionMade(self) -> None:
        super().connectionMade()  # type: ignore[no-untyped-call]  # Twisted's
        self.begin_limit(self._serving.request_timeout_s)

    def connectionLost(self, reason: Failure = _GONE) -> None:
        self.end_limit()
        self._serving.slots.leave(self)
        if self._answering is not None:
            self._answering.cancel()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]  # Twisted's

    def checkPersistence(self, request: Request, version: bytes) -> bool:
        """
        Have the connection closed after the response.
        """
        return False

    def received(self, request: BoundedRequest) -> None:
        """
        Answer a request that is whole, unless the certificate of the client is malformed.
        """
        self.end_limit()
        try:
            identity = caller_identity(self.transport)
        except ValueError as error:
            self.log.warn("an admin connection was refused: {error}", error=error)
            self.abort()
            return
        self._state = _State.ANSWERING
        self._answering = spawn(self._answer(request, identity))
        self._answering.addErrback(self._not_answered)

    async def _answer(self, request: Any, identity: CallerIdentity) -> None:
        reply = await self._serving.answer(self._asked(request, identity))
        self._state = _State.WRITING
        self.begin_limit(self._serving.request_timeout_s)
        request.setResponseCode(reply.status, RESPONSES.get(reply.status))
        headers = {**_HEADERS, "Content-Type": reply.content_type, **reply.headers}
        for name, value in headers.items():
            request.setHeader(name, value)
        request.setHeader("Content-Length", str(len(reply.body)))
        request.write(reply.body)
        request.finish()

    def _not_answered(self, failure: Failure) -> None:
        if not failure.check(*CANCELLED):
            self.log.failure("an admin request was not answered", failure)
            self.abort()

    def _asked(self, request: BoundedRequest, identity: CallerIdentity) -> Asked:
        assert self.transport is not None
        return Asked(
            method=request.method.decode("ascii"),
            target=request.uri.decode("latin-1"),
            headers=request.header_values(),
            body=request.content.getvalue(),
            peer=address_text(self.transport.getPeer()),
            identity=identity,
        )
