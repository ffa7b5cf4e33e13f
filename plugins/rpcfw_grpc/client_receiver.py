"""
What comes to a client: responses, as events.
"""

from __future__ import annotations

from rpcfw.spi.events import CallEnded, HandshakeCompleted, ResponseReceived, ResponseStarted
from rpcfw.spi.machine import Limits
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY
from rpcfw_grpc.calls import ClientCall
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.arriving import Arriving
from rpcfw_grpc.http2.connection import Connection
from rpcfw_grpc.http2.frame_reader import FastPath
from rpcfw_grpc.http2.frames import FRAME_HEADER_BYTES, KIND_HEADER, ErrorCode, StreamFault
from rpcfw_grpc.http2.stream import Stream
from rpcfw_grpc.http2.stream_limit import StreamLimit
from rpcfw_grpc.message_assembler import CallFault, MessageAssembler, max_whole_bytes
from rpcfw_grpc.message_framing import (
    DATA_AND_PREFIX,
    DATA_AND_PREFIX_BYTES,
    PREFIX_BYTES,
)
from rpcfw_grpc.receiver import Receiver
from rpcfw_grpc.response_headers import ResponseHeaders
from rpcfw_grpc.status import from_reset, reset_text

__all__ = ["ClientReceiver"]

_HEADERS = frames.kind_of(frames.HEADERS, frames.END_HEADERS)
_DATA = frames.kind_of(frames.DATA)
_TRAILERS = frames.kind_of(frames.HEADERS, frames.END_HEADERS | frames.END_STREAM)

_Stream = Stream[ClientCall]


