"""
One connection of a browser, which may carry several requests, one after the other.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import Request

from rpcfw.admin.bounded_channel import BoundedChannel, BoundedRequest
from rpcfw.console.http.messages import BadRequest, WebRequest, fields_of

__all__ = ["BrowserChannel", "BrowserRequest", "HTTPLimits"]

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


class BrowserRequest(BoundedRequest):
    """
    A request whose body is a form.
    """

    def read(self) -> WebRequest:
        """
        Return the request as pages see it.

        Raises:
            BadRequest: it cannot be read.
        """
        headers = self.header_values()
        kind = headers.get("content-type", [""])[0].partition(";")[0].strip().lower()
        body = self.content.getvalue()
        if body and kind != _FORM:
            raise BadRequest(f"expected a form ({_FORM}), got {kind or 'no content type'}")
        path, _, query = self.uri.partition(b"?")
        cookies = self.received_cookies.items()
        return WebRequest(
            method=self.method.decode("latin-1"),
            path=path.decode("latin-1"),
            query=fields_of(query),
            form=fields_of(body),
            headers=headers,
            cookies={name.decode("latin-1"): value.decode("latin-1") for name, value in cookies},
            peer=str(getattr(self.channel.getPeer(), "host", "")),
            secure=self.isSecure(),
        )


class BrowserChannel(BoundedChannel):
    """
    One connection. Its factory has the limits, and the slots of the connections.
    """

    requestFactory = BrowserRequest
    transport: Any

    def __init__(self, factory: Any) -> None:
        super().__init__(factory.clock, factory.limits.max_body)
        self.factory = factory
        self.waits_for_peer = True
        #: Nothing of the next request has come yet.
        self._idle = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self.begin_limit(self.factory.limits.request_timeout_s)

    def dataReceived(self, data: bytes) -> None:
        if self._idle:
            self.begin_limit(self.factory.limits.request_timeout_s)
        super().dataReceived(data)

    def received(self, request: BrowserRequest) -> None:
        self.end_limit()
        self.waits_for_peer = False
        self.factory.serve(request)

    def requestDone(self, request: Request) -> None:  # noqa: N802 - Twisted's
        self.waits_for_peer = True
        self.factory.slots.waits(self)
        self.begin_limit(self.factory.limits.idle_timeout_s)
        self._idle = True
        # This reads the next request, if it has come already.
        super().requestDone(request)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.end_limit()
        self.factory.slots.leave(self)
        super().connectionLost(reason)

    def end_limit(self) -> None:
        self._idle = False
        super().end_limit()
