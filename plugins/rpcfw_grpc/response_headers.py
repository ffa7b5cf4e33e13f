"""
What a response's header fields mean to a client: its headers, its trailers, or both.
"""

from __future__ import annotations

from attrs import define

from rpcfw.status import WIRE_HINTS, Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_grpc.http2.header_list import HeaderList
from rpcfw_grpc.metadata import codec_of, decode_bin, encodings_of, metadata_of
from rpcfw_grpc.status import from_http, read_message, read_status

__all__ = ["ResponseHeaders", "ResponseParser"]


@define(eq=False)
class ResponseHeaders:
    """
    What a block of header fields says. Shared: the same block means the same.

    Args:
        http: the HTTP status, 0 if there was none: trailers.
        status: the gRPC status, None if there was none.
        metadata: the pairs; trailers, if nothing else follows.
        encoding: compression of the messages that are marked as compressed.
        accepts: compressions that the server can decompress, None if it does not say.
        content_length: what ``content-length`` says, -1 for nothing.
        fault: why this is no response that can be used, empty if it is; ``status``
            is then the status that the call ends with.
        is_initial: HEADERS like any other: 200, gRPC, no status yet.
        is_ok_trailers: trailers of a call that went well.
    """

    http: int
    status: Status | None
    message: str = ""
    details: bytes = b""
    metadata: Metadata = EMPTY
    encoding: str = ""
    accepts: tuple[str, ...] | None = None
    hints: Hint = Hint.NONE
    retry_after_s: float | None = None
    content_length: int = -1
    fault: str = ""
    is_initial: bool = False
    is_ok_trailers: bool = False

    @property
    def is_trailers(self) -> bool:
        """
        It has no ``:status``.
        """
        return not self.http

    @property
    def is_informational(self) -> bool:
        """
        It is a response with a status of 1xx: another one follows.
        """
        return 0 < self.http < 200


class ResponseParser:
    """
    Makes `ResponseHeaders` of header lists.

    Args:
        max_bytes: the largest header list.
        known: compressions that this side can decompress.
    """

    def __init__(self, max_bytes: int, known: tuple[str, ...]) -> None:
        self._max_bytes = max_bytes
        self._known = known

    def __call__(self, headers: HeaderList) -> ResponseHeaders:
        """
        Return what a response's fields say.
        """
        response = self._response(int(headers.found.get(b":status", b"0")), headers)
        usable = not response.fault
        response.is_initial = (
            usable
            and response.http == 200
            and response.status is None
            and response.content_length < 0
        )
        response.is_ok_trailers = usable and not response.http and response.status is Status.OK
        return response

    def _response(self, http: int, headers: HeaderList) -> ResponseHeaders:
        if headers.size > self._max_bytes:
            text = f"response headers of {headers.size} bytes; max_header_bytes = {self._max_bytes}"
            return ResponseHeaders(http, Status.RESOURCE_EXHAUSTED, fault=text)
        status = headers.found.get(b"grpc-status")
        if http >= 200 and status is None:
            wrong = self._wrong(http, headers.found)
            if wrong is not None:
                return wrong
        try:
            return _good(http, status, headers)
        except ValueError as error:
            return ResponseHeaders(http, Status.INTERNAL, fault=str(error))

    def _wrong(self, http: int, found: dict[bytes, bytes]) -> ResponseHeaders | None:
        content_type = found.get(b"content-type", b"")
        shown = content_type[:60].decode("ascii", "backslashreplace") or "none"
        if http != 200:
            text = f"HTTP status {http} (content-type {shown}); a gRPC server answers with 200"
            return ResponseHeaders(http, from_http(http), fault=text)
        if not codec_of(content_type):
            text = f"content-type {shown}; a gRPC server answers with application/grpc"
            return ResponseHeaders(http, Status.UNKNOWN, fault=text)
        encoding = found.get(b"grpc-encoding", b"identity").decode("ascii", "backslashreplace")
        if encoding != "identity" and encoding not in self._known:
            known = ", ".join(self._known) or "none but identity"
            text = f"the server compresses with {encoding[:40]!r}; known here: {known}"
            return ResponseHeaders(http, Status.INTERNAL, fault=text)
        return None


def _good(http: int, status: bytes | None, headers: HeaderList) -> ResponseHeaders:
    found = headers.found
    encoding = found.get(b"grpc-encoding", b"").decode("ascii", "backslashreplace")
    accepts = found.get(b"grpc-accept-encoding")
    details = found.get(b"grpc-status-details-bin")
    return ResponseHeaders(
        http,
        None if status is None else read_status(status),
        message=read_message(found.get(b"grpc-message", b"")),
        details=b"" if details is None else decode_bin(b"grpc-status-details-bin", details),
        metadata=metadata_of(headers),
        encoding="" if encoding == "identity" else encoding,
        accepts=None if accepts is None else encodings_of(accepts),
        hints=_hints(found.get(b"rpcfw-hints", b"")),
        retry_after_s=_retry_after_s(found.get(b"grpc-retry-pushback-ms")),
        content_length=headers.content_length,
    )


def _hints(value: bytes) -> Hint:
    if len(value) > 3 or not value.isdigit():
        return Hint.NONE
    return Hint(int(value)) & WIRE_HINTS


def _retry_after_s(value: bytes | None) -> float | None:
    if value is None:
        return None
    # What cannot be read means "not again" (proposal A6 of gRPC).
    return int(value) / 1000 if value.isdigit() and len(value) < 10 else -1.0
