"""
What comes to a server: requests, as events.

A request that is no call (wrong method, wrong content-type) is answered as HTTP
answers, after its body has come, or the first part of a large one: a peer that still
sends often does not read.
"""

from __future__ import annotations

from rpcfw.spi.events import (
    CallCancelled,
    HalfClosed,
    HandshakeCompleted,
    PingReceived,
    RequestReceived,
)
from rpcfw.spi.machine import Limits
from rpcfw.status import Status
from rpcfw_grpc.calls import ServerCall
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.arriving import Arriving
from rpcfw_grpc.http2.connection import Connection
from rpcfw_grpc.http2.flow_control import increment_at
from rpcfw_grpc.http2.frame_reader import FastPath
from rpcfw_grpc.http2.frames import FRAME_HEADER_BYTES, MAX_STREAM_ID, ErrorCode, StreamFault
from rpcfw_grpc.http2.header_list import Malformed
from rpcfw_grpc.http2.stream import State, Stream
from rpcfw_grpc.message_assembler import CallFault, MessageAssembler, max_whole_bytes
from rpcfw_grpc.message_framing import DATA_AND_PREFIX, DATA_AND_PREFIX_BYTES, PREFIX_BYTES
from rpcfw_grpc.receiver import Receiver
from rpcfw_grpc.request_headers import RequestHeaders
from rpcfw_grpc.server_sender import ServerSender

__all__ = ["ServerReceiver"]

#: Where the type of a frame stands in its header.
_TYPE_AT = 3
#: What is read of a body that nobody wants before its request is refused.
_UNWANTED_BYTES = 16 << 10

_HEADERS = frames.kind_of(frames.HEADERS, frames.END_HEADERS)
_DATA = frames.kind_of(frames.DATA)
_LAST_DATA = frames.kind_of(frames.DATA, frames.END_STREAM)

_Stream = Stream[ServerCall]


