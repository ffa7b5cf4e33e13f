"""
What a response's header fields mean to a client: its head, its trailers, or both.
"""

from __future__ import annotations

from typing import Final

from attrs import define

from rpcfw.status import WIRE_HINTS, Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_grpc.metadata import (
    Malformed,
    Sorted,
    codec_of,
    content_length_of,
    encodings_of,
    unpacked,
)
from rpcfw_grpc.status import from_http, read_message, read_status

__all__ = ["PSEUDO", "Answer", "ResponseReader"]

PSEUDO: Final = frozenset((b":status",))


@define(eq=False)
class Answer:
    """
    What a block of header fields says. Shared: the same block means the same.

    Args:
        http: the HTTP status, 0 if there was none: trailers.
        status: the gRPC status, None if there was none.
        metadata: the pairs; trailers, if nothing else follows.
        encoding: compression of the messages that are marked as compressed.
        accepts: compressions that the server can undo, None if it did not say.
        length: what ``content-length`` said, -1 for nothing.
        fault: why this is no answer that can be used, empty if it is; ``status``
            says then how the call ends.
        opens: a head like any other: 200, gRPC, not the end.
        ends_well: trailers of a call that went well.
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
    length: int = -1
    fault: str = ""
    opens: bool = False
    ends_well: bool = False


class ResponseReader:
    """
    Gives response blocks their meaning.

    Args:
        most_bytes: the largest header list.
        known: compressions that this side can undo.
    """

    def __init__(self, most_bytes: int, known: tuple[str, ...]) -> None:
        self._most_bytes = most_bytes
        self._known = known

    def __call__(self, listed: Sorted) -> Answer:
        """
        Return what an answer's fields say.

        Raises:
            Malformed: HTTP/2 forbids such a response.
        """
        http = listed.found.get(b":status", b"")
        if b":status" in listed.found and (len(http) != 3 or not http.isdigit()):
            raise Malformed(":status is a number of three digits")
        answer = self._answer(int(http or 0), listed)
        usable = not answer.fault
        answer.opens = usable and answer.http == 200 and answer.status is None and answer.length < 0
        answer.ends_well = usable and not answer.http and answer.status is Status.OK
        return answer

    def _answer(self, http: int, listed: Sorted) -> Answer:
        if listed.size > self._most_bytes:
            text = f"response headers of {listed.size} bytes; max_header_bytes = {self._most_bytes}"
            return Answer(http, Status.RESOURCE_EXHAUSTED, fault=text)
        status = listed.found.get(b"grpc-status")
        if http >= 200 and status is None:
            wrong = self._wrong(http, listed.found)
            if wrong is not None:
                return wrong
        try:
            return _good(http, status, listed)
        except ValueError as error:
            return Answer(http, Status.INTERNAL, fault=str(error))

    def _wrong(self, http: int, found: dict[bytes, bytes]) -> Answer | None:
        content_type = found.get(b"content-type", b"")
        shown = content_type[:60].decode("ascii", "backslashreplace") or "none"
        if http != 200:
            text = f"HTTP status {http} (content-type {shown}); a gRPC server answers with 200"
            return Answer(http, from_http(http), fault=text)
        if not codec_of(content_type):
            text = f"content-type {shown}; a gRPC server answers with application/grpc"
            return Answer(http, Status.UNKNOWN, fault=text)
        encoding = found.get(b"grpc-encoding", b"identity").decode("ascii", "backslashreplace")
        if encoding != "identity" and encoding not in self._known:
            known = ", ".join(self._known) or "none but identity"
            text = f"the server compresses with {encoding[:40]!r}; known here: {known}"
            return Answer(http, Status.INTERNAL, fault=text)
        return None


def _good(http: int, status: bytes | None, listed: Sorted) -> Answer:
    found = listed.found
    encoding = found.get(b"grpc-encoding", b"").decode("ascii", "backslashreplace")
    accepts = found.get(b"grpc-accept-encoding")
    details = found.get(b"grpc-status-details-bin")
    return Answer(
        http,
        None if status is None else read_status(status),
        message=read_message(found.get(b"grpc-message", b"")),
        details=b"" if details is None else unpacked(b"grpc-status-details-bin", details),
        metadata=listed.metadata(),
        encoding="" if encoding == "identity" else encoding,
        accepts=None if accepts is None else encodings_of(accepts),
        hints=_hints(found.get(b"rpcfw-hints", b"")),
        retry_after_s=_retry_after_s(found.get(b"grpc-retry-pushback-ms")),
        length=content_length_of(found),
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