class ClientReceiver(Receiver[ResponseHeaders, ClientCall]):
    """
    Makes events of what one server sends.

    Args:
        limits: what this side takes.
        connection: what reports it.
        assembler: what makes messages of DATA, and keeps the events.
        limit: of streams, which the server's SETTINGS change.
    """

    def __init__(
        self,
        limits: Limits,
        connection: Connection[ResponseHeaders, ClientCall],
        assembler: MessageAssembler,
        limit: StreamLimit,
    ) -> None:
        super().__init__(assembler)
        self._limits = limits
        self._limit = limit
        self._max_body = max_whole_bytes(limits)
        self._peer = connection.peer
        self._activity = connection.activity
        self._streams = connection.streams
        # For the fast path. These are the same objects as long as the connection lasts.
        self._open = connection.streams.open
        self._arriving = connection.streams.arriving
        self._window = connection.streams.flow.window
        self._known = connection.decoder.known
        # Whether the server's compressions were reported.
        self._accepts_known = False

    # The fast paths.

    @property
    def fast_paths(self) -> dict[int, FastPath]:
        """
        What may take frames out of the buffer.
        """
        return {
            _HEADERS: self.fast_unary,
            _DATA: self._assembler.fast_data,
            _TRAILERS: self.fast_trailers,
        }

    def fast_unary(self, data: bytes, start: int, stop: int, stream_id: int) -> int:
        """
        Take a response whose HEADERS are followed by its one message and good trailers.

        The frames of nearly all unary responses come together: HEADERS, one DATA frame,
        HEADERS with END_STREAM. They become one event, and no `Stream` is made. The
        conditions: DATA without flags, of the same stream; one whole uncompressed message in
        it, within the limit and within the connection's window; the request took its fast
        path, so None stands for it; both header blocks are whole, have been seen before, and
        mean what such blocks mean of a call that went well; nothing in them is news. If only
        the HEADERS are such, the response may come in parts, between those of others.

        Args:
            start: where the header block begins.
            stop: where it ends.

        Returns:
            Where the next frame begins, or 0 if this is no such response and nothing was done.
        """
        if stop + DATA_AND_PREFIX_BYTES > len(data):
            return self._begin(data, start, stop, stream_id)
        high, low, kind, same, flag, size = DATA_AND_PREFIX.unpack_from(data, stop)
        length = high << 8 | low
        middle = stop + FRAME_HEADER_BYTES + length
        window = self._window
        if (
            kind != _DATA
            or flag
            or same != stream_id
            or size + PREFIX_BYTES != length
            or middle + FRAME_HEADER_BYTES > len(data)
            or size > self._max_body
            or length > window.left
            or self._open.get(stream_id, self) is not None
        ):
            return self._begin(data, start, stop, stream_id)
        high, low, kind, same = KIND_HEADER.unpack_from(data, middle)
        after: int = middle + FRAME_HEADER_BYTES + (high << 8 | low)
        if kind != _TRAILERS or same != stream_id:
            return self._begin(data, start, stop, stream_id)
        known = self._known
        initial = known.get(data[start:stop])
        # The part that is here of a longer block may be another one, and known.
        trailers = known.get(data[middle + FRAME_HEADER_BYTES : after])
        if initial is None or trailers is None or after > len(data):
            return 0
        if not (initial.is_initial and trailers.is_ok_trailers):
            return 0
        if initial.accepts is not None and not self._accepts_known:
            return 0
        del self._open[stream_id]
        self._activity.progress += 1
        body = data[stop + DATA_AND_PREFIX_BYTES : middle]
        self._assembler.events.append(
            ResponseReceived(stream_id, body, "", initial.metadata, trailers.metadata)
        )
        window.left -= length
        window.unacknowledged += length
        if window.unacknowledged * 2 >= window.size:
            self._streams.flow.acknowledge_connection()
        return after

    def _begin(self, data: bytes, start: int, stop: int, stream_id: int) -> int:
        """
        Take HEADERS whose message comes later, behind frames of other streams.

        Servers that write when many calls are done (tonic) send the HEADERS of all of them, then
        the messages, then the trailers. The conditions are those of `fast_unary`.
        """
        initial = self._known.get(data[start:stop])
        if initial is None or not initial.is_initial:
            return 0
        if initial.accepts is not None and not self._accepts_known:
            return 0
        if self._open.get(stream_id, self) is not None:
            return 0
        self._open[stream_id] = Arriving(initial)
        self._arriving.append(stream_id)
        self._activity.progress += 1
        return stop

    def fast_trailers(self, data: bytes, start: int, stop: int, stream_id: int) -> int:
        """
        Take the good trailers of a response whose HEADERS and message have come before.
        """
        arriving = self._open.get(stream_id)
        if type(arriving) is not Arriving or not arriving.data:
            return 0
        trailers = self._known.get(data[start:stop])
        if trailers is None or not trailers.is_ok_trailers:
            return 0
        del self._open[stream_id]
        self._activity.progress += 1
        body = arriving.data[PREFIX_BYTES:]
        self._assembler.events.append(
            ResponseReceived(stream_id, body, "", arriving.headers.metadata, trailers.metadata)
        )
        return stop

    # Streams.

    def attach(self, stream: _Stream, headers: ResponseHeaders | None) -> None:
        stream.call = ClientCall(self._limits.max_receive_bytes)

    def headers_received(self, stream: _Stream, headers: ResponseHeaders, *, ended: bool) -> None:
        if headers.is_trailers:
            self._ended(stream, headers)
            return
        if headers.accepts is not None and not self._accepts_known:
            self._accepts_known = True
            self._assembler.events.append(HandshakeCompleted(headers.accepts))
        if headers.fault:
            self._abort(stream, headers.status or Status.UNKNOWN, headers.fault)
        elif ended:
            self._ended(stream, headers)
        elif stream.app_closed:
            self._drop(stream)
        else:
            self._started(stream, headers)

    def _started(self, stream: _Stream, headers: ResponseHeaders) -> None:
        call, events = stream.call, self._assembler.events
        call.response = headers
        call.encoding = headers.encoding
        call.batch = self._assembler.batch
        call.started = ResponseStarted(stream.id, headers.metadata)
        call.started_at = len(events)
        events.append(call.started)

    def data_received(self, stream: _Stream, data: bytes, *, ended: bool) -> None:
        if stream.app_closed:
            self._drop(stream)
            return
        try:
            self._assembler.read(stream, data)
            if ended:
                raise CallFault(Status.UNKNOWN, "the server ended without trailers")
        except CallFault as fault:
            self._abort(stream, fault.status, fault.text)

    def _ended(self, stream: _Stream, trailers: ResponseHeaders) -> None:
        """
        End a call as its trailers say, or the HEADERS that are all of its response.
        """
        call = stream.call
        if trailers.fault:
            self._abort(stream, trailers.status or Status.UNKNOWN, trailers.fault)
        elif trailers.status is None:
            self._abort(stream, Status.UNKNOWN, "the server ended without a grpc-status")
        elif trailers.status is Status.OK and call.reader.partial:
            self._abort(stream, Status.INTERNAL, "the response ended within a message")
        elif not self._fold(stream, trailers):
            initial = call.response
            self._close(
                stream,
                CallEnded(
                    stream.id,
                    trailers.status,
                    trailers.message,
                    trailers.details,
                    EMPTY if initial is None else initial.metadata,
                    trailers.metadata,
                    trailers.hints,
                    trailers.retry_after_s,
                ),
            )

    def _fold(self, stream: _Stream, trailers: ResponseHeaders) -> bool:
        """
        Make one event of a response that began and ended in this batch.
        """
        call, assembler = stream.call, self._assembler
        initial, message = call.response, call.message
        if (
            trailers.status is not Status.OK
            or call.messages != 1
            or call.batch != assembler.batch
            or initial is None
            or message is None
        ):
            return False
        assembler.take_back(call)
        assembler.withdraw(call.started_at)
        self._close(
            stream,
            ResponseReceived(
                stream.id, message.body, message.encoding, initial.metadata, trailers.metadata
            ),
        )
        return True

    def _abort(self, stream: _Stream, status: Status, text: str) -> None:
        """
        End a call that cannot go on.
        """
        initial = stream.call.response
        metadata = EMPTY if initial is None else initial.metadata
        self._close(stream, CallEnded(stream.id, status, text, metadata=metadata))

    def _close(self, stream: _Stream, event: CallEnded | ResponseReceived) -> None:
        """
        Report the end of a call, and see that the server takes it as ended, too.
        """
        if not stream.app_closed:
            self._assembler.events.append(event)
        self._streams.close(stream)

    def _drop(self, stream: _Stream) -> None:
        """
        Give up a call whose response nobody waits for.
        """
        self._streams.reset(stream, ErrorCode.NO_ERROR)

    def stream_reset(self, stream_id: int, code: int, *, app_closed: bool) -> None:
        refused = code == ErrorCode.REFUSED_STREAM
        if not app_closed:
            self._assembler.events.append(
                CallEnded(
                    stream_id,
                    from_reset(code),
                    reset_text(code),
                    hints=Hint.NOT_BEGUN if refused else Hint.NONE,
                )
            )
        if refused:
            self._limit.refused(len(self._open))

    def stream_failed(self, fault: StreamFault, *, app_closed: bool) -> None:
        if not app_closed:
            self._assembler.events.append(CallEnded(fault.stream_id, Status.INTERNAL, fault.reason))

    # The connection.

    def settings_received(self, *, first: bool) -> None:
        self._limit.announced(self._peer.streams)
        if first:
            self._assembler.events.append(HandshakeCompleted())
