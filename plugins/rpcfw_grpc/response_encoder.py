"""
What a server writes: HEADERS of a response, its trailers, and all of it in one piece.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import Final

from rpcfw.status import WIRE_HINTS, Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_grpc.http2.frames import END_HEADERS, END_STREAM, HEADERS, headers
from rpcfw_grpc.http2.header_list import Fields, list_bytes
from rpcfw_grpc.http2.hpack.encoder import encode
from rpcfw_grpc.metadata import encode_bin, encodings_text, fields_of
from rpcfw_grpc.status import write_message

__all__ = ["ResponseTemplate", "ok_trailers", "refusal_block", "template_for", "trailers_block"]

_STATUS_200: Final = (b":status", b"200")
_OK: Final = (b"grpc-status", b"0")
_OK_BLOCK: Final = encode([_OK])
_OK_FRAME = Struct(f">5sL{len(_OK_BLOCK)}s")
_OK_START: Final = headers(0, _OK_BLOCK, END_STREAM, len(_OK_BLOCK))[:5]


def ok_trailers(stream_id: int) -> bytes:
    """
    Return the HEADERS frame that ends a call with status OK.
    """
    return _OK_FRAME.pack(_OK_START, stream_id, _OK_BLOCK)


class ResponseTemplate:
    """
    The response to requests of one content-type, encoded once. Shared by all of them.

    Each response names the compressions that this side can decompress: a proxy hands the responses
    of one connection to many clients, of which all but one would miss what is sent only once.

    Args:
        content_type: as the request had it.
        accepts: value of ``grpc-accept-encoding``.
    """

    __slots__ = ("_block", "_pack", "_start", "fields")

    def __init__(self, content_type: bytes, accepts: bytes) -> None:
        self.fields: Fields = [
            _STATUS_200,
            (b"content-type", content_type),
            (b"grpc-accept-encoding", accepts),
        ]
        self._block = encode(self.fields)
        size = len(self._block)
        self._start = bytes((size >> 16, size >> 8 & 0xFF, size & 0xFF, HEADERS, END_HEADERS))
        self._pack = Struct(f">5sL{size}sHBHLBL").pack

    def whole(self, stream_id: int, size: int) -> bytes:
        """
        Return all that precedes the message of a unary response.

        That is the HEADERS frame, the DATA frame's header, and the message's prefix.

        Args:
            size: of the message.
        """
        length = size + 5
        return self._pack(
            self._start,
            stream_id,
            self._block,
            length >> 8,
            length & 0xFF,
            0,
            stream_id,
            0,
            size,
        )

    def block(self, metadata: Metadata, encoding: str, max_bytes: int) -> bytes:
        """
        Return the header block that begins a response.

        Args:
            encoding: compression of its messages.
            max_bytes: of a header list that the peer takes; if the metadata is too much, it
                is left out.
        """
        if metadata is EMPTY and not encoding:
            return self._block
        fields = list(self.fields)
        if encoding:
            fields.append((b"grpc-encoding", encoding.encode()))
        everything = fields + fields_of(metadata)
        return encode(everything if list_bytes(everything) <= max_bytes else fields)


@lru_cache(maxsize=64)
def template_for(content_type: bytes, accepts: tuple[str, ...]) -> ResponseTemplate:
    """
    Return the template of responses to requests of this content-type.

    Args:
        accepts: compressions that this side can decompress.
    """
    return ResponseTemplate(content_type, encodings_text(accepts))


def refusal_block(status: int, size: int) -> bytes:
    """
    Return the header block of a plain HTTP response, for those who do not speak gRPC.
    """
    fields = [
        (b":status", b"%d" % status),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % size),
    ]
    if status == 405:
        fields.append((b"allow", b"POST"))
    return encode(fields)


def trailers_block(
    before: Fields | None = None,
    status: Status = Status.OK,
    message: str = "",
    details: bytes = b"",
    trailers: Metadata = EMPTY,
    hints: Hint = Hint.NONE,
    retry_after_s: float | None = None,
    *,
    max_bytes: int,
) -> bytes:
    """
    Return the header block that ends a call.

    Args:
        before: the fields of the HEADERS, if none were sent before ("Trailers-Only").
        max_bytes: of a header list that the peer takes. What is over them is left out:
            first trailers and details, then the end of the message.
    """
    fields = [*(before or ()), (b"grpc-status", b"%d" % status)]
    if message:
        fields.append((b"grpc-message", write_message(message)))
    small: Fields = []
    if hints & WIRE_HINTS:
        small.append((b"rpcfw-hints", b"%d" % (hints & WIRE_HINTS)))
    if retry_after_s is not None:
        wait = b"-1" if retry_after_s < 0 else b"%d" % round(retry_after_s * 1000)
        small.append((b"grpc-retry-pushback-ms", wait))
    rest = fields_of(trailers)
    if details:
        rest.append((b"grpc-status-details-bin", encode_bin(details)))
    everything = fields + small + rest
    if list_bytes(everything) > max_bytes:
        everything = _shortened(fields, message, max_bytes - list_bytes(small)) + small
    return encode(everything)


def _shortened(fields: Fields, message: str, max_bytes: int) -> Fields:
    """
    Return the fields with as much of the message as fits.
    """
    if not message:
        return fields
    bare = fields[:-1]
    while message and list_bytes(fields) > max_bytes:
        # By letters: half a letter's escapes would be shown as a broken one.
        message = message[: len(message) * 2 // 3]
        fields = [*bare, (b"grpc-message", write_message(message))]
    return fields if message else bare
