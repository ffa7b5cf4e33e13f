"""
One HTTP/2 connection as a machine without I/O: bytes in, reports and bytes out (RFC 9113).

Theory of operation. `receive` takes bytes. `FrameReader` cuts them into frames; frames of the
connection are acted on here, those of streams in `Streams`; what they mean to the user is reported
to its `Callbacks`. What is to be written is queued in `Outbound`, and `take_output` returns it.

A rule broken raises `RemoteProtocolError` wherever it is noticed and is answered in one place,
`receive`: a GOAWAY with the code, and nothing is read after it (section 5.4.1). `StreamFault`
costs the stream alone (5.4.2), and is answered in `Streams.on_fault`.

The parts refer to the callbacks, and these to the connection. `close` parts them, so that a
closed connection is freed at once and not when the garbage collector comes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Generic, TypeVar

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.machine import Limits
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.abuse import AbuseDetector, Activity, ControlFrame
from rpcfw_grpc.http2.arriving import settle
from rpcfw_grpc.http2.callbacks import Callbacks, Headers
from rpcfw_grpc.http2.frame_reader import FastPath, FrameReader, ReaderHooks
from rpcfw_grpc.http2.frames import ErrorCode, StreamFault
from rpcfw_grpc.http2.goaway import GoAway
from rpcfw_grpc.http2.header_list import HeaderList, HeaderRules, Malformed
from rpcfw_grpc.http2.hpack.cached_decoder import CachedDecoder
from rpcfw_grpc.http2.hpack.encoder import NO_DYNAMIC_TABLE, CachedEncoder
from rpcfw_grpc.http2.send_windows import SendWindows
from rpcfw_grpc.http2.settings import (
    CONNECTION_WINDOW_BYTES,
    INITIAL_WINDOW_BYTES,
    TABLE_BYTES,
    PeerSettings,
    our_settings,
    readable_header_bytes,
)
from rpcfw_grpc.http2.streams import Streams

__all__ = ["Connection"]

H = TypeVar("H", bound=Headers)
C = TypeVar("C")

_Frame = Callable[["Connection[Any, Any]", int, int, bytes], None]


class Connection(Generic[H, C]):
    """
    One HTTP/2 connection, from either side.

    Args:
        limits: what this side takes.
        rules: which header fields may come.
        meaning: what a header list stands for to the user.
        server: which side this is.
        max_unread: bytes of all streams that may lie unread before the peer has to wait.
        encoder: whose blocks go through the peer's dynamic table. Without one, all blocks
            sent must be made by `encode`, which uses none.

    Attributes:
        peer: what the peer takes.
        activity: what has moved.
        reader: what cuts what comes into frames, and keeps what is not whole.
        decoder: of the header blocks that come.
        streams: the streams, and what is sent on them.
        goaway: whether this side drains, and its GOAWAY frames.
        over: nothing more is read; the connection is to be closed.
    """

    def __init__(
        self,
        limits: Limits,
        rules: HeaderRules,
        meaning: Callable[[HeaderList], H],
        *,
        server: bool,
        max_unread: int,
        encoder: CachedEncoder | None = None,
    ) -> None:
        self._limits = limits
        self._server = server
        self._encoder = encoder
        self.peer = PeerSettings()
        self.activity = Activity()
        self._abuse = AbuseDetector(limits, self.activity)
        max_bytes = readable_header_bytes(limits)
        self.reader = FrameReader(max_bytes, server=server)
        self.decoder: CachedDecoder[H] = CachedDecoder(max_bytes, rules, meaning)
        self.streams: Streams[H, C] = Streams(
            limits, self.peer, self.activity, self._abuse, max_unread, server=server
        )
        self._send_windows = SendWindows(self.streams, self.peer, self.activity, self._abuse)
        self._callbacks: Callbacks[H, C] = Callbacks()
        self.goaway = GoAway(self.streams, server=server)
        self.over = False
        self._started = False
        self._drain_reason: str | None = None
        self._greeted = False
        # The last PING that was sent, and the last that was acknowledged.
        self._pings = 0
        self._acknowledged_ping = 0

    def report_to(
        self,
        callbacks: Callbacks[H, C],
        fast: Mapping[int, FastPath] = MappingProxyType({}),
    ) -> None:
        """
        Report to these; asked once, before all else.

        Args:
            fast: what may take frames of streams out of the buffer; see `ReaderHooks`.
        """
        self._callbacks = self.streams.callbacks = callbacks
        self.reader.start(
            ReaderHooks(
                self._on_frame,
                self._on_block,
                {
                    frames.kind_of(frames.WINDOW_UPDATE): self._send_windows.fast_update,
                    frames.kind_of(frames.PING): self._fast_ping,
                    **fast,
                },
            )
        )

    # What is asked of a connection.

    def start(self) -> None:
        """
        Queue the preface (section 3.4).
        """
        out = self.streams.outbound.out
        if not self._server:
            out.append(frames.PREFACE)
        out.append(frames.settings(our_settings(self._limits, server=self._server)))
        out.append(frames.window_update(0, CONNECTION_WINDOW_BYTES - INITIAL_WINDOW_BYTES))
        self._started = True
        if self._drain_reason is not None:
            self.drain(self._drain_reason)

    def receive(self, data: bytes) -> None:
        """
        Take bytes, split in whatever way, and report what happened.
        """
        if self.over:
            return
        self._abuse.new_batch(self.streams.table.newest)
        try:
            self.reader.feed(data)
        except RemoteProtocolError as error:
            self.end(error.reason, error.code)
            settle(self.streams)
            self._callbacks.connection_failed(error.reason)
        if self.streams.arriving:
            settle(self.streams)
        if self._send_windows.initial_raised and not self.over:
            self._send_windows.batch_ended()

    def take_output(self) -> bytes:
        """
        Return what must be written now, and forget it. Empty if nothing.
        """
        return self.streams.outbound.take_output()

    def ping(self) -> int:
        """
        Queue a PING frame (section 6.7); return its number.
        """
        self._pings += 1
        self.streams.outbound.out.append(frames.ping(self._pings.to_bytes(8, "big")))
        return self._pings

    def drain(self, reason: str) -> None:
        """
        Send a GOAWAY: no new streams are accepted, and open ones continue (section 6.8).
        """
        if not self._started:
            # The preface comes first.
            self._drain_reason = reason if self._drain_reason is None else self._drain_reason
            return
        if self.over or self.goaway.started:
            return
        self.goaway.start(reason)
        if self._server:
            self.goaway.drain_ping = self.ping()

    def end(self, reason: str, code: int = ErrorCode.NO_ERROR) -> None:
        """
        Queue the last GOAWAY, and read nothing more.
        """
        if not self.over:
            self._stop()
            self.goaway.send_last(code, reason)

    def close(self) -> None:
        """
        Drop all streams and the callbacks. What is asked from now on does nothing.
        """
        self._stop()
        self._callbacks = Callbacks()
        self.streams.clear()

    def _stop(self) -> None:
        self.over = True
        self.streams.table.accepts = False
        self.reader.stop()

    # Frames.

    def _on_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        on_frame = self._ON_FRAME.get(kind)
        if on_frame is None:
            # Section 4.1: frames of unknown types are ignored.
            self._abuse.control_frame(ControlFrame.OTHER)
            return
        try:
            on_frame(self, flags, stream_id, payload)
        except StreamFault as fault:
            self.streams.on_fault(fault)

    def _on_block(self, flags: int, stream_id: int, block: bytes, fault: str) -> None:
        """
        Act on a whole header block. It is decoded first, whatever else is wrong (section 4.3).
        """
        headers: H | None = None
        try:
            headers = self.decoder.decode(block)
        except Malformed as error:
            fault = fault or str(error)
        ended = bool(flags & frames.END_STREAM)
        try:
            self.streams.on_headers(stream_id, headers, fault, ended=ended)
        except StreamFault as stream_fault:
            self.streams.on_fault(stream_fault)

    def _data(self, flags: int, stream_id: int, payload: bytes) -> None:
        frames.expect_stream(stream_id, "DATA")
        self.streams.on_data(flags, stream_id, payload)

    def _priority(self, flags: int, stream_id: int, payload: bytes) -> None:
        frames.expect_stream(stream_id, "PRIORITY")
        self._abuse.control_frame(ControlFrame.OTHER)
        frames.check_priority(stream_id, payload)

    def _rst_stream(self, flags: int, stream_id: int, payload: bytes) -> None:
        frames.expect_stream(stream_id, "RST_STREAM")
        code = frames.parse_reset(payload)
        self.streams.table.check_not_idle(stream_id, "RST_STREAM")
        self.streams.on_reset(stream_id, code)

    def _settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        frames.expect_connection(stream_id, "SETTINGS")
        self._abuse.control_frame(ControlFrame.SETTINGS)
        if flags & frames.ACK:
            if payload:
                raise RemoteProtocolError(
                    "an acknowledgement of SETTINGS is empty", ErrorCode.FRAME_SIZE_ERROR
                )
            return
        before = self.peer.window_bytes
        self.peer.take(frames.parse_settings(payload), from_server=not self._server)
        self.streams.outbound.out.append(frames.settings_ack())
        self._resize_table()
        self._send_windows.initial_window_changed(self.peer.window_bytes - before)
        first, self._greeted = not self._greeted, True
        self._callbacks.settings_received(first=first)

    def _resize_table(self) -> None:
        if self._encoder is not None:
            self._encoder.resize(self.peer.table_bytes)
        elif self.peer.table_bytes < TABLE_BYTES:
            # Our blocks use no dynamic table, so saying so once is the end of it.
            self.streams.outbound.size_update = NO_DYNAMIC_TABLE

    def _push_promise(self, flags: int, stream_id: int, payload: bytes) -> None:
        raise RemoteProtocolError(
            "PUSH_PROMISE: nothing may be pushed here", ErrorCode.PROTOCOL_ERROR
        )

    def _fast_ping(self, data: bytes, start: int, stop: int, stream_id: int) -> int:
        """
        Acknowledge a PING: grpc-go's peers send one with each message that they receive.
        """
        if stream_id or stop - start != 8:
            return 0
        self._abuse.control_frame(ControlFrame.PING)
        self.streams.outbound.out.append(frames.PING_ACK + data[start:stop])
        self._callbacks.ping_received()
        return stop

    def _ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        frames.expect_connection(stream_id, "PING")
        if len(payload) != 8:
            raise RemoteProtocolError("a PING frame has 8 bytes", ErrorCode.FRAME_SIZE_ERROR)
        if not flags & frames.ACK:
            self._abuse.control_frame(ControlFrame.PING)
            self.streams.outbound.out.append(frames.ping(payload, frames.ACK))
            self._callbacks.ping_received()
            return
        number = int.from_bytes(payload, "big")
        if self._acknowledged_ping < number <= self._pings:
            self._acknowledged_ping = number
            self._callbacks.ping_acknowledged()
            self.goaway.ping_acknowledged(number)
        else:
            self._abuse.control_frame(ControlFrame.OTHER)

    def _goaway(self, flags: int, stream_id: int, payload: bytes) -> None:
        frames.expect_connection(stream_id, "GOAWAY")
        self._abuse.control_frame(ControlFrame.OTHER)
        last_id, code, text = frames.parse_goaway(payload)
        refused: tuple[int, ...] = ()
        if not self._server:
            refused = self.goaway.received(last_id)
        settle(self.streams)
        if code != ErrorCode.NO_ERROR:
            self._stop()
        self._callbacks.goaway_received(code, text, refused)

    def _window_update(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._abuse.control_frame(ControlFrame.OTHER)
        increment = frames.parse_increment(payload)
        if stream_id:
            self._send_windows.on_stream_update(stream_id, increment)
        else:
            self._send_windows.on_connection_update(increment)

    _ON_FRAME: ClassVar[dict[int, _Frame]] = {
        frames.DATA: _data,
        frames.PRIORITY: _priority,
        frames.RST_STREAM: _rst_stream,
        frames.SETTINGS: _settings,
        frames.PUSH_PROMISE: _push_promise,
        frames.PING: _ping,
        frames.GOAWAY: _goaway,
        frames.WINDOW_UPDATE: _window_update,
    }
