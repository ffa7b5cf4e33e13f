"""
One HTTP request and its response, as values: what the site knows of HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from attrs import field, frozen

from rpcfw.spi.page import PageRefused
from rpcfw.values.caller_identity import ANONYMOUS, CallerIdentity

__all__ = ["Asked", "Reply"]

_MAX_TARGET_CHARS = 4_096
_MAX_PARAMETERS = 100
#: The formats by the end of a path, and by the parameter ``format``.
_SUFFIXES = {".html": "html", ".json": "json", ".txt": "text"}
_FORMATS = ("html", "json", "text")


@frozen(eq=False)
class Reply:
    """
    A response.

    Args:
        status: of HTTP.
        headers: without those that every response has.
    """

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = field(factory=dict)


@frozen(eq=False)
class Asked:
    """
    A request, as it came.

    Args:
        target: path and query, not decoded.
        headers: by their names in lower case.
        peer: text of the address at the other end.
        identity: of its certificate.
    """

    method: str
    target: str
    headers: Mapping[str, Sequence[str]]
    body: bytes = b""
    peer: str = ""
    identity: CallerIdentity = ANONYMOUS

    def header(self, name: str) -> str:
        """
        Return a header that may be there once; empty if it is not there.

        Raises:
            PageRefused: it is there more than once.
        """
        values = self.headers.get(name, ())
        if len(values) > 1:
            raise PageRefused(400, f"expected the header {name} once, got it {len(values)} times")
        return values[0] if values else ""

    @property
    def path(self) -> str:
        """
        The path of a page: without its suffix. Nothing in it is decoded: no page needs that.
        """
        path = self.target.partition("?")[0]
        for suffix in _SUFFIXES:
            if path.endswith(suffix):
                return path.removesuffix(suffix)
        return path

    def check(self) -> None:
        """
        See that the target is one of this server.

        Raises:
            PageRefused: it is not, or is too long.
        """
        if len(self.target) > _MAX_TARGET_CHARS:
            raise PageRefused(414, f"the URL is longer than {_MAX_TARGET_CHARS} characters")
        if not self.target.startswith("/"):
            raise PageRefused(400, "expected a path as the target of the request, as GET /status")

    def query(self) -> dict[str, str]:
        """
        Return the parameters of the URL; of those with one name the first.

        Raises:
            PageRefused: there are too many.
        """
        text = self.target.partition("?")[2]
        try:
            pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
        except ValueError:
            raise PageRefused(400, f"expected at most {_MAX_PARAMETERS} parameters") from None
        return dict(reversed(pairs))

    def format(self) -> str:
        """
        Return ``html``, ``json`` or ``text``, in which the response is wanted.

        A browser asks for HTML by its header Accept. Whoever asks for nothing, as curl, gets text.

        Raises:
            PageRefused: there is no such format.
        """
        path = self.target.partition("?")[0]
        for suffix, name in _SUFFIXES.items():
            if path.endswith(suffix):
                return name
        wanted = self.query().get("format", "")
        if wanted:
            if wanted not in _FORMATS:
                raise PageRefused(400, f"format: expected html, json or text, got {wanted[:50]!r}")
            return wanted
        return accepted_format(",".join(self.headers.get("accept", ())))


def accepted_format(accept: str) -> str:
    """
    Return the first format that a header Accept names; without one: text.
    """
    for part in accept.split(","):
        kind = part.partition(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml"):
            return "html"
        if kind == "application/json":
            return "json"
        if kind == "text/plain":
            return "text"
    return "text"
