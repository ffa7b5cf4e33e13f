"""
HTTP/2 frames: their numbers, how they are written, and what their payloads hold.

Knows layout only (RFC 9113, sections 4, 6 and 7): no streams, no windows, no
header fields. A fault found here is a `RemoteProtocolError`, which costs the
connection, or a `StreamFault`, which costs one stream.
"""

from __future__ import annotations

from enum import IntEnum
from struct import Struct
from typing import Final

from rpcfw.errors import RemoteProtocolError

__all__ = [
    "ACK",
    "CONTINUATION",
    "DATA",
    "END_HEADERS",
    "END_STREAM",
    "FRAME_HEADER",
    "FRAME_HEADER_BYTES",
    "GOAWAY",
    "HEADERS",
    "KIND_HEADER",
    "MAX_STREAM_ID",
    "PADDED",
    "PING",
    "PING_ACK",
    "PREFACE",
    "PRIORITY",
    "PRIORITY_FLAG",
    "PUSH_PROMISE",
    "RST_STREAM",
    "SETTINGS",
    "WINDOW_UPDATE",
    "ErrorCode",
    "StreamFault",
    "check_priority",
    "code_name",
    "expect_connection",
    "expect_stream",
    "goaway",
    "headers",
    "kind_of",
    "pack",
    "parse_fragment",
    "parse_goaway",
    "parse_increment",
    "parse_reset",
    "parse_settings",
    "ping",
    "reset",
    "settings",
    "settings_ack",
    "strip_padding",
    "window_update",
]

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
MAX_STREAM_ID: Final = 2**31 - 1

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITY_FLAG: Final = 0x20

#: Length (in two parts: 16 bits and 8), type, flags, stream.
FRAME_HEADER: Final = Struct(">HBBBL")
FRAME_HEADER_BYTES: Final = FRAME_HEADER.size
#: The same, with type and flags as one number; see `kind_of`.
KIND_HEADER: Final = Struct(">HBHL")
#: A whole WINDOW_UPDATE: the header, and the increment.
WINDOW_UPDATE_FRAME: Final = Struct(">HBBBLL")
WINDOW_UPDATE_BYTES: Final = WINDOW_UPDATE_FRAME.size

#: The header of a PING frame that acknowledges another.
PING_ACK: Final = FRAME_HEADER.pack(0, 8, PING, ACK, 0)

_NUMBER = Struct(">L")
_TWO_NUMBERS = Struct(">LL")
_SETTING = Struct(">HL")
#: More pairs than there are settings serve no purpose but to keep us busy.
_MAX_SETTINGS = 64
_GOAWAY_TEXT_BYTES = 512


class ErrorCode(IntEnum):
    """
    Why a stream or a connection was ended (RFC 9113, section 7).
    """

    NO_ERROR = 0
    PROTOCOL_ERROR = 1
    INTERNAL_ERROR = 2
    FLOW_CONTROL_ERROR = 3
    SETTINGS_TIMEOUT = 4
    STREAM_CLOSED = 5
    FRAME_SIZE_ERROR = 6
    REFUSED_STREAM = 7
    CANCEL = 8
    COMPRESSION_ERROR = 9
    CONNECT_ERROR = 10
    ENHANCE_YOUR_CALM = 11
    INADEQUATE_SECURITY = 12
    HTTP_1_1_REQUIRED = 13


_NAMES = {int(code): code.name for code in ErrorCode}


def code_name(code: int) -> str:
    """
    Return how the RFC calls a code.
    """
    return _NAMES.get(code) or f"code {code}"


class StreamFault(RemoteProtocolError):
    """
    The peer broke the rules on one stream; the others can still be trusted.
    """

    def __init__(self, stream_id: int, reason: str, code: int) -> None:
        super().__init__(reason, code)
        self.stream_id = stream_id


def kind_of(frame_type: int, flags: int = 0) -> int:
    """
    Return the type of a frame and its flags as one number, as they stand in the header.
    """
    return frame_type << 8 | flags


