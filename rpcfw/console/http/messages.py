"""
Requests and responses as pages see them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from attrs import field, frozen

if TYPE_CHECKING:
    from rpcfw.console.http.event_stream import EventStream

__all__ = ["BadRequest", "Response", "WebRequest", "fields_of", "redirect"]

#: Fields of a form, or of the query of a URL. The longest form is that of a call.
MAX_FIELDS = 200


class BadRequest(Exception):
    """
    A request that no browser sends for one of our pages.
    """


@frozen(eq=False)
class WebRequest:
    """
    One request.

    Args:
        method: as GET.
        path: without the query; not decoded, as it is only compared with the paths of routes.
        query: fields of the URL.
        form: fields of the body.
        headers: by their names in lower case; several of one name are a list.
        cookies: by name.
        peer: host of the other end of the connection.
        secure: whether the connection is encrypted here.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(factory=dict)
    form: Mapping[str, str] = field(factory=dict)
    headers: Mapping[str, list[str]] = field(factory=dict)
    cookies: Mapping[str, str] = field(factory=dict)
    peer: str = ""
    secure: bool = False

    def header(self, name: str) -> str:
        """
        Return the value of a header; empty if there is none.

        Raises:
            BadRequest: there are several, so nobody knows which one is meant.
        """
        values = self.headers.get(name, [])
        if len(values) > 1:
            raise BadRequest(f"the header {name} is there {len(values)} times")
        return values[0] if values else ""


@frozen(eq=False)
class Response:
    """
    One response.

    Args:
        headers: those of this response alone.
        stream: called with the open response, which it writes events to; ``body`` is not used.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()
    stream: Callable[[EventStream], None] | None = None


def redirect(location: str) -> Response:
    """
    Return what sends a browser to a page of ours.
    """
    return Response(303, headers=(("Location", location),))


def fields_of(text: bytes) -> dict[str, str]:
    """
    Read the fields of a form or a query. Of several with one name the last one counts.

    Raises:
        BadRequest: there are too many, or they are not UTF-8.
    """
    try:
        pairs = parse_qsl(
            text.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except ValueError as error:
        raise BadRequest(f"the form or the query cannot be read: {error}") from None
    return dict(pairs)
