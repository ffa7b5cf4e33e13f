"""
Accepts the connections of browsers, counts them, and writes responses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ServerFactory
from twisted.logger import Logger
from twisted.web.http import HTTPChannel

from rpcfw.console.http.channel import BrowserChannel, BrowserRequest, HTTPLimits
from rpcfw.console.http.event_stream import EventStream
from rpcfw.console.http.messages import BadRequest, Response, WebRequest
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.clock import Clock

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
        self._answer = answer
        #: Hosts without a limit of their own: the proxies.
        self._uncounted = uncounted
        #: All that are open; those that wait for a request, the oldest first.
        self._open: dict[BrowserChannel, str] = {}
        self._waiting: dict[BrowserChannel, None] = {}
        self._by_host: Counter[str] = Counter()

    def buildProtocol(self, addr: IAddress | None) -> HTTPChannel:
        """
        Return what reads a new connection.
        """
        return BrowserChannel(self)

    # Connections.

    def opened(self, channel: BrowserChannel) -> None:
        """
        Count a connection. If there are too many, give up the one that has waited longest.

        Of too many of one address it is one of that address: who shares it with somebody that
        opens many, as behind a NAT, has a connection all the same.
        """
        host = str(getattr(channel.getPeer(), "host", ""))
        self._open[channel] = host
        self._by_host[host] += 1
        self.waits(channel)
        most = self.limits.max_connections_per_address
        if host not in self._uncounted and self._by_host[host] > most:
            self._give_up(next(each for each in self._waiting if self._open[each] == host))
        elif len(self._open) > self.limits.max_connections:
            self._give_up(next(iter(self._waiting)))

    def _give_up(self, channel: BrowserChannel) -> None:
        self.closed(channel)
        channel.abort()

    def waits(self, channel: BrowserChannel) -> None:
        """
        Note that a connection waits for a request.
        """
        self._waiting.pop(channel, None)
        if channel in self._open:
            self._waiting[channel] = None

    def busy(self, channel: BrowserChannel) -> None:
        """
        Note that a request of a connection is being answered.
        """
        self._waiting.pop(channel, None)

    def closed(self, channel: BrowserChannel) -> None:
        """
        Forget a connection.
        """
        host = self._open.pop(channel, None)
        self._waiting.pop(channel, None)
        if host is not None:
            self._by_host[host] -= 1
            if not self._by_host[host]:
                del self._by_host[host]

    def close_all(self) -> None:
        """
        Close every connection.
        """
        for channel in tuple(self._open):
            channel.abort()

    def log(self, request: BrowserRequest) -> None:
        """
        Note that a request has ended; Twisted calls it.
        """

    # Requests.

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
            response.stream(EventStream(request))
            return
        headers.setRawHeaders("Content-Type", [response.content_type])
        headers.setRawHeaders("Content-Length", [str(len(response.body))])
        request.write(b"" if request.method == b"HEAD" else response.body)
        request.finish()
