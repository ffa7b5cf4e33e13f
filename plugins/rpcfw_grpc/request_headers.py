"""
What a request's header fields mean to a server.

All that the fields alone decide is decided here, once for each distinct header block of a
connection: what is called and how, or how the request is refused.
"""

from __future__ import annotations

from typing import ClassVar, Final

from attrs import define, evolve

from rpcfw.spi.events import RequestHead
from rpcfw.spi.machine import Limits
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import Metadata
from rpcfw_grpc.callers import read_caller
from rpcfw_grpc.http2.header_list import Fields, HeaderList
from rpcfw_grpc.http2.hpack.cached_decoder import Extensible
from rpcfw_grpc.metadata import codec_of, encodings_of, metadata_of, pairs_of
from rpcfw_grpc.response_encoder import ResponseTemplate, template_for
from rpcfw_grpc.timeout import read_timeout

__all__ = ["Refusal", "RequestHeaders", "RequestParser"]

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
        hints: what may be done about it, if it is answered as gRPC does.
    """

    http: int
    status: Status
    text: str
    hints: Hint = Hint.NONE


@define(eq=False)
class RequestHeaders:
    """
    What a block of header fields says. Shared: the same block means the same.

    Args:
        head: what is called, and how.
        encoding: compression of the messages that are marked as compressed.
        template: how its response is written.
        content_length: what ``content-length`` says, -1 for nothing.
        refusal: why it is no call, if so.
        plain: nothing but a call, whose response may be written in one piece.
        is_trailers: it has no pseudo-fields, so it ends a request.
        window_increment: what the client granted for the response beyond a stream's initial
            window.
    """

    head: RequestHead
    encoding: str
    template: ResponseTemplate
    content_length: int = -1
    refusal: Refusal | None = None
    plain: bool = False
    is_trailers: bool = False
    is_informational: ClassVar[bool] = False
    window_increment: int = 0
    _with_window: RequestHeaders | None = None

    def with_window(self, increment: int) -> RequestHeaders | None:
        """
        Return the same for a call whose client has raised the window of the response.

        Clients built on gRPC's C core do so for each call, by the same amount. One
        that is kept serves all; None means that this is another amount.
        """
        if self._with_window is None:
            self._with_window = evolve(self, window_increment=increment)
        return self._with_window if self._with_window.window_increment == increment else None


class RequestParser(Extensible[RequestHeaders]):
    """
    Makes `RequestHeaders` of header lists.

    Args:
        limits: for the largest header list.
        accepts: compressions that this side can decompress.
    """

    def __init__(self, limits: Limits, accepts: tuple[str, ...]) -> None:
        self._max_bytes = limits.max_header_bytes
        self._accepts = accepts
        self._plain = template_for(b"application/grpc", accepts)

    def __call__(self, headers: HeaderList) -> RequestHeaders:
        """
        Return what a request's fields say.
        """
        found = headers.found
        if headers.is_trailers:
            return RequestHeaders(_NO_HEAD, "", self._plain, is_trailers=True)
        content_type = found.get(b"content-type", b"")
        codec = codec_of(content_type)
        length = headers.content_length
        template = template_for(content_type, self._accepts) if codec else self._plain
        refusal = self._refusal(found, codec, headers.size)
        if refusal is not None:
            return RequestHeaders(_NO_HEAD, "", template, length, refusal)
        try:
            head = _head(headers, codec)
        except ValueError as error:
            refusal = Refusal(0, Status.INTERNAL, str(error))
            return RequestHeaders(_NO_HEAD, "", template, length, refusal)
        return RequestHeaders(head, _encoding(found), template, length, plain=length < 0)

    def extended(self, meaning: RequestHeaders, others: Fields, size: int) -> RequestHeaders | None:
        if meaning.refusal is not None or size > self._max_bytes:
            return None
        try:
            pairs = pairs_of(others)
        except ValueError:
            return None  # read whole, it is refused
        begun = meaning.head
        metadata = Metadata((*begun.metadata.pairs, *pairs))
        head = RequestHead(
            begun.path, begun.codec, begun.timeout_s, metadata, begun.caller, False, begun.accepts
        )
        return RequestHeaders(
            head, meaning.encoding, meaning.template, meaning.content_length, None, meaning.plain
        )

    def _refusal(self, found: dict[bytes, bytes], codec: str, size: int) -> Refusal | None:
        if found[b":method"] != b"POST":
            return Refusal(405, Status.INTERNAL, _WRONG_METHOD)
        if not codec:
            return Refusal(415, Status.INTERNAL, _WRONG_TYPE)
        if size > self._max_bytes:
            text = f"request headers of {size} bytes; max_header_bytes = {self._max_bytes}"
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


def _head(headers: HeaderList, codec: str) -> RequestHead:
    found = headers.found
    timeout = found.get(b"grpc-timeout")
    return RequestHead(
        found[b":path"][1:].decode("utf-8", "backslashreplace"),
        codec,
        None if timeout is None else read_timeout(timeout.decode("latin-1")),
        metadata_of(headers),
        read_caller(found.get(b"rpcfw-caller", b"")),
        accepts=encodings_of(found.get(b"grpc-accept-encoding", b"")),
    )
