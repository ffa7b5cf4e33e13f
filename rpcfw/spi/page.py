"""
Pages: what the admin port of a process shows. Each has one path.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Mapping
from typing import ClassVar

from attrs import field, frozen

from rpcfw.spi.inspected_process import InspectedProcess
from rpcfw.spi.page_content import PageContent
from rpcfw.spi.plugin import Plugin
from rpcfw.values.caller_identity import ANONYMOUS, CallerIdentity

__all__ = ["Page", "PageRefused", "PageRequest", "PageResponse"]


class PageRefused(Exception):
    """
    A page cannot answer this request. The text is for whoever asked.

    Args:
        status: of the HTTP response: 400 to 599.
        reason: what was expected, and what came.
        retry_after_s: when to ask again; None: that would change nothing.
    """

    def __init__(self, status: int, reason: str, retry_after_s: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.retry_after_s = retry_after_s


@frozen(eq=False)
class PageRequest:
    """
    One request that was allowed.

    Args:
        process: what the page may look at.
        query: the parameters of the URL; of one that is there twice the first.
        method: ``GET`` or ``POST``; HEAD is GET.
        accept: the header Accept; empty if there was none.
        body: of a POST.
        identity: who asks, if that is known.
        peer: text of the address at the other end.
    """

    process: InspectedProcess
    query: Mapping[str, str] = field(factory=dict)
    method: str = "GET"
    accept: str = ""
    body: bytes = b""
    identity: CallerIdentity = ANONYMOUS
    peer: str = ""

    def number(self, name: str, default: float, least: float, most: float) -> float:
        """
        Return a parameter of the URL that is a number.

        Raises:
            PageRefused: it is none, or out of its bounds.
        """
        text = self.query.get(name, "")
        if not text:
            return default
        try:
            value = float(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:  # NaN is not, either
            raise PageRefused(
                400, f"{name}: expected a number from {least:g} to {most:g}, got {text[:50]!r}"
            )
        return value


@frozen(eq=False)
class PageResponse:
    """
    A response that a page makes itself, in a format that is not one of the usual.

    Args:
        body: sent as it is.
        content_type: with the charset, if it is text.
        status: of the HTTP response.
        headers: more of them.
    """

    body: bytes
    content_type: str
    status: int = 200
    headers: Mapping[str, str] = field(factory=dict)


class Page(Plugin):
    """
    One page of the admin port, which ``[admin] pages`` names.

    It runs in the reactor's thread, between calls. So `render` takes a few milliseconds at most;
    what takes longer waits, in an ``async def``, or runs in a thread
    (`rpcfw.spi.plugin.PluginContext.threads`). Whatever it raises becomes a response 500 without
    its text, and a line in the log.

    It shows no secrets and no messages of calls.
    """

    #: Its place, as ``/status``: one segment of lower-case letters, digits and ``_``.
    path: ClassVar[str]

    #: One line for the index of pages.
    title: ClassVar[str]

    #: It changes something: it is asked with POST alone, and only if ``[admin] changes`` allows.
    changes: ClassVar[bool] = False

    #: It takes long or much: while it runs, further requests for it are refused.
    exclusive: ClassVar[bool] = False

    #: Probes ask for it, again and again: it is cheap, and does not wait behind other pages.
    probe: ClassVar[bool] = False

    @abstractmethod
    def render(
        self, request: PageRequest
    ) -> PageContent | PageResponse | Awaitable[PageContent | PageResponse]:
        """
        Return what is to be shown. It is cancelled if whoever asked has gone.

        Raises:
            PageRefused: the request asks for something that cannot be.
        """
