"""
Bytes in, frames and whole header blocks out: the lowest layer of a connection.

RFC 9113, section 4. HEADERS and its CONTINUATION frames are joined here, since no other frame
may come between them (section 6.10). This file does not know what frames mean.

Fast paths. A few kinds of frames are frequent. They may be read directly from the buffer, without
a copy of their payload and with fewer checks: see `ReaderHooks`. If a frame is unusual, the fast
path does not take it, and `_frame` handles it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import frozen

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.runtime.frame_buffer import add_piece
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.frames import FRAME_HEADER, FRAME_HEADER_BYTES, ErrorCode
from rpcfw_grpc.http2.settings import FRAME_BYTES

__all__ = ["FastPath", "FrameReader", "ReaderHooks"]

#: More HEADERS and CONTINUATION frames of one block than this are an attack.
_MAX_BLOCK_FRAMES = 32
#: Takes a whole frame of a certain type with certain flags: (data, start, stop, stream), where
#: ``data[start:stop]`` is its payload. Returns the position of the first frame that it did not
#: take, or 0 if it did not take this one and has done nothing.
FastPath = Callable[[bytes, int, int, int], int]


@frozen
class ReaderHooks:
    """
    The functions that are called with what was read.

    Args:
        frame: (type, flags, stream, payload) of a frame, except HEADERS and CONTINUATION.
        block: (flags of HEADERS, stream, block, fault) of a whole header block. It must be
            decoded even if there is a fault. The fault is of the stream; empty for none.
        fast: what may take frames of a type with these flags (see `frames.kind_of`) out of the
            buffer.
    """

    frame: Callable[[int, int, int, bytes], None]
    block: Callable[[int, int, bytes, str], None]
    fast: Mapping[int, FastPath]


class FrameReader:
    """
    Cuts the bytes of one connection into frames.

    Args:
        server: whether this side is the server; then the client's preface comes first.
        max_block_bytes: size of the largest header block that is accepted.

    Attributes:
        held_bytes: bytes of frames that are not complete.
    """

    def __init__(self, max_block_bytes: int, *, server: bool) -> None:
        self._hooks: ReaderHooks | None = None
        # Bytes of a frame that is not complete, and how many are needed to continue.
        self._rest: list[bytes | bytearray] = []
        self._rest_bytes = 0
        self._need = FRAME_HEADER_BYTES
        self._preface = server
        self._greeted = False
        # A header block in parts: (flags, stream, self-dependent), parts, bytes.
        self._block: tuple[int, int, bool] | None = None
        self._fragments: list[bytes] = []
        self._block_bytes = 0
        self._max_block_bytes = max_block_bytes
        # The peer's SETTINGS have come and no header block is open: any frame may come.
        self._any_frame = False
        # Counts the frames, and the header blocks, that were not complete at first.
        self._unfinished = 0

    def start(self, hooks: ReaderHooks) -> None:
        """
        Call these from now on.
        """
        self._hooks = hooks

    def stop(self) -> None:
        """
        Read nothing more, and drop the hooks, which form a reference cycle with this object.
        """
        self._hooks = None

    @property
    def unfinished_frame(self) -> int:
        """
        The number of the frame that has come in part, different for each frame; 0 for none.
        """
        return self._unfinished if self._rest_bytes or self._block is not None else 0

    @property
    def held_bytes(self) -> int:
        """
        Bytes of frames and header blocks that are not complete.
        """
        return self._rest_bytes + self._block_bytes

    def feed(self, data: bytes) -> None:
        """
        Read bytes; they may be split anywhere.

        Raises:
            RemoteProtocolError: the peer broke a rule of the connection.
        """
        hooks = self._hooks
        if hooks is None:
            return
        at = self._complete(data, hooks) if self._rest_bytes else 0
        if at < len(data) and self._hooks is not None:
            self._read(data, at, hooks)

    def _complete(self, data: bytes, hooks: ReaderHooks) -> int:
        """
        Complete the unfinished frame; return where in ``data`` the next frame begins.

        The rest of ``data`` is not copied: it may be a mebibyte.
        """
        at = 0
        while self._rest_bytes and at < len(data):
            piece = data[at : at + self._need - self._rest_bytes]
            at += len(piece)
            add_piece(self._rest, piece)
            self._rest_bytes += len(piece)
            if self._rest_bytes == self._need:
                whole = b"".join(self._rest)
                self._rest.clear()
                self._rest_bytes = 0
                self._read(whole, 0, hooks)
        return at

    def _read(self, data: bytes, at: int, hooks: ReaderHooks) -> None:
        if self._preface:
            at = self._read_preface(data)
            if not at:
                return
        at = self._read_frames(data, at, hooks)
        if at < len(data):
            if self._block is None:
                self._unfinished += 1
            add_piece(self._rest, data[at:] if at else data)
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
        self._preface = False
        self._need = FRAME_HEADER_BYTES
        return size

    def _read_frames(self, data: bytes, at: int, hooks: ReaderHooks) -> int:
        """
        Act on all whole frames in ``data`` from ``at`` on; return where the rest begins.
        """
        end = len(data)
        unpack, fast = frames.KIND_HEADER.unpack_from, hooks.fast
        while end - at >= FRAME_HEADER_BYTES:
            high, low, kind, stream_id = unpack(data, at)
            take = fast.get(kind)
            if take is not None:
                size = high << 8 | low
                start = at + FRAME_HEADER_BYTES
                stop = start + size
                if stop <= end and size <= FRAME_BYTES and self._any_frame:
                    after = take(data, start, stop, stream_id)
                    if after:
                        at = after
                        continue
            after = self._frame(data, at, hooks)
            if after < 0:
                return at
            at = after
        self._need = FRAME_HEADER_BYTES
        return at

    def _frame(self, data: bytes, at: int, hooks: ReaderHooks) -> int:
        """
        Act on the frame at ``at``; return where the next one begins, or -1.
        """
        high, low, kind, flags, stream_id = FRAME_HEADER.unpack_from(data, at)
        size = high << 8 | low
        stop = at + FRAME_HEADER_BYTES + size
        self._check_size(size, kind)
        if stop > len(data):
            self._need = FRAME_HEADER_BYTES + size
            return -1
        # The first bit is reserved (section 4.1).
        stream_id &= frames.MAX_STREAM_ID
        if not self._any_frame:
            self._check_order(kind, flags, stream_id)
        payload = data[at + FRAME_HEADER_BYTES : stop]
        if kind == frames.HEADERS:
            self._begin_block(flags, stream_id, payload, hooks)
        elif kind == frames.CONTINUATION:
            self._continue_block(flags, payload, hooks)
        else:
            hooks.frame(kind, flags, stream_id, payload)
        return len(data) if self._hooks is None else stop

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
            if kind != frames.CONTINUATION or stream_id != self._block[1]:
                raise RemoteProtocolError(
                    f"expected CONTINUATION of the open header block; a frame of type {kind} came",
                    ErrorCode.PROTOCOL_ERROR,
                )
        elif not self._greeted:
            if kind != frames.SETTINGS or flags & frames.ACK:
                raise RemoteProtocolError(
                    f"expected SETTINGS as the first frame; a frame of type {kind} came",
                    ErrorCode.PROTOCOL_ERROR,
                )
            self._greeted = self._any_frame = True

    # Frames to header blocks.

    def _begin_block(self, flags: int, stream_id: int, payload: bytes, hooks: ReaderHooks) -> None:
        if not stream_id:
            raise RemoteProtocolError("HEADERS belongs to a stream", ErrorCode.PROTOCOL_ERROR)
        fragment, self_dependent = frames.parse_fragment(flags, stream_id, payload)
        self._block = (flags, stream_id, self_dependent)
        self._any_frame = False
        self._unfinished += 1
        self._add_fragment(flags, fragment, hooks)

    def _continue_block(self, flags: int, payload: bytes, hooks: ReaderHooks) -> None:
        if self._block is None:
            raise RemoteProtocolError(
                "CONTINUATION came, but no header block is open", ErrorCode.PROTOCOL_ERROR
            )
        self._add_fragment(flags, payload, hooks)

    def _add_fragment(self, flags: int, fragment: bytes, hooks: ReaderHooks) -> None:
        self._fragments.append(fragment)
        self._block_bytes += len(fragment)
        most = self._max_block_bytes
        if self._block_bytes > most or len(self._fragments) > _MAX_BLOCK_FRAMES:
            raise RemoteProtocolError(
                f"a header block over {most} bytes or {_MAX_BLOCK_FRAMES} frames",
                ErrorCode.ENHANCE_YOUR_CALM,
            )
        if flags & frames.END_HEADERS and self._block is not None:
            begun, stream_id, self_dependent = self._block
            block = b"".join(self._fragments)
            # At once: the next block may never come, and these bytes are counted no more.
            self._fragments = []
            self._block = None
            self._any_frame = True
            self._block_bytes = 0
            fault = "a stream may not depend on itself" if self_dependent else ""
            hooks.block(begun, stream_id, block, fault)
