"""
Twisted's HTTP/1.1 server for one connection, with limits that Twisted does not have.

A request has a time limit as a whole: Twisted's own begins anew with each byte, which a slow
peer makes use of. Its body is refused by the length that it announces, before any of it is kept.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from twisted.web.http import RESPONSES, HTTPChannel, Request

from rpcfw.spi.runtime.clock import Clock, DelayedCall

__all__ = ["BoundedChannel", "BoundedRequest"]


class BoundedRequest(Request):
    """
    A request whose body has a bounded length, and is not parsed.
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
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]  # Twisted's

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """
        Have the request answered. Twisted would read a form first, however many fields it has.
        """
        self.method, self.uri, self.clientproto = command, path, version
        # The end of a refused body does not end the time limit: in TLS, closing takes the peer.
        if not self.channel.refused:
            self.channel.received(self)

    def header_values(self) -> dict[str, list[str]]:
        """
        Return the headers, by their names in lower case.
        """
        headers = self.requestHeaders.getAllRawHeaders()
        return {
            name.decode("latin-1").lower(): [each.decode("latin-1") for each in values]
            for name, values in headers
        }


class BoundedChannel(HTTPChannel):
    """
    One connection.

    Args:
        clock: time limits.
        max_body_bytes: of a request.
    """

    requestFactory = BoundedRequest
    totalHeadersSize = 16 * 1024
    maxHeaders = 100
    timeOut = None
    #: The last request was refused before its body was there, and the connection is being closed.
    refused = False

    def __init__(self, clock: Clock, max_body_bytes: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Twisted's
        self._clock = clock
        self._max_body_bytes = max_body_bytes
        self._limit: DelayedCall | None = None

    def received(self, request: Any) -> None:
        """
        Answer a request that is whole.
        """
        raise NotImplementedError

    def allHeadersReceived(self) -> None:
        """
        Refuse a body that is too long, or of unknown length.
        """
        if self.length is None:
            self._refuse(411)
        elif self.length > self._max_body_bytes:
            self._refuse(413)
        else:
            super().allHeadersReceived()  # type: ignore[no-untyped-call]  # Twisted's

    def _refuse(self, status: int) -> None:
        """
        Answer a request whose body is not read, and close the connection.
        """
        self.refused = True
        assert self.transport is not None
        self.transport.write(
            b"HTTP/1.1 %d %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            % (status, RESPONSES[status])
        )
        self.loseConnection()  # type: ignore[no-untyped-call]  # Twisted's

    def abort(self) -> None:
        """
        Close the connection at once.
        """
        if self.transport is not None:
            transport: Any = self.transport
            transport.abortConnection()

    def begin_limit(self, limit_s: float) -> None:
        """
        Close the connection after a time, unless `end_limit` comes first.
        """
        self.end_limit()
        self._limit = self._clock.callLater(limit_s, self.abort)

    def end_limit(self) -> None:
        """
        Take back what `begin_limit` has begun.
        """
        limit, self._limit = self._limit, None
        if limit is not None and limit.active():
            limit.cancel()
