"""
Accepts the connections of browsers, and writes responses.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from twisted.web.http import HTTPChannel

from rpcfw.admin.connections import ConnectionSlots
from rpcfw.console.http.channel import BrowserChannel, BrowserRequest, HTTPLimits
from rpcfw.console.http.event_stream import EventStream
from rpcfw.console.http.messages import BadRequest, Response, WebRequest
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.clock import Clock
from rpcfw.values.peer_host import ip_of

__all__ = ["BrowserFactory"]

_log = Logger()

#: Sent with every response. Scripts and styles come from files of ours alone.
_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    ("Content-Security-Policy", _POLICY),
    ("X-Frame-Options", "DENY"),
    ("X-Content-Type-Options", "nosniff"),
    # With no-referrer a browser would send no Origin along with our forms.
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_NO_STORE = ("Cache-Control", "no-store")


class BrowserFactory(ServerFactory):
    """
    The connections of all browsers.

    Args:
        answer: returns the response to a request; must not raise.
        clock: time limits.
        uncounted: hosts without a limit of their own: the proxies.
    """

    noisy = False
    #: Browsers that are offered no name in TLS speak HTTP/1.1.
    alpn: tuple[str, ...] = ()

    def __init__(
        self,
        answer: Callable[[WebRequest], Coroutine[Any, Any, Response]],
        limits: HTTPLimits,
        clock: Clock,
        uncounted: frozenset[str] = frozenset(),
    ) -> None:
        self.limits = limits
        self.clock = clock
        self.slots = ConnectionSlots(
            limits.max_connections,
            limits.max_connections_per_address,
            frozenset(map(_one_form, uncounted)),
        )
        self._answer = answer

    def buildProtocol(self, addr: IAddress | None) -> HTTPChannel | None:
        """
        Return what reads a new connection; None closes it.
        """
        channel = BrowserChannel(self)
        host = _one_form(str(getattr(addr, "host", "")))
        return channel if self.slots.enter(channel, host) else None

    def log(self, request: BrowserRequest) -> None:
        """
        Note that a request has ended; Twisted calls it.
        """

    def serve(self, request: BrowserRequest) -> None:
        """
        Answer a request in the background.
        """
        gone = request.notifyFinish()
        running = in_background(self._serve(request), "the answer to a browser")
        # A page that nobody waits for any longer is not made to its end.
        gone.addErrback(lambda _: running.cancel())

    async def _serve(self, request: BrowserRequest) -> None:
        try:
            response = await self._answer(request.read())
        except BadRequest as error:
            response = Response(400, f"{error}\n".encode(), "text/plain; charset=utf-8")
        self._write(request, response)

    def _write(self, request: BrowserRequest, response: Response) -> None:
        request.setResponseCode(response.status)
        headers = request.responseHeaders
        for name, value in (*_HEADERS, *response.headers):
            headers.addRawHeader(name, value)
        if not headers.hasHeader("Cache-Control"):
            headers.addRawHeader(*_NO_STORE)
        if response.stream is not None:
            headers.setRawHeaders("Content-Type", ["text/event-stream"])
            if request.method == b"HEAD":
                request.finish()
            else:
                response.stream(EventStream(request))
            return
        headers.setRawHeaders("Content-Type", [response.content_type])
        headers.setRawHeaders("Content-Length", [str(len(response.body))])
        request.write(b"" if request.method == b"HEAD" else response.body)
        request.finish()


def _one_form(host: str) -> str:
    """
    Return an address in the form that it has everywhere: an IPv6 socket shows IPv4 in its own.
    """
    return str(ip_of(host) or host)
