"""
The frames of the connection as such: settings, pings, windows, leaving.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.events import ConnectionFailed, GoAwayReceived, HandshakeCompleted, PingAnswered
from rpcfw.spi.machine import Limits
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.abuse import Idle
from rpcfw_grpc.http2.flow_control import MOST_WINDOW_BYTES, Inbound, grown
from rpcfw_grpc.http2.frames import ErrorCode, StreamFault
from rpcfw_grpc.http2.reader import Intake
from rpcfw_grpc.http2.settings import (
    CONNECTION_WINDOW_BYTES,
    FIRST_WINDOW_BYTES,
    PeerSettings,
    our_settings,
)

__all__ = ["Connection"]

_Frame = Callable[["Connection", int, int, bytes], None]


class Connection(Intake):
    """
    One HTTP/2 connection, from either side.

    Args:
        limits: what this side takes.
        server: which side this is.
    """

    def __init__(self, limits: Limits, *, server: bool) -> None:
        super().__init__(limits, server=server)
        self._peer = PeerSettings()
        self._inbound = Inbound(CONNECTION_WINDOW_BYTES)
        self._room = FIRST_WINDOW_BYTES
        # Grows with all that moves a call: what the guards hold idle frames against.
        self._progress = 0
        self._progress_at_room = 0
        self._pings = 0

    # What subclasses add.

    @abstractmethod
    def _on_body(self, flags: int, stream_id: int, payload: bytes) -> None: ...

    @abstractmethod
    def _on_reset(self, stream_id: int, code: int) -> None: ...

    @abstractmethod
    def _on_stream_window(self, stream_id: int, increment: int) -> None: ...

    @abstractmethod
    def _on_more_room(self) -> None:
        """
        Send what waited for the connection's window.
        """

    @abstractmethod
    def _on_settings_changed(self, window_change: int) -> None: ...

    @abstractmethod
    def _on_goaway(self, last_id: int) -> tuple[int, ...]:
        """
        Forget the calls that the peer will not begin, and return them.
        """

    @abstractmethod
    def _check_reached(self, stream_id: int, what: str) -> None:
        """
        Refuse a frame for a stream that is still idle.
        """

    def _on_ping(self) -> None:
        """
        The peer has pinged, and was answered.
        """

    def _on_pong(self, number: int) -> None:
        """
        One of our pings was answered.
        """

    # The seam.

    def start(self) -> None:
        if not self._server:
            self._out.append(frames.PREFACE)
        self._out.append(frames.settings(our_settings(self._limits, server=self._server)))
        increment = CONNECTION_WINDOW_BYTES - FIRST_WINDOW_BYTES
        self._out.append(frames.window_update(0, increment))

    def ping(self) -> None:
        self._pings += 1
        self._out.append(frames.ping(self._pings.to_bytes(8, "big")))

    def _expect_stream(self, stream_id: int, what: str) -> None:
        if not stream_id:
            raise RemoteProtocolError(f"{what} belongs to a stream", ErrorCode.PROTOCOL_ERROR)

    def _expect_connection(self, stream_id: int, what: str) -> None:
        if stream_id:
            raise RemoteProtocolError(
                f"{what} belongs to the connection; it came on stream {stream_id}",
                ErrorCode.PROTOCOL_ERROR,
            )

    # Frames.

    def _act(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        on_frame = self._ON_FRAME.get(kind)
        if on_frame is None:
            self._guards.idle(Idle.OTHER, self._progress)
        else:
            on_frame(self, flags, stream_id, payload)

    def _body(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._expect_stream(stream_id, "DATA")
        self._on_body(flags, stream_id, payload)

    def _headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._expect_stream(stream_id, "HEADERS")
        self._begin_block(flags, stream_id, payload)

    def _continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._fragment(flags, payload)

    def _priority(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._expect_stream(stream_id, "PRIORITY")
        self._guards.idle(Idle.OTHER, self._progress)
        if len(payload) != 5:
            raise StreamFault(stream_id, "a PRIORITY frame has 5 bytes", ErrorCode.FRAME_SIZE_ERROR)
        if frames.parse_priority(payload) == stream_id:
            raise StreamFault(
                stream_id, "a stream may not depend on itself", ErrorCode.PROTOCOL_ERROR
            )

    def _rst_stream(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._expect_stream(stream_id, "RST_STREAM")
        code = frames.parse_reset(payload)
        self._check_reached(stream_id, "RST_STREAM")
        self._on_reset(stream_id, code)

    def _settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._expect_connection(stream_id, "SETTINGS")
        self._guards.idle(Idle.SETTINGS, self._progress)
        if flags & frames.ACK:
            if payload:
                raise RemoteProtocolError(
                    "an acknowledgement of SETTINGS is empty", ErrorCode.FRAME_SIZE_ERROR
                )
            return
        before = self._peer.window_bytes
        self._peer.take(frames.parse_settings(payload), from_server=not self._server)
        self._out.append(frames.settings_ack())
        first, self._greeted = not self._greeted, True
        self._on_settings_changed(self._peer.window_bytes - before)
        if first:
            self._events.append(HandshakeCompleted())

    def _push_promise(self, flags: int, stream_id: int, payload: bytes) -> None:
        raise RemoteProtocolError(
            "PUSH_PROMISE: nothing may be pushed here", ErrorCode.PROTOCOL_ERROR
        )

    def _ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._expect_connection(stream_id, "PING")
        if len(payload) != 8:
            raise RemoteProtocolError("a PING frame has 8 bytes", ErrorCode.FRAME_SIZE_ERROR)
        if not flags & frames.ACK:
            self._guards.idle(Idle.PING, self._progress)
            self._out.append(frames.ping(payload, frames.ACK))
            self._on_ping()
        elif 0 < int.from_bytes(payload, "big") <= self._pings:
            self._events.append(PingAnswered())
            self._on_pong(int.from_bytes(payload, "big"))
        else:
            self._guards.idle(Idle.OTHER, self._progress)

    def _goaway(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._expect_connection(stream_id, "GOAWAY")
        self._guards.idle(Idle.OTHER, self._progress)
        last_id, code, text = frames.parse_goaway(payload)
        name = frames.code_name(code)
        reason = f"{name}: {text}" if text else name
        self._events.append(GoAwayReceived(reason, self._on_goaway(last_id)))
        if code != ErrorCode.NO_ERROR:
            self._over = True
            calm = code == ErrorCode.ENHANCE_YOUR_CALM and text == "too_many_pings"
            self._events.append(ConnectionFailed(reason, by_peer=True, too_many_pings=calm))

    def _window_update(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._guards.idle(Idle.OTHER, self._progress)
        increment = frames.parse_increment(payload)
        if stream_id:
            self._check_reached(stream_id, "WINDOW_UPDATE")
            self._on_stream_window(stream_id, increment)
            return
        if not increment:
            raise RemoteProtocolError(
                "a WINDOW_UPDATE of the connection adds at least 1; 0 came",
                ErrorCode.PROTOCOL_ERROR,
            )
        self._room = grown(self._room, increment)
        self._on_more_room()

    def _more_room(self, data: bytes, at: int) -> bool:
        """
        Act on the connection's WINDOW_UPDATE at ``at``, if it is an everyday one.

        Clients built on gRPC's C core send one with each call, so this is the short
        way: one for each step that a call makes, and nobody who waits for it.
        """
        if at + frames.WINDOW_UPDATE_BYTES > len(data) or self._block is not None:
            return False
        high, low, _, _, _, increment = frames.WINDOW_UPDATE_FRAME.unpack_from(data, at)
        room = self._room + increment
        if (
            high
            or low != 4
            or not increment
            or room > MOST_WINDOW_BYTES
            or self._room <= 0
            or self._progress == self._progress_at_room
        ):
            return False
        self._progress_at_room = self._progress
        self._room = room
        return True

    _ON_FRAME: ClassVar[dict[int, _Frame]] = {
        frames.DATA: _body,
        frames.HEADERS: _headers,
        frames.PRIORITY: _priority,
        frames.RST_STREAM: _rst_stream,
        frames.SETTINGS: _settings,
        frames.PUSH_PROMISE: _push_promise,
        frames.PING: _ping,
        frames.GOAWAY: _goaway,
        frames.WINDOW_UPDATE: _window_update,
        frames.CONTINUATION: _continuation,
    }
