"""
One connection of a browser, as Twisted reads it, with limits that Twisted does not have.

A request has a time limit as a whole: Twisted's own begins again with every byte. Its body is
refused by the length that it announces, before any of it is kept.
"""

from __future__ import annotations

from http import HTTPStatus
from io import BytesIO
from typing import Any

from attrs import frozen
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel, Request

from rpcfw.console.http.messages import BadRequest, WebRequest, fields_of
from rpcfw.spi.runtime.clock import DelayedCall

__all__ = ["BoundedChannel", "BoundedRequest", "HTTPLimits"]

_FORM = "application/x-www-form-urlencoded"


@frozen
class HTTPLimits:
    """
    What one peer, and all of them, may take.

    Args:
        max_body: bytes of a form.
        max_connections: that are open; over it, the oldest one that waits for a request is closed.
        max_connections_per_address: the same for one host.
        request_timeout_s: from the first byte of a request to its last one.
        idle_timeout_s: until the next request of a connection begins.
    """

    max_body: int = 1 << 20
    max_connections: int = 500
    max_connections_per_address: int = 100
    request_timeout_s: float = 20.0
    idle_timeout_s: float = 60.0


class BoundedRequest(Request):
    """
    A request whose body is a form of bounded length.
    """

    channel: Any
    content: BytesIO

    def gotLength(self, length: int | None) -> None:  # noqa: N802 - Twisted's
        """
        Prepare for the body, whose length was checked. Twisted would keep a long one in a file.
        """
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:
        """
        Keep a part of the body.
        """
        if not self.channel.refused:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """
        Have the request answered. Twisted would read the form first, however many fields it has.
        """
        if self.channel.refused:
            return
        self.method, self.uri, self.clientproto = command, path, version
        self.path = path.partition(b"?")[0]
        self.channel.factory.serve(self)

    def read(self) -> WebRequest:
        """
        Return the request as pages see it.

        Raises:
            BadRequest: it cannot be read.
        """
        headers: dict[str, list[str]] = {}
        for name, values in self.requestHeaders.getAllRawHeaders():
            headers[name.decode("latin-1").lower()] = [each.decode("latin-1") for each in values]
        kind = headers.get("content-type", [""])[0].partition(";")[0].strip().lower()
        body = self.content.getvalue()
        if body and kind != _FORM:
            raise BadRequest(f"expected a form ({_FORM}), got {kind or 'no content type'}")
        cookies = self.received_cookies.items()
        return WebRequest(
            method=self.method.decode("latin-1"),
            path=self.path.decode("latin-1"),
            query=fields_of(self.uri.partition(b"?")[2]),
            form=fields_of(body),
            headers=headers,
            cookies={name.decode("latin-1"): value.decode("latin-1") for name, value in cookies},
            peer=str(getattr(self.channel.getPeer(), "host", "")),
            secure=self.isSecure(),
        )


class BoundedChannel(HTTPChannel):
    """
    One connection. Its factory has the limits, and counts the connections.
    """

    requestFactory = BoundedRequest
    totalHeadersSize = 16 << 10
    maxHeaders = 100
    factory: Any
    transport: Any
    # Twisted's own limit begins again with every byte.
    timeOut = None
    #: The last request was refused before its body was there, and the connection is being closed.
    refused = False
    _limit: DelayedCall | None = None
    #: Nothing of the next request has come yet.
    _idle = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self._begin_limit(self.factory.limits.request_timeout_s)
        self.factory.opened(self)

    def dataReceived(self, data: bytes) -> None:
        if self._idle:
            self._begin_limit(self.factory.limits.request_timeout_s)
        super().dataReceived(data)

    def allHeadersReceived(self) -> None:
        """
        Refuse a body that is too long, or of unknown length.
        """
        if self.length is None:
            self._refuse(HTTPStatus.LENGTH_REQUIRED)
        elif self.length > self.factory.limits.max_body:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            super().allHeadersReceived()

    def allContentReceived(self) -> None:  # noqa: N802 - Twisted's
        # The end of a refused body does not end the time limit: in TLS, closing takes the peer.
        if not self.refused:
            self._end_limit()
            self.factory.busy(self)
        super().allContentReceived()

    def requestDone(self, request: Request) -> None:  # noqa: N802 - Twisted's
        self.factory.waits(self)
        self._begin_limit(self.factory.limits.idle_timeout_s)
        self._idle = True
        # This reads the next request, if it has come already.
        super().requestDone(request)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._end_limit()
        self.factory.closed(self)
        super().connectionLost(reason)

    def _refuse(self, status: HTTPStatus) -> None:
        """
        Answer a request whose body is not read, and close the connection.
        """
        self.refused = True
        line = f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        self.transport.write(f"{line}Connection: close\r\nContent-Length: 0\r\n\r\n".encode())
        self.loseConnection()

    def give_up(self) -> None:
        """
        Close the connection at once.
        """
        self.transport.abortConnection()

    def _begin_limit(self, limit_s: float) -> None:
        self._end_limit()
        self._limit = self.factory.clock.callLater(limit_s, self.give_up)

    def _end_limit(self) -> None:
        self._idle = False
        limit, self._limit = self._limit, None
        if limit is not None and limit.active():
            limit.cancel()