class ServerReceiver(Receiver[RequestHeaders, ServerCall]):
    """
    Makes events of what one client sends.

    Args:
        limits: what this side takes.
        connection: what reports it.
        assembler: what makes messages of DATA, and keeps the events.
        sender: what answers requests that are no calls.
    """

    def __init__(
        self,
        limits: Limits,
        connection: Connection[RequestHeaders, ServerCall],
        assembler: MessageAssembler,
        sender: ServerSender,
    ) -> None:
        super().__init__(assembler)
        self._limits = limits
        self._max_body = max_whole_bytes(limits)
        self._peer = connection.peer
        self._activity = connection.activity
        self._streams = connection.streams
        self._sender = sender
        # For the fast path. These are the same objects as long as the connection lasts.
        self._table = connection.streams.table
        self._open = connection.streams.open
        self._arriving = connection.streams.arriving
        self._window = connection.streams.flow.window
        self._decoder = connection.decoder
        self._known = connection.decoder.known
        # What had been sent for calls when the peer pinged last.
        self._sent_at_ping = 0

    # The fast paths.

    @property
    def fast_paths(self) -> dict[int, FastPath]:
        """
        What may take frames out of the buffer.
        """
        return {
            _HEADERS: self.fast_unary,
            _DATA: self._assembler.fast_data,
            _LAST_DATA: self.fast_last_data,
        }

    def fast_unary(self, data: bytes, start: int, stop: int, stream_id: int) -> int:
        """
        Take a request whose HEADERS are followed by its one message and the end.

        The frames of nearly all unary calls come together: HEADERS (a WINDOW_UPDATE for the
        response, from gRPC's C core) and one DATA frame with END_STREAM. They become one
        event, and no `Stream` is made. The conditions: DATA without padding, of the same
        stream, which is the next one; one whole uncompressed message in it, within the limit
        and within the connection's window; the block has been seen before or is decoded here;
        nothing is unusual about the request; new streams are taken, and this is not one too
        many. If only the HEADERS are such, the request may come in parts, between those of
        others.

        Args:
            start: where the header block begins.
            stop: where it ends.

        Returns:
            Where the next frame begins, or 0 if this is no such request and nothing was done.
            After a call that is not usual, that is the frame behind its HEADERS.
        """
        at, increment = stop, 0
        if stop + DATA_AND_PREFIX_BYTES > len(data):
            return self._begin(data, start, stop, stream_id)
        if data[stop + _TYPE_AT] == frames.WINDOW_UPDATE:
            increment = increment_at(data, stop, stream_id, self._peer.window_bytes)
            at += frames.WINDOW_UPDATE_BYTES
            if not increment or at + DATA_AND_PREFIX_BYTES > len(data):
                return 0
        high, low, kind, same, flag, size = DATA_AND_PREFIX.unpack_from(data, at)
        length = high << 8 | low
        after: int = at + FRAME_HEADER_BYTES + length
        table, window = self._table, self._window
        if (
            kind != _LAST_DATA
            or same != stream_id
            or not table.newest + 2 == stream_id <= MAX_STREAM_ID
            or flag
            or size + PREFIX_BYTES != length
            or after > len(data)
            or size > self._max_body
            or length > window.left
            or not table.accepts
            or len(self._open) >= self._limits.max_calls
        ):
            return self._begin(data, start, stop, stream_id)
        block = data[start:stop]
        headers = self._known.get(block) or self._decode(stream_id, block)
        if headers is None:
            return stop
        table.newest = stream_id
        entry = headers.with_window(increment) if increment else headers
        if entry is None or not headers.plain:
            self._open_stream(stream_id, headers)
            return stop
        self._activity.progress += 1
        self._open[stream_id] = entry
        body = data[at + DATA_AND_PREFIX_BYTES : after]
        self._assembler.events.append(RequestReceived(stream_id, headers.head, body, "", True))
        window.left -= length
        window.unacknowledged += length
        if window.unacknowledged * 2 >= window.size:
            self._streams.flow.acknowledge_connection()
        return after

    def _begin(self, data: bytes, start: int, stop: int, stream_id: int) -> int:
        """
        Take HEADERS whose message comes later, behind frames of other streams or in two frames.

        Some clients (tonic) end each request with an empty DATA frame, and those that write when
        many calls are begun send the HEADERS of all of them first. The conditions are those of
        `fast_unary`.
        """
        table = self._table
        if (
            not table.newest + 2 == stream_id <= MAX_STREAM_ID
            or not table.accepts
            or len(self._open) >= self._limits.max_calls
        ):
            return 0
        block = data[start:stop]
        headers = self._known.get(block) or self._decode(stream_id, block)
        if headers is None:
            return stop
        table.newest = stream_id
        if headers.plain:
            self._open[stream_id] = Arriving(headers)
            self._arriving.append(stream_id)
            self._activity.progress += 1
        else:
            self._open_stream(stream_id, headers)
        return stop

    def fast_last_data(self, data: bytes, start: int, stop: int, stream_id: int) -> int:
        """
        Take the end of a request whose HEADERS have come before: its message, or no more DATA.
        """
        arriving = self._open.get(stream_id)
        if type(arriving) is Stream and start == stop:
            return stop if self._end(arriving) else 0
        if type(arriving) is not Arriving:
            return 0
        if start < stop:
            if not self._assembler.take_whole(arriving, data, start, stop):
                return 0
        elif not arriving.data:
            return 0
        headers = arriving.headers
        self._open[stream_id] = headers
        self._activity.progress += 1
        body = arriving.data[PREFIX_BYTES:]
        self._assembler.events.append(RequestReceived(stream_id, headers.head, body, "", True))
        return stop

    def _end(self, stream: _Stream) -> bool:
        """
        Take an empty DATA frame that ends a request, if all that is expected has come.
        """
        if (
            stream.app_closed
            or stream.state is not State.OPEN
            or stream.content_length >= 0
            or stream.call.reader.partial
        ):
            return False
        self._activity.progress += 1
        stream.state = State.HALF_CLOSED_REMOTE
        self._request_ended(stream)
        return True

    def _decode(self, stream_id: int, block: bytes) -> RequestHeaders | None:
        """
        Decode the block of a new call; None if it is malformed, and the stream was reset.
        """
        try:
            return self._decoder.decode(block)
        except Malformed as error:
            self._table.newest = stream_id
            self._streams.on_fault(StreamFault(stream_id, str(error), ErrorCode.PROTOCOL_ERROR))
            return None

    def _open_stream(self, stream_id: int, headers: RequestHeaders) -> None:
        """
        Open a stream that is not usual, or reset it if trailers began it.
        """
        if headers.is_trailers:
            text = "a request begins with pseudo-fields"
            self._streams.on_fault(StreamFault(stream_id, text, ErrorCode.PROTOCOL_ERROR))
        else:
            self._streams.open_stream(stream_id, headers, ended=False)

    # Streams.

    def attach(self, stream: _Stream, headers: RequestHeaders | None) -> None:
        assert headers is not None
        stream.call = ServerCall(self._limits.max_receive_bytes, headers)
        stream.call.encoding = headers.encoding
        stream.granted = headers.window_increment

    def stream_opened(self, stream: _Stream, headers: RequestHeaders, *, ended: bool) -> None:
        call, refusal = stream.call, headers.refusal
        if refusal is not None:
            call.refusal = refusal
            # The application knows nothing of it.
            stream.app_closed = True
            if ended or not refusal.http:
                self._sender.refuse(stream, refusal)
            return
        call.batch = self._assembler.batch
        call.started = RequestReceived(stream.id, headers.head, None, "", ended)
        self._assembler.events.append(call.started)

    def data_received(self, stream: _Stream, data: bytes, *, ended: bool) -> None:
        if stream.app_closed:
            self._drop(stream, len(data), ended=ended)
            return
        try:
            self._assembler.read(stream, data)
            if ended:
                self._request_ended(stream)
        except CallFault as fault:
            self._assembler.events.append(CallCancelled(stream.id, fault.text))
            self._sender.abort(stream, fault.status, fault.text)

    def headers_received(self, stream: _Stream, headers: RequestHeaders, *, ended: bool) -> None:
        # Trailers. A server uses only the end of the stream that comes with them.
        self.data_received(stream, b"", ended=True)

    def _request_ended(self, stream: _Stream) -> None:
        call, assembler = stream.call, self._assembler
        if call.reader.partial:
            raise CallFault(Status.INTERNAL, "the request ended within a message")
        started = call.started
        if (
            call.batch != assembler.batch
            or call.messages > 1
            or type(started) is not RequestReceived
        ):
            assembler.events.append(HalfClosed(stream.id))
        else:
            message = assembler.take_back(call)
            started.ended = True
            if message is not None:
                started.body, started.encoding = message.body, message.encoding
        if call.messages == 1:
            self._close_unary(stream)

    def _close_unary(self, stream: _Stream) -> None:
        """
        Drop the stream of a request that is whole now, as if all of it had come in one piece.

        Its response may be written in one piece then. That costs 1 us, and with a stream 4 us.
        """
        headers = stream.call.headers
        if (
            headers.plain
            and not stream.headers_sent
            and not stream.outgoing.size
            and stream.granted == headers.window_increment
        ):
            self._assembler.release(stream.call)
            self._open[stream.id] = headers

    def _drop(self, stream: _Stream, size: int, *, ended: bool) -> None:
        """
        Drop bytes that the application does not wait for.
        """
        call = stream.call
        call.dropped += size
        if call.refusal is not None and (ended or call.dropped > _UNWANTED_BYTES):
            self._sender.refuse(stream, call.refusal)

    def stream_reset(self, stream_id: int, code: int, *, app_closed: bool) -> None:
        self._assembler.events.append(
            CallCancelled(stream_id, f"the caller reset it: {frames.code_name(code)}")
        )

    def stream_failed(self, fault: StreamFault, *, app_closed: bool) -> None:
        if not app_closed:
            self._assembler.events.append(CallCancelled(fault.stream_id, fault.reason))

    # The connection.

    def settings_received(self, *, first: bool) -> None:
        if first:
            self._assembler.events.append(HandshakeCompleted())

    def ping_received(self) -> None:
        sent = self._activity.finished + self._activity.frames_sent
        self._assembler.events.append(PingReceived(sent != self._sent_at_ping))
        self._sent_at_ping = sent
