"""
Requests that a page of somebody else has made, in the browser of a person.

Such a page cannot read what it gets, but it can ask: so it could have profiles made, or change
something (cross-site request forgery). Browsers say where a request comes from, by Sec-Fetch-Site
(W3C Fetch Metadata) and Origin (RFC 6454). What is no browser sends neither.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.admin.exchange import Asked
from rpcfw.spi.page import Page, PageRefused

__all__ = ["check_cross_site", "is_own"]

_OWN = ("", "same-origin", "none")


def check_cross_site(asked: Asked, page: Page | None) -> None:
    """
    See that a request comes from this server, from a person, or from no browser.

    A link elsewhere may lead to a page that only shows something.

    Args:
        page: that is asked for; None for the index.

    Raises:
        PageRefused: it comes from a page of somebody else.
    """
    mode = asked.header("sec-fetch-mode").lower()
    shows = asked.method != "POST" and (page is None or not page.exclusive)
    if not is_own(asked.header) and not (shows and mode == "navigate"):
        raise PageRefused(403, "this request was made by a page of another server")


def is_own(header: Callable[[str], str]) -> bool:
    """
    Tell whether a request comes from a page of this server, from a person, or from no browser.

    Args:
        header: returns a header by its name in lower case; empty if it is not there.
    """
    site, origin = header("sec-fetch-site").lower(), header("origin").lower()
    return site in _OWN and (not origin or origin.partition("://")[2] == header("host").lower())
