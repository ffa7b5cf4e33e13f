"""
From a request to a response: who asks, which page, in which format.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from inspect import isawaitable
from typing import Any

from twisted.logger import Logger
from twisted.web.http import RESPONSES

from rpcfw.admin.cross_site import check_cross_site
from rpcfw.admin.exchange import Asked, Reply, accepted_format
from rpcfw.admin.gate import Gate
from rpcfw.admin.host_header import HostNames
from rpcfw.admin.options import INDEX
from rpcfw.admin.pace import Pace
from rpcfw.admin.rendering.html import as_html
from rpcfw.admin.rendering.json_text import as_json
from rpcfw.admin.rendering.plain_text import as_text
from rpcfw.admin.request_counts import count_request
from rpcfw.errors import DeadlineExceeded, SetupError
from rpcfw.spi.inspected_process import InspectedProcess
from rpcfw.spi.page import Page, PageRefused, PageRequest, PageResponse
from rpcfw.spi.page_content import Facts, Link, PageContent, Table
from rpcfw.spi.plugin import PluginContext, title_of
from rpcfw.spi.runtime.waiting import CANCELLED, as_coroutine, with_deadline
from rpcfw.values.caller_identity import CallerIdentity

__all__ = ["Site"]

_PATH = re.compile(r"/[a-z][a-z0-9_]{0,63}\Z")
#: By whether a page changes something.
_METHODS = {False: "GET, HEAD", True: "POST"}
#: A refusal of a caller without credentials says which kind is known (RFC 9110, section 11.6.1).
_HEADERS = {401: {"WWW-Authenticate": 'Bearer realm="rpcfw"'}}
#: Further requests are refused, except for those of probes.
_MAX_WAITING = 8
#: A page that takes longer is given up.
_PAGE_LIMIT_S = 120.0
_CONTENT_TYPES = {
    "html": "text/html; charset=utf-8",
    "json": "application/json",
    "text": "text/plain; charset=utf-8",
}


class Site:
    """
    The pages of one process.

    Args:
        pages: in the order of the index.
        process: what they show.
        host_names: the names that the port may be called by.
        gate: decides who may see what.
        plugin_context: has the clock.

    Raises:
        SetupError: a path of a page is wrong, or two pages have the same.
    """

    log = Logger()

    def __init__(
        self,
        pages: Sequence[Page],
        process: InspectedProcess,
        host_names: HostNames,
        gate: Gate,
        plugin_context: PluginContext,
    ) -> None:
        self._pages = _by_path(pages)
        self._process = process
        self._host_names = host_names
        self._gate = gate
        self._clock = plugin_context.clock
        self._timers = plugin_context.timers
        self._pace = Pace(plugin_context.clock)
        self._running: set[Page] = set()
        self._waiting = 0
        self._links = tuple(Link(path[1:], path) for path in self._pages)
        #: Of pages by their paths, as they are counted.
        self._names = {"/": INDEX, **{path: path[1:] for path in self._pages}}
        self._requests = plugin_context.meter.counter(
            "rpcfw_admin_requests_total", "requests for admin pages", "page", "method", "status"
        )

    async def answer(self, asked: Asked) -> Reply:
        """
        Return the response to a request, whatever it is, and count it.
        """
        reply = await self._reply_to(asked)
        page = self._names.get(asked.path, "")
        count_request(self._requests, page, asked.method, reply.status)
        return reply

    async def _reply_to(self, asked: Asked) -> Reply:
        try:
            return await self._answer(asked)
        except PageRefused as refusal:
            return self._refusal(asked, refusal)
        except CANCELLED:
            raise
        except Exception:  # noqa: BLE001 - a page of somebody's may raise anything
            self.log.failure("the admin page {path} failed", path=asked.path)
            reason = "this page failed; the log of the process says why"
            return self._refusal(asked, PageRefused(500, reason))

    async def _answer(self, asked: Asked) -> Reply:
        asked.check()
        self._host_names.check(asked)
        page = self._pages.get(asked.path)
        changes = page is not None and page.changes
        name = "" if page is None else page.path[1:]
        identity = await self._gate.identity(asked, name)
        # Who may not see a page does not learn whether there is one.
        self._gate.check(asked, identity, name, changes=changes)
        if page is None and asked.path != "/":
            raise PageRefused(404, "there is no such page; / lists the pages of this process")
        if asked.method not in (("POST",) if changes else ("GET", "HEAD")):
            raise PageRefused(405, f"this page takes {_METHODS[changes]}")
        check_cross_site(asked, page)
        if page is None:
            return self._reply(asked, self._index(), "pages")
        return await self._shown(asked, page, identity)

    async def _shown(self, asked: Asked, page: Page, identity: CallerIdentity) -> Reply:
        request = PageRequest(
            self._process,
            asked.query(),
            "POST" if asked.method == "POST" else "GET",
            ",".join(asked.headers.get("accept", ())),
            asked.body,
            identity,
            asked.peer,
        )
        if page in self._running:
            raise PageRefused(503, "this page is being made for somebody else; try again", 10)
        if page.exclusive:
            self._running.add(page)
        try:
            return await self._made(asked, page, request)
        finally:
            self._running.discard(page)

    async def _made(self, asked: Asked, page: Page, request: PageRequest) -> Reply:
        if not page.probe:
            await self._wait()
        since = self._clock.seconds()
        made: Any = page.render(request)
        if isawaitable(made):
            self._pace.took(since)
            made = await self._in_time(made)
            since = self._clock.seconds()
        if isinstance(made, PageResponse):
            reply = Reply(made.status, made.content_type, made.body, made.headers)
        else:
            reply = self._reply(asked, made, page.title)
        self._pace.took(since)
        return reply

    async def _wait(self) -> None:
        """
        Return when a page may be made. Few wait, so that they do not take all connections.
        """
        if self._waiting >= _MAX_WAITING:
            raise PageRefused(503, f"{_MAX_WAITING} requests for pages wait already; try again", 1)
        self._waiting += 1
        try:
            await self._pace.wait()
        finally:
            self._waiting -= 1

    async def _in_time(self, made: Any) -> Any:
        deadline = self._timers.seconds() + _PAGE_LIMIT_S
        try:
            return await with_deadline(as_coroutine(made), self._timers, deadline)
        except DeadlineExceeded:
            raise PageRefused(
                503, f"this page was not made within {_PAGE_LIMIT_S:g} s", 60
            ) from None

    def _index(self) -> PageContent:
        rows = [(Link(path, path), page.title) for path, page in self._pages.items()]
        return PageContent([Table("pages", ("path", "title"), rows)])

    def _reply(self, asked: Asked, content: PageContent, title: str, kind: str = "") -> Reply:
        kind = kind or asked.format()
        if kind == "html":
            body = as_html(content, title, self._process.application, self._links)
        else:
            body = as_json(content) if kind == "json" else as_text(content)
        return Reply(content.status, _CONTENT_TYPES[kind], body)

    def _refusal(self, asked: Asked, refusal: PageRefused) -> Reply:
        """
        Return the response to what is refused, in the format that its header asks for.
        """
        reason = RESPONSES.get(refusal.status, b"refused").decode().lower()
        facts = Facts("error", {"status": refusal.status, "reason": str(refusal)})
        kind = accepted_format(",".join(asked.headers.get("accept", ())))
        content = PageContent([facts], refusal.status)
        reply = self._reply(asked, content, reason, kind)
        headers = dict(_HEADERS.get(refusal.status, {}))
        if refusal.status == 405:
            page = self._pages.get(asked.path)
            headers["Allow"] = _METHODS[page is not None and page.changes]
        if refusal.retry_after_s is not None:
            headers["Retry-After"] = str(refusal.retry_after_s)
        return Reply(reply.status, reply.content_type, reply.body, headers)


def _by_path(pages: Sequence[Page]) -> dict[str, Page]:
    found: dict[str, Page] = {}
    for page in pages:
        if not _PATH.match(page.path):
            raise SetupError(
                f"{title_of(page)}: expected a path as /status: one segment of lower-case "
                f"letters, digits and _, got {page.path!r}"
            )
        if page.path in found:
            other = title_of(found[page.path])
            raise SetupError(f"{title_of(page)} and {other} have the same path {page.path}")
        found[page.path] = page
    return found
