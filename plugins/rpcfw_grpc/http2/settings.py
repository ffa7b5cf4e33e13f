"""
HTTP/2 settings: ours, as we announce them, and the peer's, as they stand now.
"""

from __future__ import annotations

from typing import Final

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.machine import Limits
from rpcfw_grpc.http2.frames import ErrorCode

__all__ = [
    "CONNECTION_WINDOW_BYTES",
    "FRAME_BYTES",
    "INITIAL_FRAME_BYTES",
    "INITIAL_WINDOW_BYTES",
    "TABLE_BYTES",
    "UNLIMITED",
    "PeerSettings",
    "our_settings",
    "readable_header_bytes",
]

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6

UNLIMITED: Final = 2**32 - 1
#: What every connection and stream has before anything was agreed.
INITIAL_WINDOW_BYTES: Final = 65_535
#: What one peer may have on its way to us in all streams together.
CONNECTION_WINDOW_BYTES: Final = 16 << 20
#: Largest frame that every peer takes, and that may be sent before anything was agreed.
INITIAL_FRAME_BYTES: Final = 16_384
#: Largest frame that we take (section 4.2). Each frame costs us 1.3 us on arrival and 1 us when
#: it is sent, so messages of a mebibyte take half the time that they take in smaller frames. A
#: larger one would save little more, and most frames would be split by the reads. And it must be
#: smaller than `readable_header_bytes`: a larger frame costs the connection, also if it holds
#: a header block that could cost its stream alone.
FRAME_BYTES: Final = 64 << 10
#: Of HPACK's dynamic table, on either side (the initial SETTINGS_HEADER_TABLE_SIZE).
TABLE_BYTES: Final = 4096

_READABLE_FACTOR = 16
_READABLE_BYTES = 256 << 10
_MAX_FRAME = 2**24 - 1
_MAX_WINDOW = 2**31 - 1


def our_settings(limits: Limits, *, server: bool) -> dict[int, int]:
    """
    Return what this side announces.
    """
    pairs = {
        INITIAL_WINDOW_SIZE: limits.stream_window_bytes,
        MAX_FRAME_SIZE: FRAME_BYTES,
        MAX_HEADER_LIST_SIZE: limits.max_header_bytes,
    }
    if server:
        return {MAX_CONCURRENT_STREAMS: limits.max_calls, **pairs}
    return {ENABLE_PUSH: 0, **pairs}


def readable_header_bytes(limits: Limits) -> int:
    """
    Return the largest header list, and the largest block of one, that is read at all.

    A list over ``max_header_bytes`` costs its call. It must be read all the same, since
    its block may change the table of all later ones (RFC 9113, section 10.5.1). What is
    over this bound too costs the connection.
    """
    return max(_READABLE_FACTOR * limits.max_header_bytes, _READABLE_BYTES)


class PeerSettings:
    """
    What the peer has announced, or the RFC's defaults before it did.
    """

    __slots__ = ("frame_bytes", "header_list_bytes", "streams", "table_bytes", "window_bytes")

    def __init__(self) -> None:
        self.table_bytes = TABLE_BYTES
        self.window_bytes = INITIAL_WINDOW_BYTES
        self.frame_bytes = INITIAL_FRAME_BYTES
        self.header_list_bytes = UNLIMITED
        self.streams = UNLIMITED

    def take(self, pairs: dict[int, int], *, from_server: bool) -> None:
        """
        Put announced values in force. Unknown ones are skipped.
        """
        push = pairs.get(ENABLE_PUSH, 0)
        if push not in ((0,) if from_server else (0, 1)):
            raise RemoteProtocolError(
                f"ENABLE_PUSH may not be {push} here", ErrorCode.PROTOCOL_ERROR
            )
        window = pairs.get(INITIAL_WINDOW_SIZE, self.window_bytes)
        if window > _MAX_WINDOW:
            raise RemoteProtocolError(
                f"INITIAL_WINDOW_SIZE is at most {_MAX_WINDOW}; {window} came",
                ErrorCode.FLOW_CONTROL_ERROR,
            )
        frame = pairs.get(MAX_FRAME_SIZE, self.frame_bytes)
        if not INITIAL_FRAME_BYTES <= frame <= _MAX_FRAME:
            raise RemoteProtocolError(
                f"MAX_FRAME_SIZE is {INITIAL_FRAME_BYTES} to {_MAX_FRAME}; {frame} came",
                ErrorCode.PROTOCOL_ERROR,
            )
        self.window_bytes = window
        self.frame_bytes = frame
        self.table_bytes = pairs.get(HEADER_TABLE_SIZE, self.table_bytes)
        self.streams = pairs.get(MAX_CONCURRENT_STREAMS, self.streams)
        self.header_list_bytes = pairs.get(MAX_HEADER_LIST_SIZE, self.header_list_bytes)
