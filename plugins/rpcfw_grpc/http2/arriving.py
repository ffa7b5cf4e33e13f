"""
Streams of which only the beginning has come, while the bytes that were read together are acted on.

Theory of operation. A peer that answers many calls at once often writes the HEADERS of all, then
the DATA of all, then the ends of all. Each stream is whole before the next read, and needs no
`Stream`. So the user of the connection may keep an `Arriving` in `Streams.open` meanwhile. What is
left of them becomes streams in three cases, as if their frames had come only then: another frame
of the stream comes, the read ends, or the connection fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from rpcfw_grpc.http2.streams import Streams

__all__ = ["Arriving", "expand", "settle"]

H = TypeVar("H")


class Arriving(Generic[H]):
    """
    A stream of which HEADERS have come, perhaps one DATA frame, and not the end.

    Args:
        headers: what its HEADERS mean. They have no ``content-length``.

    Attributes:
        data: the payload of the DATA frame, empty before that. It fits in the initial window of a
            stream, and was counted against the window of the connection.
    """

    __slots__ = ("data", "headers")

    def __init__(self, headers: H) -> None:
        self.headers = headers
        self.data = b""


def expand(streams: Streams[Any, Any], stream_id: int, arriving: Arriving[Any]) -> None:
    """
    Make a stream of it, and report its frames. The stream may be closed again then.
    """
    if streams.server:
        del streams.open[stream_id]
        streams.open_stream(stream_id, arriving.headers, ended=False)
    else:
        streams.open[stream_id] = None
        streams.on_headers(stream_id, arriving.headers, "", ended=False)
    if arriving.data:
        streams.take_data(stream_id, len(arriving.data), arriving.data, ended=False)


def settle(streams: Streams[Any, Any]) -> None:
    """
    Make streams of all that have not ended.
    """
    begun = streams.arriving.copy()
    streams.arriving.clear()
    for stream_id in begun:
        arriving = streams.open.get(stream_id)
        if type(arriving) is Arriving:
            expand(streams, stream_id, arriving)
