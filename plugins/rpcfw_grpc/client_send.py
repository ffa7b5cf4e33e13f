"""
What a client says: calls, their messages, and that they are given up.
"""

from __future__ import annotations

from rpcfw.errors import ConnectionLost, LocalProtocolError, Overloaded
from rpcfw.spi.events import CallEnded, Event, GoAwayReceived, RequestHead, ResponseReceived
from rpcfw.spi.machine import ClientSide, Limits
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY
from rpcfw_grpc.framing import DATA_AND_PREFIX
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.flow_control import Inbound
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.http2.hpack import BlockReader
from rpcfw_grpc.http2.settings import FRAME_BYTES, UNLIMITED, readable_header_bytes
from rpcfw_grpc.receive_half import GRPCMachine
from rpcfw_grpc.request_encoder import RequestWriter
from rpcfw_grpc.response_headers import PSEUDO, Answer, ResponseReader
from rpcfw_grpc.streams import State, Step, Stream

__all__ = ["Calling"]

#: Calls at once before the server has said how many it takes.
_FIRST_CALLS = 100
#: Streams left when a connection is given up for another: calls that begin meanwhile.
_SPARE_STREAMS = 1 << 20
#: Frames of calls that must come before a server that refused one is trusted again.
_STEPS_AFTER_REFUSAL = 100


class Calling(ClientSide, GRPCMachine[None]):
    """
    The sending half of the client's side.
    """

    def __init__(
        self,
        limits: Limits,
        accepts: tuple[str, ...],
        authority: str,
        scheme: str,
        caller: str = "",
    ) -> None:
        super().__init__(limits, server=False)
        reader = ResponseReader(limits.max_header_bytes, accepts)
        self._reader: BlockReader[Answer] = BlockReader(
            readable_header_bytes(limits), PSEUDO, reader
        )
        self._writer = RequestWriter(authority, scheme, accepts, caller)
        self._most_body = min(limits.max_receive_bytes, FRAME_BYTES - 5)
        # Calls at once: as many as the server says it takes, and as it took lately.
        self._granted_calls = min(_FIRST_CALLS, limits.max_calls)
        self._most_calls = self._granted_calls
        self._refused_at = 0
        self._last_id = -1
        self._closed = False
        # Whether the server's compressions were reported.
        self._told = False
        self._used_up = False

    def call(self, head: RequestHead, body: bytes | None, encoding: str, ended: bool) -> int:
        call_id = self._last_id + 2
        self._check_open(call_id)
        if body is not None:
            self._check_sendable(len(body))
        peer = self._peer
        block = self._writer.block(head, encoding, peer.header_list_bytes)
        self._last_id = call_id
        size = 0 if body is None else len(body)
        length = size + 5
        if (
            body is not None
            and ended
            and not head.one_way
            and length <= self._room
            and length <= peer.window_bytes
            and length <= peer.frame_bytes
            and len(block) <= peer.frame_bytes
        ):
            self._room -= length
            self._calls[call_id] = None
            self._out += (
                frames.pack(frames.HEADERS, frames.END_HEADERS, call_id, block),
                DATA_AND_PREFIX.pack(
                    length >> 8,
                    length & 0xFF,
                    frames.DATA,
                    frames.END_STREAM,
                    call_id,
                    1 if encoding else 0,
                    size,
                ),
                body,
            )
            return call_id
        self._call_slowly(call_id, block, body, encoding, ended=ended, done=head.one_way)
        return call_id

    def receive(self, data: bytes) -> list[Event]:
        events = super().receive(data)
        if self._last_id > frames.MAX_STREAM_ID - 2 * _SPARE_STREAMS and not self._used_up:
            self._used_up = True
            events.append(GoAwayReceived("the connection's stream numbers are nearly used up"))
        return events

    def _check_open(self, call_id: int) -> None:
        hints = Hint.NEVER_SENT | Hint.NOT_BEGUN
        if self._closed or self._over:
            raise ConnectionLost("the connection is closed to new calls", hints=hints)
        if call_id > frames.MAX_STREAM_ID:
            text = "no more calls can be made on this connection"
        elif len(self._calls) >= self._most_calls and not self._takes_more():
            text = f"the server takes {self._most_calls} calls at once on one connection"
        else:
            return
        raise Overloaded(text, hints=hints)

    def _refused(self) -> None:
        """
        Take fewer calls for a while: the server has refused one.

        It may not have counted off yet what was answered, and so see more calls than
        there are; or it takes fewer than it said.
        """
        self._most_calls = max(1, min(self._most_calls, len(self._calls)))
        self._refused_at = self._progress

    def _takes_more(self) -> bool:
        if self._progress - self._refused_at < _STEPS_AFTER_REFUSAL:
            return False
        self._most_calls = self._granted_calls
        return len(self._calls) < self._most_calls

    def _call_slowly(
        self,
        call_id: int,
        block: bytes,
        body: bytes | None,
        encoding: str,
        *,
        ended: bool,
        done: bool,
    ) -> None:
        stream = self._grow(call_id, None, State.OPEN)
        self._calls[call_id] = stream
        stream.announced = encoding
        stream.done = done
        self._out.append(self._block_frames(call_id, block, 0))
        if body is not None:
            self._queue(stream, body, encoding)
        if ended:
            stream.tail = b""
        self._pump(stream)

    def _grow(self, stream_id: int, entry: None, state: State = State.LOCAL_ENDED) -> Stream:
        inbound = Inbound(self._limits.stream_window_bytes)
        return Stream(stream_id, state, inbound, 0, self._limits.max_receive_bytes)

    def end(self, call_id: int) -> None:
        stream = self._own(call_id)
        if stream is not None and stream.tail is None:
            stream.tail = b""
            self._pump(stream)

    def leave(self, reason: str) -> None:
        if not self._over:
            self._out.append(frames.goaway(0, ErrorCode.NO_ERROR, reason))

    def _check_encoding(self, stream: Stream, encoding: str) -> None:
        if encoding and encoding != stream.announced:
            raise LocalProtocolError(
                f"call {stream.id} announced the compression {stream.announced or 'none'!r}; "
                f"its messages cannot have {encoding!r}"
            )

    # Ends.

    def _ended_sending(self, stream: Stream) -> None:
        stream.step(Step.SENT_END)

    def _end_stream(self, stream: Stream, event: CallEnded | ResponseReceived) -> None:
        """
        Report the end of a call, and see that the server takes it as ended, too.
        """
        if stream.state is not State.CLOSED:
            well = stream.state is State.REMOTE_ENDED
            self._send_reset(stream.id, ErrorCode.NO_ERROR if well else ErrorCode.CANCEL)
        if not stream.done:
            self._events.append(event)
        self._finished += 1
        self._forget(stream)

    def _give_up(self, stream: Stream, status: Status, text: str) -> None:
        head = stream.answer
        metadata = EMPTY if head is None else head.metadata
        self._end_stream(stream, CallEnded(stream.id, status, text, metadata=metadata))

    def _drop(self, stream: Stream) -> None:
        """
        Let go of a call whose answer nobody waits for.
        """
        self._send_reset(stream.id, ErrorCode.NO_ERROR)
        self._forget(stream)

    def _on_settings_changed(self, window_change: int) -> None:
        peer = self._peer
        most = self._limits.max_calls
        self._granted_calls = most if peer.streams == UNLIMITED else min(most, peer.streams)
        self._most_calls = self._granted_calls
        self._writer.resize(peer.table_bytes)
        super()._on_settings_changed(window_change)