def pack(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """
    Return one frame.
    """
    size = len(payload)
    return FRAME_HEADER.pack(size >> 8, size & 0xFF, kind, flags, stream_id) + payload


def headers(stream_id: int, block: bytes, flags: int, max_bytes: int) -> bytes:
    """
    Return a header block as one HEADERS frame and the CONTINUATIONs it needs.

    Args:
        flags: `END_STREAM` or 0.
        max_bytes: largest payload that the peer takes.
    """
    if len(block) <= max_bytes:
        return pack(HEADERS, flags | END_HEADERS, stream_id, block)
    parts = [block[i : i + max_bytes] for i in range(0, len(block), max_bytes)]
    out = [pack(HEADERS, flags, stream_id, parts[0])]
    out += [pack(CONTINUATION, 0, stream_id, part) for part in parts[1:-1]]
    out.append(pack(CONTINUATION, END_HEADERS, stream_id, parts[-1]))
    return b"".join(out)


def settings(pairs: dict[int, int]) -> bytes:
    """
    Return a SETTINGS frame (section 6.5).
    """
    return pack(SETTINGS, 0, 0, b"".join(_SETTING.pack(*pair) for pair in pairs.items()))


def settings_ack() -> bytes:
    """
    Return the SETTINGS frame that acknowledges the peer's (section 6.5.3).
    """
    return pack(SETTINGS, ACK, 0)


def ping(payload: bytes, flags: int = 0) -> bytes:
    """
    Return a PING frame (section 6.7); ``payload`` is eight bytes.
    """
    return pack(PING, flags, 0, payload)


def reset(stream_id: int, code: int) -> bytes:
    """
    Return a RST_STREAM frame (section 6.4).
    """
    return pack(RST_STREAM, 0, stream_id, _NUMBER.pack(code))


def window_update(stream_id: int, increment: int) -> bytes:
    """
    Return a WINDOW_UPDATE frame (section 6.9); stream 0 means the connection.
    """
    return pack(WINDOW_UPDATE, 0, stream_id, _NUMBER.pack(increment))


def goaway(last_id: int, code: int, text: str) -> bytes:
    """
    Return a GOAWAY frame (section 6.8) with ``text`` as its debug data, shortened if long.
    """
    debug = text.encode("utf-8", "replace")[:_GOAWAY_TEXT_BYTES]
    return pack(GOAWAY, 0, 0, _TWO_NUMBERS.pack(last_id, code) + debug)


def expect_stream(stream_id: int, what: str) -> None:
    """
    Refuse a frame of a stream that came on stream 0, which is the connection.
    """
    if not stream_id:
        raise RemoteProtocolError(f"{what} belongs to a stream", ErrorCode.PROTOCOL_ERROR)


def expect_connection(stream_id: int, what: str) -> None:
    """
    Refuse a frame of the connection that came on a stream.
    """
    if stream_id:
        raise RemoteProtocolError(
            f"{what} belongs to the connection; it came on stream {stream_id}",
            ErrorCode.PROTOCOL_ERROR,
        )


def _expect_size(payload: bytes, size: int, what: str) -> None:
    if len(payload) != size:
        raise RemoteProtocolError(
            f"a {what} frame has {size} bytes; one of {len(payload)} came",
            ErrorCode.FRAME_SIZE_ERROR,
        )


def strip_padding(flags: int, payload: bytes) -> bytes:
    """
    Return the payload of a DATA or HEADERS frame without its padding (section 6.1).
    """
    if not flags & PADDED:
        return payload
    if not payload:
        raise RemoteProtocolError(
            "a padded frame begins with the padding's length; an empty one came",
            ErrorCode.FRAME_SIZE_ERROR,
        )
    end = len(payload) - payload[0]
    if end < 1:
        raise RemoteProtocolError(
            f"{payload[0]} bytes of padding in a frame of {len(payload)}",
            ErrorCode.PROTOCOL_ERROR,
        )
    return payload[1:end]


def parse_fragment(flags: int, stream_id: int, payload: bytes) -> tuple[bytes, bool]:
    """
    Return the piece of a header block that a HEADERS frame holds.

    Returns:
        The piece, and whether the frame makes its stream depend on itself. (That
        is a fault of the stream, but its block must be read all the same, or all
        later blocks would be misread.)
    """
    fragment = strip_padding(flags, payload)
    if not flags & PRIORITY_FLAG:
        return fragment, False
    if len(fragment) < 5:
        raise RemoteProtocolError(
            f"a HEADERS frame with priority has 5 bytes of it; {len(fragment)} came",
            ErrorCode.FRAME_SIZE_ERROR,
        )
    return fragment[5:], _dependency(fragment) == stream_id


def check_priority(stream_id: int, payload: bytes) -> None:
    """
    Check a PRIORITY frame. What it asks for is not used (section 5.3.2).
    """
    if len(payload) != 5:
        raise StreamFault(stream_id, "a PRIORITY frame has 5 bytes", ErrorCode.FRAME_SIZE_ERROR)
    if _dependency(payload) == stream_id:
        raise StreamFault(stream_id, "a stream may not depend on itself", ErrorCode.PROTOCOL_ERROR)


def _dependency(payload: bytes) -> int:
    return int(_NUMBER.unpack_from(payload)[0]) & MAX_STREAM_ID


def parse_settings(payload: bytes) -> dict[int, int]:
    """
    Return the settings of a SETTINGS frame; of a repeated one the last counts.
    """
    if len(payload) % _SETTING.size:
        raise RemoteProtocolError(
            f"a SETTINGS frame has a multiple of 6 bytes; {len(payload)} came",
            ErrorCode.FRAME_SIZE_ERROR,
        )
    if len(payload) > _MAX_SETTINGS * _SETTING.size:
        raise RemoteProtocolError(
            f"a SETTINGS frame may hold {_MAX_SETTINGS} settings here; "
            f"{len(payload) // _SETTING.size} came",
            ErrorCode.ENHANCE_YOUR_CALM,
        )
    return dict(_SETTING.iter_unpack(payload))


def parse_reset(payload: bytes) -> int:
    """
    Return the code of a RST_STREAM frame.
    """
    _expect_size(payload, 4, "RST_STREAM")
    return int(_NUMBER.unpack(payload)[0])


def parse_increment(payload: bytes) -> int:
    """
    Return the increment of a WINDOW_UPDATE frame; 0 is for the caller to blame.
    """
    _expect_size(payload, 4, "WINDOW_UPDATE")
    return int(_NUMBER.unpack(payload)[0]) & MAX_STREAM_ID


def parse_goaway(payload: bytes) -> tuple[int, int, str]:
    """
    Return the last stream, the code and the debug text of a GOAWAY frame.
    """
    if len(payload) < _TWO_NUMBERS.size:
        raise RemoteProtocolError(
            f"a GOAWAY frame has at least 8 bytes; {len(payload)} came",
            ErrorCode.FRAME_SIZE_ERROR,
        )
    last_id, code = _TWO_NUMBERS.unpack_from(payload)
    text = payload[8 : 8 + _GOAWAY_TEXT_BYTES].decode("utf-8", "replace")
    # The text of a peer ends up in logs: one line, nothing that drives a terminal.
    return last_id & MAX_STREAM_ID, code, "".join(c if c.isprintable() else "?" for c in text)
