"""
Bytes in, frames out: the lowest layer of a connection.

Theory of operation. Bytes are cut into frames; each kind of frame has one method,
found in a table. A rule broken raises `RemoteProtocolError` wherever it is noticed
and is answered in one place, `receive`: a GOAWAY with the code, a
`ConnectionFailed`, and nothing is read after it. `StreamFault` costs the stream
alone, and is likewise answered in one place.

Header blocks that come in several frames are put together here, since nothing else
may stand between them. What frames mean is said by the subclasses.
"""

from __future__ import annotations

from abc import abstractmethod

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.events import ConnectionFailed, Event
from rpcfw.spi.machine import Limits, Machine
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.abuse import Guards
from rpcfw_grpc.http2.frames import FRAME_HEAD, FRAME_HEAD_BYTES, ErrorCode, StreamFault
from rpcfw_grpc.http2.settings import FRAME_BYTES, readable_header_bytes

__all__ = ["Intake"]

_LONGEST_CHAIN = 32


class Intake(Machine):
    """
    What reads a connection.

    Args:
        limits: what this side takes.
        server: which side this is.
    """

    def __init__(self, limits: Limits, *, server: bool) -> None:
        self._limits = limits
        self._server = server
        self._guards = Guards(limits)
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
        self._last_id = 0
        self._turn = 0
        # Something is left to be done once all of these bytes were read.
        self._unsettled = False
        # Grows with each frame, or header block in parts, that was not all here.
        self._unfinished = 0

    # What subclasses add.

    @abstractmethod
    def _read_frames(self, data: bytes, at: int) -> int:
        """
        Act on all whole frames in ``data`` from ``at`` on; return where the rest begins.
        """

    @abstractmethod
    def _act(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        """
        Act on one frame.
        """

    @abstractmethod
    def _on_block(self, flags: int, stream_id: int, block: bytes, fault: str) -> None:
        """
        Act on a whole header block. It must be read whatever else is wrong.

        Args:
            fault: what was wrong with its frames, for its stream; empty if nothing.
        """

    @abstractmethod
    def _on_fault(self, fault: StreamFault) -> None: ...

    @abstractmethod
    def _settle(self) -> None:
        """
        Do what is done once for all that was read together.
        """

    # The seam.

    @property
    def unfinished_frame(self) -> int:
        return self._unfinished if self._rest_bytes or self._block is not None else 0

    def receive(self, data: bytes) -> list[Event]:
        if self._over:
            return []
        events = self._events = []
        self._turn += 1
        self._guards.turn(self._last_id)
        try:
            at = self._complete(data) if self._rest_bytes else 0
            if at < len(data) and not self._over:
                self._read(data, at)
        except RemoteProtocolError as error:
            self._goodbye(error.reason, error.code)
            events.append(ConnectionFailed(error.reason))
        if self._unsettled:
            self._settle()
        return events

    def take_output(self) -> bytes:
        if not self._out:
            return b""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def closing(self, reason: str) -> None:
        # RFC 9113, section 6.8: an endpoint should say GOAWAY before it closes, so that
        # its peer knows which streams were begun.
        if not self._over:
            self._goodbye(reason, ErrorCode.NO_ERROR)

    def fail(self, reason: str) -> None:
        if not self._over:
            calm = reason.startswith("too_many_pings")
            self._goodbye(reason, ErrorCode.ENHANCE_YOUR_CALM if calm else ErrorCode.NO_ERROR)

    def _goodbye(self, reason: str, code: int) -> None:
        self._over = True
        last_id = self._last_id if self._server else 0
        self._out.append(frames.goaway(last_id, code, reason))

    # Bytes to frames.

    def _complete(self, data: bytes) -> int:
        """
        Read what was not whole before; return where in ``data`` the next frame begins.

        What follows stays where it is: it may be a mebibyte.
        """
        at = 0
        while self._rest_bytes and at < len(data):
            piece = data[at : at + self._need - self._rest_bytes]
            at += len(piece)
            self._rest.append(piece)
            self._rest_bytes += len(piece)
            if self._rest_bytes == self._need:
                whole = b"".join(self._rest)
                self._rest.clear()
                self._rest_bytes = 0
                self._read(whole, 0)
        return at

    def _read(self, data: bytes, at: int) -> None:
        if self._preface:
            at = self._read_preface(data)
            if not at:
                return
        at = self._read_frames(data, at)
        if at < len(data):
            if self._block is None:
                self._unfinished += 1
            self._rest.append(data[at:] if at else data)
            self._rest_bytes = len(data) - at

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
        payload = data[at + FRAME_HEAD_BYTES : stop]
        try:
            self._act(kind, flags, stream_id & frames.MAX_STREAM_ID, payload)
        except StreamFault as fault:
            self._on_fault(fault)
        return len(data) if self._over else stop

    def _check_size(self, size: int, kind: int) -> None:
        if size > FRAME_BYTES:
            begin = bytes((*size.to_bytes(3, "big"), kind))
            is_text = begin.isascii() and begin.decode().isprintable()
            meant = "; that reads as text, so the peer may not speak HTTP/2" if is_text else ""
            what = f"a frame has at most {FRAME_BYTES} bytes; one of type {kind} with {size} came"
            raise RemoteProtocolError(
                f"{what}{meant}",
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

    # Frames to header blocks.

    def _begin_block(self, flags: int, stream_id: int, payload: bytes) -> None:
        fragment, selfish = frames.parse_fragment(flags, stream_id, payload)
        self._block = (flags, stream_id, selfish)
        self._unfinished += 1
        self._fragments = []
        self._block_bytes = 0
        self._fragment(flags, fragment)

    def _fragment(self, flags: int, fragment: bytes) -> None:
        self._fragments.append(fragment)
        self._block_bytes += len(fragment)
        most = readable_header_bytes(self._limits)
        if self._block_bytes > most or len(self._fragments) > _LONGEST_CHAIN:
            raise RemoteProtocolError(
                f"a header block over {most} bytes or {_LONGEST_CHAIN} frames",
                ErrorCode.ENHANCE_YOUR_CALM,
            )
        if flags & frames.END_HEADERS and self._block is not None:
            begun, stream_id, selfish = self._block
            self._block = None
            self._block_bytes = 0
            fault = "a stream may not depend on itself" if selfish else ""
            self._on_block(begun, stream_id, b"".join(self._fragments), fault)
