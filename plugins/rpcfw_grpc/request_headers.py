"""
What a request's header fields mean to a server.

All that can be told from the fields alone is decided here, once for each distinct
block of a connection: the call's head, or how the request is refused.
"""

from __future__ import annotations

from typing import Final

from attrs import define, evolve

from rpcfw.spi.events import RequestHead
from rpcfw.spi.machine import Limits
from rpcfw.status import Status
from rpcfw_grpc.callers import read_caller
from rpcfw_grpc.metadata import (
    Malformed,
    Sorted,
    codec_of,
    content_length_of,
    encodings_of,
)
from rpcfw_grpc.response_encoder import Reply, reply_for
from rpcfw_grpc.timeout import read_timeout

__all__ = ["PSEUDO", "Opening", "Refusal", "RequestReader"]

PSEUDO: Final = frozenset((b":method", b":scheme", b":path", b":authority", b":protocol"))
_NO_HEAD: Final = RequestHead(path="", codec="")
_WRONG_METHOD = "This port serves gRPC: send POST with content-type application/grpc.\n"
_WRONG_TYPE = "This port serves gRPC: the content-type must be application/grpc.\n"


@define(eq=False)
class Refusal:
    """
    Why a request is not a call.

    Args:
        http: the HTTP status to answer with, 0 to answer as gRPC does.
        status: the gRPC status then.
        text: for a person.
    """

    http: int
    status: Status
    text: str


@define(eq=False)
class Opening:
    """
    What a block of header fields begins. Shared: the same block means the same.

    Args:
        head: the call's head.
        encoding: compression of the messages that are marked as compressed.
        reply: how it is answered.
        length: what ``content-length`` said, -1 for nothing.
        refusal: why it is no call, if so.
        plain: nothing but a call, whose answer may be written in one piece.
        trailers: it has no pseudo-fields, so it ends a request.
        extra: what the peer granted for the answer beyond a stream's first window.
    """

    head: RequestHead
    encoding: str
    reply: Reply
    length: int = -1
    refusal: Refusal | None = None
    plain: bool = False
    trailers: bool = False
    extra: int = 0
    _roomier: Opening | None = None

    def granted(self, increment: int) -> Opening | None:
        """
        Return the same for a call whose caller granted more room for the answer.

        Clients built on gRPC's C core do so for each call, by the same amount. One
        that is remembered serves all; None means that this is another amount.
        """
        if self._roomier is None:
            self._roomier = evolve(self, extra=increment)
        return self._roomier if self._roomier.extra == increment else None


class RequestReader:
    """
    Gives request blocks their meaning.

    Args:
        limits: for the largest header list.
        accepts: compressions that this side can undo.
    """

    def __init__(self, limits: Limits, accepts: tuple[str, ...]) -> None:
        self._most_bytes = limits.max_header_bytes
        self._accepts = accepts
        self._plain = reply_for(b"application/grpc", accepts)

    def __call__(self, listed: Sorted) -> Opening:
        """
        Return what a request's fields begin.

        Raises:
            Malformed: HTTP/2 forbids such a request.
        """
        found = listed.found
        if found.keys().isdisjoint(PSEUDO):
            return Opening(_NO_HEAD, "", self._plain, trailers=True)
        _check_pseudo(found)
        content_type = found.get(b"content-type", b"")
        codec = codec_of(content_type)
        length = content_length_of(found)
        reply = reply_for(content_type, self._accepts) if codec else self._plain
        refusal = self._refusal(found, codec, listed.size)
        if refusal is not None:
            return Opening(_NO_HEAD, "", reply, length, refusal)
        try:
            head = _head(listed, codec)
        except ValueError as error:
            refusal = Refusal(0, Status.INTERNAL, str(error))
            return Opening(_NO_HEAD, "", reply, length, refusal)
        return Opening(head, _encoding(found), reply, length, plain=length < 0)

    def _refusal(self, found: dict[bytes, bytes], codec: str, size: int) -> Refusal | None:
        if found[b":method"] != b"POST":
            return Refusal(405, Status.INTERNAL, _WRONG_METHOD)
        if not codec:
            return Refusal(415, Status.INTERNAL, _WRONG_TYPE)
        if size > self._most_bytes:
            text = f"request headers of {size} bytes; max_header_bytes = {self._most_bytes}"
            return Refusal(0, Status.RESOURCE_EXHAUSTED, text)
        encoding = _encoding(found)
        if encoding and encoding not in self._accepts:
            known = ", ".join(self._accepts) or "none but identity"
            text = f"grpc-encoding {encoding[:40]!r} is not known here; known: {known}"
            return Refusal(0, Status.UNIMPLEMENTED, text)
        return None


def _encoding(found: dict[bytes, bytes]) -> str:
    name = found.get(b"grpc-encoding", b"identity")
    return "" if name == b"identity" else name.decode("ascii", "backslashreplace")


def _head(listed: Sorted, codec: str) -> RequestHead:
    found = listed.found
    timeout = found.get(b"grpc-timeout")
    return RequestHead(
        found[b":path"][1:].decode("utf-8", "backslashreplace"),
        codec,
        None if timeout is None else read_timeout(timeout.decode("latin-1")),
        listed.metadata(),
        read_caller(found.get(b"rpcfw-caller", b"")),
        accepts=encodings_of(found.get(b"grpc-accept-encoding", b"")),
    )


def _check_pseudo(pseudo: dict[bytes, bytes]) -> None:
    method = pseudo.get(b":method")
    if not method:
        raise Malformed("a request has the pseudo-field :method")
    if method == b"CONNECT" and b":protocol" not in pseudo:
        raise Malformed("CONNECT is not served here")
    if b":protocol" in pseudo:
        raise Malformed("the pseudo-field :protocol was not offered here")
    if not pseudo.get(b":scheme"):
        raise Malformed("a request has the pseudo-field :scheme")
    path = pseudo.get(b":path", b"")
    if not path.startswith(b"/") and not (path == b"*" and method == b"OPTIONS"):
        raise Malformed("a request has the pseudo-field :path, which begins with a slash")
