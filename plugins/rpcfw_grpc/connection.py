"""
The connection as such: frames in and out, settings, pings, windows, leaving.

Theory of operation. Bytes are cut into frames; each kind of frame has one method,
found in a table. A rule broken raises `RemoteProtocolError` wherever it is noticed
and is answered in one place, `receive`: a GOAWAY with the code, a
`ConnectionFailed`, and nothing is read after it. `StreamFault` costs the stream
alone, and is likewise answered in one place.

Header blocks that come in several frames are put together here, since nothing
else may stand between them. What frames of calls mean is said by the subclasses.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.events import ConnectionFailed, Event, PeerLeaving, PingAnswered, Ready
from rpcfw.spi.protocol import Limits, Machine
from rpcfw_grpc import frames
from rpcfw_grpc.frames import FRAME_HEAD, FRAME_HEAD_BYTES, ErrorCode, StreamFault
from rpcfw_grpc.guards import Guards, Idle
from rpcfw_grpc.settings import (
    CONNECTION_WINDOW_BYTES,
    FIRST_WINDOW_BYTES,
    FRAME_BYTES,
    PeerSettings,
    our_settings,
)
from rpcfw_grpc.windows import Inbound, grown

__all__ = ["Connection"]

_Frame = Callable[["Connection", int, int, bytes], None]
_LONGEST_CHAIN = 32


class Connection(Machine):
    """
    One HTTP/2 connection, from either side.

    Args:
        limits: what this side takes.
        accepts: compressions that this side can undo.
        server: which side this is.
    """

    def __init__(self, limits: Limits, accepts: tuple[str, ...], *, server: bool) -> None:
        self._limits = limits
        self._accepts = accepts
        self._server = server
        self._out: list[bytes | memoryview] = []
        self._events: list[Event] = []
        # Bytes of a frame that is not all here, and how many it takes to go on.
        self._rest: list[bytes] = []
        self._rest_bytes = 0
        self._need = FRAME_HEAD_BYTES
        self._preface = len(frames.PREFACE) if server else 0
        self._greeted = False
        self._over = False
        # A header block in parts: (flags, stream, self-dependent), parts, bytes.
        self._block: tuple[int, int, bool] | None = None
        self._fragments: list[bytes] = []
        self._block_bytes = 0
        self._peer = PeerSettings()
        self._guards = Guards(limits)
        self._inbound = Inbound(CONNECTION_WINDOW_BYTES)
        self._room = FIRST_WINDOW_BYTES
        self._last_id = 0
        self._progress = 0
        self._pings = 0
        self._turn = 0

    # What subclasses add.

    @abstractmethod
    def _read_frames(self, data: bytes) -> int:
        """
        Act on all whole frames in ``data``; return how many bytes they were.
        """

    @abstractmethod
    def _on_block(self, flags: int, stream_id: int, block: bytes, fault: str) -> None:
        """
        Act on a whole header block. It must be read whatever else is wrong.

        Args:
            fault: what was wrong with its frames, for its stream; empty if nothing.
        """

    @abstractmethod
    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None: ...

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
    def _on_fault(self, fault: StreamFault) -> None: ...

    @abstractmethod
    def _check_reached(self, stream_id: int, what: str) -> None:
        """
        Refuse a frame for a stream that is still idle.
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

    def receive(self, data: bytes) -> list[Event]:
        if self._over:
            return []
        if self._rest_bytes:
            self._rest_bytes += len(data)
            self._rest.append(data)
            if self._rest_bytes < self._need:
                return []
            data = b"".join(self._rest)
            self._rest.clear()
            self._rest_bytes = 0
        events = self._events = []
        try:
            self._read(data)
        except RemoteProtocolError as error:
            self._goodbye(error.reason, error.code)
            events.append(ConnectionFailed(error.reason))
        return events

    def take_output(self) -> bytes:
        if not self._out:
            return b""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def ping(self) -> None:
        self._pings += 1
        self._out.append(frames.ping(self._pings.to_bytes(8, "big")))

    def fail(self, reason: str) -> None:
        if not self._over:
            calm = reason.startswith("too_many_pings")
            self._goodbye(reason, ErrorCode.ENHANCE_YOUR_CALM if calm else ErrorCode.NO_ERROR)

    def _goodbye(self, reason: str, code: int) -> None:
        self._over = True
        last_id = self._last_id if self._server else 0
        self._out.append(frames.goaway(last_id, code, reason))

    # Bytes to frames.

    def _read(self, data: bytes) -> None:
        at = 0
        if self._preface:
            at = self._read_preface(data)
            if not at:
                return
            data = data[at:]
        self._turn += 1
        self._guards.turn(self._last_id)
        used = self._read_frames(data)
        if used < len(data):
            self._rest.append(data[used:] if used else data)
            self._rest_bytes = len(data) - used

    def _read_preface(self, data: bytes) -> int:
        size = len(frames.PREFACE)
        if data[:size] != frames.PREFACE[: len(data)]:
            raise RemoteProtocolError(
                "an HTTP/2 connection begins with its preface; something else came",
                ErrorCode.PROTOCOL_ERROR,
            )
        if len(data) < size:
            self._rest, self._rest_bytes, self._need = [data], len(data), size
            return 0
        self._preface = 0
        self._need = FRAME_HEAD_BYTES
        return size

    def _frame(self, data: bytes, at: int) -> int:
        """
        Act on the frame at ``at``; return where the next one begins, or -1.
        """
        high, low, kind, flags, stream_id = FRAME_HEAD.unpack_from(data, at)
        size = high << 8 | low
        stop = at + FRAME_HEAD_BYTES + size
        self._check_size(size, kind)
        if stop > len(data):
            self._need = FRAME_HEAD_BYTES + size
            return -1
        self._check_order(kind, flags, stream_id)
        on_frame = _ON_FRAME.get(kind)
        payload = data[at + FRAME_HEAD_BYTES : stop]
        try:
            if on_frame is None:
                self._guards.idle(Idle.OTHER, self._progress)
            else:
                on_frame(self, flags, stream_id & frames.MAX_STREAM_ID, payload)
        except StreamFault as fault:
            self._on_fault(fault)
        return len(data) if self._over else stop

    def _check_size(self, size: int, kind: int) -> None:
        if size > FRAME_BYTES:
            raise RemoteProtocolError(
                f"a frame has at most {FRAME_BYTES} bytes; one of type {kind} with {size} came",
                ErrorCode.FRAME_SIZE_ERROR,
            )

    def _check_order(self, kind: int, flags: int, stream_id: int) -> None:
        if self._block is not None:
            if kind != frames.CONTINUATION or stream_id & frames.MAX_STREAM_ID != self._block[1]:
                raise RemoteProtocolError(
                    f"a header block goes on in CONTINUATION; type {kind} came",
                    ErrorCode.PROTOCOL_ERROR,
                )
        elif kind == frames.CONTINUATION:
            raise RemoteProtocolError(
                "CONTINUATION where no header block was begun", ErrorCode.PROTOCOL_ERROR
            )
        elif not self._greeted and (kind != frames.SETTINGS or flags & frames.ACK):
            raise RemoteProtocolError(
                f"the first frame is SETTINGS; type {kind} came", ErrorCode.PROTOCOL_ERROR
            )

    def _expect_stream(self, stream_id: int, what: str) -> None:
        if not stream_id:
            raise RemoteProtocolError(f"{what} belongs to a stream", ErrorCode.PROTOCOL_ERROR)

    def _expect_connection(self, stream_id: int, what: str) -> None:
        if stream_id:
            raise RemoteProtocolError(
                f"{what} belongs to the connection; it came on stream {stream_id}",
                ErrorCode.PROTOCOL_ERROR,
            )

    # Frames of the connection.

    def _data(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._expect_stream(stream_id, "DATA")
        self._on_data(flags, stream_id, payload)

    def _headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._expect_stream(stream_id, "HEADERS")
        fragment, selfish = frames.parse_fragment(flags, stream_id, payload)
        self._block = (flags, stream_id, selfish)
        self._fragments = []
        self._block_bytes = 0
        self._fragment(flags, fragment)

    def _continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._fragment(flags, payload)

    def _fragment(self, flags: int, fragment: bytes) -> None:
        self._fragments.append(fragment)
        self._block_bytes += len(fragment)
        most = 4 * self._limits.max_header_bytes
        if self._block_bytes > most or len(self._fragments) > _LONGEST_CHAIN:
            raise RemoteProtocolError(
                f"a header block over {most} bytes or {_LONGEST_CHAIN} frames",
                ErrorCode.ENHANCE_YOUR_CALM,
            )
        if flags & frames.END_HEADERS and self._block is not None:
            begun, stream_id, selfish = self._block
            self._block = None
            fault = "a stream may not depend on itself" if selfish else ""
            self._on_block(begun, stream_id, b"".join(self._fragments), fault)

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
            self._events.append(Ready())

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
        self._events.append(PeerLeaving(reason, self._on_goaway(last_id)))
        if code != ErrorCode.NO_ERROR:
            self._over = True
            self._events.append(ConnectionFailed(reason, by_peer=True))

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


_ON_FRAME: dict[int, _Frame] = {
    frames.DATA: Connection._data,
    frames.HEADERS: Connection._headers,
    frames.PRIORITY: Connection._priority,
    frames.RST_STREAM: Connection._rst_stream,
    frames.SETTINGS: Connection._settings,
    frames.PUSH_PROMISE: Connection._push_promise,
    frames.PING: Connection._ping,
    frames.GOAWAY: Connection._goaway,
    frames.WINDOW_UPDATE: Connection._window_update,
    frames.CONTINUATION: Connection._continuation,
}
