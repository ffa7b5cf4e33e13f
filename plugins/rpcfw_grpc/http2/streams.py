"""
What frames of streams do, and how frames are sent on them (RFC 9113, sections 5.1, 6 and 8.1).

Theory of operation. A stream that is whole in one step on either side need not be a `Stream`: the
user of the connection may keep an entry of its own in `open` (what the request's HEADERS mean at a
server, None at a client; an `Arriving` while it comes). An entry is expanded to a `Stream` as soon
as anything happens that needs one. A stream that the user is done with stays as long as bytes of
it wait for flow control, marked as `Stream.app_closed`.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.machine import Limits
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.abuse import AbuseDetector, Activity, ControlFrame
from rpcfw_grpc.http2.arriving import Arriving, expand
from rpcfw_grpc.http2.callbacks import Callbacks, Headers
from rpcfw_grpc.http2.flow_control import ReceiveFlow
from rpcfw_grpc.http2.frames import END_STREAM, ErrorCode, StreamFault
from rpcfw_grpc.http2.outbound import ALL_FRAMES, Outbound
from rpcfw_grpc.http2.settings import PeerSettings
from rpcfw_grpc.http2.stream import State, Step, Stream
from rpcfw_grpc.http2.stream_table import StreamTable

__all__ = ["Streams"]

H = TypeVar("H", bound=Headers)
C = TypeVar("C")


class Streams(Generic[H, C]):
    """
    The streams of one connection.

    Args:
        limits: what this side takes.
        peer: what the peer takes.
        server: which side this is.

    Attributes:
        table: which are open, and what may come on those that are not.
        server: which side this is.
        open: those that are; `StreamTable.open`.
        arriving: ids of those that were `Arriving` since the last `settle`. Always the same list.
        outbound: what leaves.
        flow: what may come.
    """

    def __init__(
        self,
        limits: Limits,
        peer: PeerSettings,
        activity: Activity,
        abuse: AbuseDetector,
        max_unread: int,
        *,
        server: bool,
    ) -> None:
        self._limits = limits
        self.server = server
        self._activity = activity
        self._abuse = abuse
        self.callbacks: Callbacks[H, C] = Callbacks()
        self.table: StreamTable[H, C] = StreamTable(limits, abuse)
        self.open = self.table.open
        self.arriving: list[int] = []
        self.outbound = Outbound(peer, activity)
        self.flow = ReceiveFlow(self.outbound.out, max_unread)

    def find(self, stream_id: int) -> Stream[C] | None:
        """
        Return a stream that is open, made of its entry if it was none so far.
        """
        entry = self.open.get(stream_id, self)
        if entry is self:
            return None
        if type(entry) is Stream:
            return entry
        if type(entry) is Arriving:
            expand(self, stream_id, entry)
            made = self.open.get(stream_id)
            return made if type(made) is Stream else None
        if self.server:
            return self._make(stream_id, State.HALF_CLOSED_REMOTE, entry)  # type: ignore[arg-type]  # H
        stream = self._make(stream_id, State.HALF_CLOSED_LOCAL, None)
        stream.trailers_block = b""  # the request was sent whole, with END_STREAM
        return stream

    def begin(self) -> Stream[C]:
        """
        At a client: begin the next stream.
        """
        self.table.newest += 2
        return self._make(self.table.newest, State.OPEN, None)

    def _make(self, stream_id: int, state: State, headers: H | None) -> Stream[C]:
        stream: Stream[C] = Stream(stream_id, state, self._limits.stream_window_bytes)
        self.open[stream_id] = stream
        self.callbacks.attach(stream, headers)
        return stream

    def forget(self, stream: Stream[C]) -> None:
        """
        Drop a stream and all that waits on it. Nothing is sent.
        """
        self.open.pop(stream.id, None)
        self.outbound.forget(stream)
        stream.app_closed = True
        self.callbacks.stream_closed(stream)
        # Its unread bytes may have used up the connection's window for all others.
        self.flow.acknowledge_connection()

    def clear(self) -> None:
        """
        Drop every stream, and all that waits to be sent.
        """
        self.callbacks = Callbacks()
        self.open.clear()
        self.outbound.clear()
        self.flow.unread = 0

    # Sending.

    def send_headers(self, stream: Stream[C], block: bytes) -> None:
        """
        Send HEADERS that end nothing.
        """
        stream.headers_sent = True
        self.outbound.send_headers(stream.id, block)

    def flush(self, stream: Stream[C], max_frames: int = ALL_FRAMES) -> None:
        """
        Send what flow control lets through, and the end behind it.
        """
        if self.outbound.flush(stream, max_frames):
            self._sent_end(stream)

    def end(self, stream: Stream[C], trailers_block: bytes = b"") -> None:
        """
        End this side's half behind all that waits: with trailers, or with END_STREAM alone.
        """
        stream.trailers_block = trailers_block
        self.flush(stream)

    def _sent_end(self, stream: Stream[C]) -> None:
        stream.step(Step.SENT_END)
        if self.server or stream.state is State.CLOSED:
            # At a server the response is complete. The client may still be sending, but
            # nobody here listens.
            self.close(stream)

    def send_reset(self, stream_id: int, code: int) -> None:
        """
        Send RST_STREAM. What the peer had on its way is dropped as it comes.
        """
        self.outbound.out.append(frames.reset(stream_id, code))
        self.table.remember_reset(stream_id)

    def reset(self, stream: Stream[C], code: int) -> None:
        """
        Send RST_STREAM, and forget the stream.
        """
        self.forget(stream)
        self.send_reset(stream.id, code)

    def close(self, stream: Stream[C]) -> None:
        """
        Forget a stream whose response is complete; end what is still open of it.
        """
        if stream.state is not State.CLOSED:
            # Section 8.1: NO_ERROR says that the response is good all the same. A client
            # that did not wait for the end of its response cancels the stream.
            whole = self.server or stream.state is State.HALF_CLOSED_REMOTE
            self.send_reset(stream.id, ErrorCode.NO_ERROR if whole else ErrorCode.CANCEL)
        self._activity.finished += 1
        self.forget(stream)

    # Frames of streams.

    def on_headers(self, stream_id: int, headers: H | None, fault: str, *, ended: bool) -> None:
        """
        Act on a whole header block.

        Args:
            headers: what it means; None if it is malformed.
            fault: what is wrong with it; empty for nothing.
        """
        stream = self.find(stream_id)
        if stream is None:
            if self.server:
                self._on_request(stream_id, headers, fault, ended=ended)
            else:
                self.table.headers_on_closed(stream_id, ended=ended)
            return
        stream.step(Step.RECEIVED)
        if self.server or stream.headers_received:
            self._on_trailers(stream, headers, fault, ended=ended)
        else:
            self._on_response(stream, headers, fault, ended=ended)

    def _on_request(self, stream_id: int, headers: H | None, fault: str, *, ended: bool) -> None:
        if not self.table.is_new(stream_id, ended=ended):
            return
        self.table.begin(stream_id)
        if headers is None or headers.is_trailers or fault:
            raise StreamFault(
                stream_id,
                fault or "a request begins with pseudo-fields",
                ErrorCode.PROTOCOL_ERROR,
            )
        self.open_stream(stream_id, headers, ended=ended)

    def open_stream(self, stream_id: int, headers: H, *, ended: bool) -> None:
        """
        At a server: have the user begin a stream, if it is not one too many (section 5.1.2).
        """
        if len(self.open) >= self._limits.max_calls:
            self._abuse.control_frame(ControlFrame.OTHER)
            self.send_reset(stream_id, ErrorCode.REFUSED_STREAM)
            return
        self._activity.progress += 1
        stream = self._make(stream_id, State.OPEN, headers)
        stream.content_length = headers.content_length
        # The user knows nothing of it yet, should its length be wrong.
        stream.app_closed = True
        self._end_received(stream, ended=ended)
        stream.app_closed = False
        self.callbacks.stream_opened(stream, headers, ended=ended)

    def _end_received(self, stream: Stream[C], *, ended: bool) -> None:
        if ended:
            stream.count(0, ended=True)
            stream.step(Step.RECEIVED_END)

    def _on_response(
        self, stream: Stream[C], headers: H | None, fault: str, *, ended: bool
    ) -> None:
        if headers is None or fault:
            raise StreamFault(stream.id, fault, ErrorCode.PROTOCOL_ERROR)
        if headers.is_trailers or (headers.is_informational and ended):
            raise StreamFault(stream.id, "a response begins with :status", ErrorCode.PROTOCOL_ERROR)
        if headers.is_informational:
            # It does not count as progress: otherwise any number of them could come.
            self._abuse.control_frame(ControlFrame.OTHER)
            return
        self._activity.progress += 1
        stream.headers_received = True
        self._end_received(stream, ended=ended)
        stream.content_length = headers.content_length
        self.callbacks.headers_received(stream, headers, ended=ended)
        self._close_if_over(stream)

    def _on_trailers(
        self, stream: Stream[C], headers: H | None, fault: str, *, ended: bool
    ) -> None:
        if headers is None or not headers.is_trailers or fault or not ended:
            raise StreamFault(
                stream.id,
                fault or "behind a body come trailers: no pseudo-fields, and the end",
                ErrorCode.PROTOCOL_ERROR,
            )
        self._activity.progress += 1
        self._end_received(stream, ended=True)
        self.callbacks.headers_received(stream, headers, ended=True)
        self._close_if_over(stream)

    def _close_if_over(self, stream: Stream[C]) -> None:
        if stream.state is State.CLOSED and not stream.app_closed:
            self.close(stream)

    def on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        """
        Act on a DATA frame (section 6.1).
        """
        self.flow.receive(len(payload))
        data = frames.strip_padding(flags, payload)
        self.take_data(stream_id, len(payload), data, ended=bool(flags & END_STREAM))

    def take_data(self, stream_id: int, size: int, data: bytes, *, ended: bool) -> None:
        """
        Act on DATA that was counted against the connection's window; ``size`` is with padding.
        """
        stream = self.find(stream_id)
        if stream is None:
            self.table.data_on_closed(stream_id, size, ended=ended)
            return
        stream.step(Step.RECEIVED)
        if data:
            self._activity.progress += 1
        elif not ended:
            self._abuse.control_frame(ControlFrame.EMPTY_DATA)
        if not stream.receive_window.receive(size):
            raise StreamFault(
                stream_id, "more DATA than the window allows", ErrorCode.FLOW_CONTROL_ERROR
            )
        stream.count(len(data), ended=ended)
        if ended:
            stream.step(Step.RECEIVED_END)
        elif size > len(data):
            # Nobody takes padding, so nobody else would give it back.
            self.flow.acknowledge(stream_id, stream.receive_window, size - len(data))
        if not (self.server or stream.headers_received):
            raise StreamFault(
                stream_id, "DATA came before the response's HEADERS", ErrorCode.PROTOCOL_ERROR
            )
        self.callbacks.data_received(stream, data, ended=ended)
        self._close_if_over(stream)

    def on_reset(self, stream_id: int, code: int) -> None:
        """
        Act on a RST_STREAM frame (section 6.4).
        """
        entry = self.open.get(stream_id, self)
        if type(entry) is Arriving:
            entry = self.find(stream_id) or self
        if entry is self:
            self._abuse.control_frame(ControlFrame.OTHER)
            return
        answered = type(entry) is Stream and entry.headers_sent
        if self.server and not answered:
            # A stream that was answered in part ends so when the client has enough:
            # many are meant to end in no other way.
            self._abuse.stream_cancelled(stream_id)
        app_closed = type(entry) is Stream and entry.app_closed
        if type(entry) is Stream:
            self.forget(entry)
        else:
            del self.open[stream_id]
        self.callbacks.stream_reset(stream_id, code, app_closed=app_closed)

    def on_fault(self, fault: StreamFault) -> None:
        """
        Reset the stream on which the peer broke a rule.
        """
        stream_id = fault.stream_id
        if stream_id > self.table.newest or not stream_id & 1:
            # RST_STREAM on an idle stream would be our own fault (section 6.4).
            raise RemoteProtocolError(fault.reason, fault.code)
        self._abuse.stream_cancelled(stream_id)
        self.send_reset(stream_id, fault.code)
        stream = self.find(stream_id)
        if stream is not None:
            app_closed = stream.app_closed
            self.forget(stream)
            self.callbacks.stream_failed(fault, app_closed=app_closed)
