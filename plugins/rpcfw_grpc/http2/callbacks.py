"""
What an HTTP/2 connection reports to its user.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from rpcfw_grpc.http2.frames import StreamFault
from rpcfw_grpc.http2.stream import Stream

__all__ = ["Callbacks", "Headers"]

C = TypeVar("C")


class Headers(Protocol):
    """
    What the user of a connection makes of a `HeaderList`, which is one itself.
    """

    @property
    def is_trailers(self) -> bool:
        """
        It has no pseudo-field.
        """

    @property
    def is_informational(self) -> bool:
        """
        It is a response with a status of 1xx.
        """

    @property
    def content_length(self) -> int:
        """
        What ``content-length`` says, -1 for nothing.
        """


H = TypeVar("H", bound=Headers)


class Callbacks(Generic[H, C]):
    """
    All are optional. What they raise as `StreamFault` resets the stream.

    A stream is reported as long as it is not closed by the user itself. What the peer was
    answered, as an acknowledgement, is queued before the report.
    """

    # Streams.

    def attach(self, stream: Stream[C], headers: H | None) -> None:
        """
        Set `Stream.call` of a stream that was just made.

        Args:
            headers: those of the request at a server; None at a client.
        """

    def stream_opened(self, stream: Stream[C], headers: H, *, ended: bool) -> None:
        """
        At a server: HEADERS began a stream.
        """

    def headers_received(self, stream: Stream[C], headers: H, *, ended: bool) -> None:
        """
        At a client: the HEADERS of the response. At both: the trailers; then it is ended.
        """

    def data_received(self, stream: Stream[C], data: bytes, *, ended: bool) -> None:
        """
        DATA came. The stream's window is given back with `ReceiveFlow.acknowledge`.
        """

    def stream_writable(self, stream: Stream[C]) -> None:
        """
        All that waited for a window has left of a stream that was `Stream.blocked`.
        """

    def stream_reset(self, stream_id: int, code: int, *, app_closed: bool) -> None:
        """
        The peer sent RST_STREAM; the stream is forgotten.
        """

    def stream_failed(self, fault: StreamFault, *, app_closed: bool) -> None:
        """
        The peer broke a rule and was sent RST_STREAM; the stream is forgotten.
        """

    def stream_closed(self, stream: Stream[C]) -> None:
        """
        A stream is forgotten, whatever the reason.
        """

    # The connection.

    def settings_received(self, *, first: bool) -> None:
        """
        The peer's SETTINGS are in force, and were acknowledged.
        """

    def ping_received(self) -> None:
        """
        PING came, and was answered.
        """

    def ping_acknowledged(self) -> None:
        """
        One of our PING frames was answered.
        """

    def goaway_received(self, code: int, text: str, refused: tuple[int, ...]) -> None:
        """
        GOAWAY came. If its code is not NO_ERROR, the connection is over.

        Args:
            text: its debug data, fit for a log.
            refused: at a client: streams that the server has not begun and never will.
        """

    def connection_failed(self, reason: str) -> None:
        """
        The peer broke a rule of the connection; GOAWAY is queued and nothing more is read.
        """
