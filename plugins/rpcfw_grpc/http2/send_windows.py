"""
What the peer lets this side send: WINDOW_UPDATE, and SETTINGS_INITIAL_WINDOW_SIZE.

RFC 9113, section 6.9. The windows themselves are in `Outbound` and in each `Stream`; here
they grow, and what had waited for them is sent.
"""

from __future__ import annotations

from typing import Any

from rpcfw.errors import RemoteProtocolError
from rpcfw_grpc.http2.abuse import AbuseDetector, Activity
from rpcfw_grpc.http2.flow_control import MAX_WINDOW_BYTES, enlarged
from rpcfw_grpc.http2.frames import ErrorCode, StreamFault
from rpcfw_grpc.http2.outbound import ALL_FRAMES
from rpcfw_grpc.http2.settings import PeerSettings
from rpcfw_grpc.http2.stream import Stream
from rpcfw_grpc.http2.streams import Streams

__all__ = ["SendWindows"]

_ONE_FRAME = 1


class SendWindows:
    """
    The send windows of a connection and of its streams, as they grow.

    Args:
        streams: whose windows these are.
        peer: what the peer takes.
        activity: what has moved.
        abuse: where raised windows are counted.

    Attributes:
        initial_raised: SETTINGS have raised the windows of all streams; `batch_ended` is due.
    """

    __slots__ = (
        "_abuse",
        "_activity",
        "_max_granted",
        "_peer",
        "_progress_at_update",
        "_streams",
        "initial_raised",
    )

    def __init__(
        self,
        streams: Streams[Any, Any],
        peer: PeerSettings,
        activity: Activity,
        abuse: AbuseDetector,
    ) -> None:
        self._streams = streams
        self._peer = peer
        self._activity = activity
        self._abuse = abuse
        # The most that any stream was granted; it may be over by now.
        self._max_granted = 0
        self.initial_raised = False
        self._progress_at_update = 0

    def fast_update(self, data: bytes, start: int, stop: int, stream_id: int) -> int:
        """
        Act on an everyday WINDOW_UPDATE.

        Some clients send one with each request. An everyday one is of the connection and well
        formed, leaves a window that is allowed, is the first since anything moved (else it
        counts as a frame that moves nothing), and nobody waits for it.

        Returns:
            ``stop``, or 0 if it is another one and nothing was done.
        """
        if stream_id or stop - start != 4:
            return 0
        increment = int.from_bytes(data[start:stop], "big")
        outbound = self._streams.outbound
        window = outbound.window + increment
        progress = self._activity.progress
        if (
            not increment
            or window > MAX_WINDOW_BYTES
            or outbound.window <= 0
            or progress == self._progress_at_update
        ):
            return 0
        self._progress_at_update = progress
        outbound.window = window
        return stop

    def on_connection_update(self, increment: int) -> None:
        """
        Act on a WINDOW_UPDATE frame of the connection.
        """
        if not increment:
            raise RemoteProtocolError(
                "a WINDOW_UPDATE of the connection adds at least 1; 0 came",
                ErrorCode.PROTOCOL_ERROR,
            )
        outbound = self._streams.outbound
        outbound.window = enlarged(outbound.window, increment)
        while (stream := outbound.next_waiting()) is not None:
            self._flush(stream, _ONE_FRAME)

    def on_stream_update(self, stream_id: int, increment: int) -> None:
        """
        Act on a WINDOW_UPDATE frame of a stream.
        """
        self._streams.table.check_not_idle(stream_id, "WINDOW_UPDATE")
        if not increment:
            raise StreamFault(
                stream_id, "a WINDOW_UPDATE adds at least 1; 0 came", ErrorCode.PROTOCOL_ERROR
            )
        stream = self._streams.find(stream_id)
        if stream is None:
            return
        window = self._peer.window_bytes
        try:
            stream.granted = enlarged(window + stream.granted, increment) - window
        except RemoteProtocolError as error:
            raise StreamFault(stream_id, error.reason, error.code) from None
        self._max_granted = max(self._max_granted, stream.granted)
        if stream.outgoing.size:
            self._flush(stream)

    def initial_window_changed(self, change: int) -> None:
        """
        Note that SETTINGS have changed the windows of all streams (section 6.9.2).

        Raises:
            RemoteProtocolError: a stream's window is larger than a window may be.
        """
        if change <= 0:
            return
        self._check_initial_window()
        self._abuse.window_raised(self._streams.outbound.blocked_count)
        self.initial_raised = True

    def _check_initial_window(self) -> None:
        window = self._peer.window_bytes
        if window + self._max_granted > MAX_WINDOW_BYTES:
            streams = self._streams.open.values()
            granted = [each.granted for each in streams if type(each) is Stream]
            self._max_granted = max(granted, default=0)
            enlarged(window, self._max_granted)

    def batch_ended(self) -> None:
        """
        Send what a raised initial window lets through: once for all that was read together.

        A peer may change it twenty times in one read, and has each stream looked at once.
        """
        self.initial_raised = False
        for stream in self._streams.outbound.blocked:
            self._flush(stream)

    def _flush(self, stream: Stream[Any], max_frames: int = ALL_FRAMES) -> None:
        self._streams.flush(stream, max_frames)
        if stream.blocked and not stream.outgoing.size:
            stream.blocked = False
            if not stream.app_closed:
                self._streams.callbacks.stream_writable(stream)
