"""
Options of the limits that each side has.
"""

from __future__ import annotations

from collections.abc import Iterator

from rpcfw.spi.machine import Limits
from rpcfw.spi.options import below_minimum, option, options
from rpcfw.values.units import Bytes

__all__ = ["LimitOptions"]

_MINIMUMS = {
    "max_receive_bytes": 1,
    "max_send_bytes": 1,
    "max_header_bytes": 1024,
    "max_calls": 1,
    "stream_window_bytes": 1,
    "max_unread_bytes": 1,
    "max_resets": 0,
    "max_pings": 0,
}


@options
class LimitOptions:
    """
    What one side takes from the other, for every protocol.
    """

    max_receive_bytes: Bytes = option(
        "4MiB", "largest message that is accepted, compressed and decompressed"
    )
    max_send_bytes: Bytes = option("64MiB", "largest message that is sent")
    max_header_bytes: Bytes = option("16KiB", "largest header of a call: path, metadata, trailers")
    max_calls: int = option("10000", "maximum number of open calls on one connection")
    stream_window_bytes: Bytes = option(
        "2MiB", "flow-control window of a stream: bytes that may be sent before they are read"
    )
    max_unread_bytes: Bytes = option(
        "64MiB", "unread messages of all streams of one connection; calls beyond it end"
    )
    max_resets: int = option(
        "200", "calls that a peer may open and cancel at once, before it counts as hostile"
    )
    max_pings: int = option("100", "pings without other frames, before a peer counts as hostile")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find limits with which no call would be possible.
        """
        yield from below_minimum(self, _MINIMUMS)

    def limits(self) -> Limits:
        """
        Return the limits as machines take them.
        """
        return Limits(
            max_receive_bytes=self.max_receive_bytes,
            max_send_bytes=self.max_send_bytes,
            max_header_bytes=self.max_header_bytes,
            max_calls=self.max_calls,
            stream_window_bytes=self.stream_window_bytes,
            max_unread_bytes=self.max_unread_bytes,
            max_resets=self.max_resets,
            max_pings=self.max_pings,
        )
