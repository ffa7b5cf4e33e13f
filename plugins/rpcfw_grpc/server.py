"""
The server's side: requests in. What goes out stands in `answers`.

The way of a unary call is short on purpose: if its head, its only message and the
end came together, `_whole` makes one event of them, and `respond` writes
three frames at once. Whatever is out of the ordinary takes the long way.

A request that is no call (wrong method, wrong content-type) is answered as HTTP
answers, after its body, or what of it is bearable, has come: a peer that still
sends often does not read.
"""

from __future__ import annotations

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.events import CallCancelled, HalfClosed, RequestReceived
from rpcfw.spi.machine import Limits
from rpcfw.status import Status
from rpcfw_grpc.framing import DATA_AND_PREFIX, DATA_AND_PREFIX_BYTES
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.abuse import Idle
from rpcfw_grpc.http2.flow_control import MOST_WINDOW_BYTES, Inbound
from rpcfw_grpc.http2.frames import FRAME_HEAD_BYTES, ErrorCode, StreamFault
from rpcfw_grpc.http2.hpack import BlockReader
from rpcfw_grpc.http2.settings import FRAME_BYTES, readable_header_bytes
from rpcfw_grpc.metadata import Malformed
from rpcfw_grpc.request_headers import PSEUDO, Opening, RequestReader
from rpcfw_grpc.server_send import Answers
from rpcfw_grpc.streams import State, Step, Stream

__all__ = ["ServerMachine"]

#: Where a frame says of which type it is.
_TYPE_AT = 3
#: What is read of a body that nobody wants before its request is refused.
_UNWANTED_BYTES = 16 << 10
_MOST_GAPS = 16


class ServerMachine(Answers):
    """
    One accepted connection.
    """

    def __init__(self, limits: Limits, accepts: tuple[str, ...]) -> None:
        super().__init__(limits, accepts)
        reader = RequestReader(limits, accepts)
        most_bytes = readable_header_bytes(limits)
        self._reader: BlockReader[Opening] = BlockReader(most_bytes, PSEUDO, reader)
        self._most_body = min(limits.max_receive_bytes, FRAME_BYTES - 5)
        # Ids that were passed over: a frame for one is another fault than a late one.
        self._gaps: list[range] = []

    # Reading calls.

    def _whole(self, data: bytes, start: int, stop: int, stream_id: int) -> int:
        """
        Take a request whose head is followed by its one message and the end.

        Returns:
            Where the next frame begins, or 0 if this is no such request.
        """
        at, increment = stop, 0
        if data[stop + _TYPE_AT] == frames.WINDOW_UPDATE:
            increment = self._granted(data, stop, stream_id)
            at += frames.WINDOW_UPDATE_BYTES
            if not increment or at + DATA_AND_PREFIX_BYTES > len(data):
                return 0
        high, low, kind, flags, same, flag, size = DATA_AND_PREFIX.unpack_from(data, at)
        length = high << 8 | low
        after: int = at + FRAME_HEAD_BYTES + length
        inbound = self._inbound
        if (
            flags != frames.END_STREAM
            or same != stream_id
            or stream_id != self._last_id + 2
            or kind
            or flag
            or size + 5 != length
            or after > len(data)
            or size > self._most_body
            or length > inbound.left
            or self._block is not None
            or self._closed
            or len(self._calls) >= self._limits.max_calls
        ):
            return 0
        block = data[start:stop]
        opening = self._reader.known.get(block) or self._open(stream_id, block)
        if opening is None:
            return stop
        self._last_id = stream_id
        entry = opening.granted(increment) if increment else opening
        if entry is None or not opening.plain:
            self._begin(stream_id, opening, ended=False)
            return stop
        self._progress += 1
        self._calls[stream_id] = entry
        body = data[at + DATA_AND_PREFIX_BYTES : after]
        self._events.append(RequestReceived(stream_id, opening.head, body, "", True))
        inbound.left -= length
        inbound.owed += length
        if inbound.owed * 2 >= inbound.size:
            self._return_connection()
        return after

    def _granted(self, data: bytes, at: int, stream_id: int) -> int:
        """
        Return what the WINDOW_UPDATE frame at ``at`` adds to a new stream.

        0 if it is not of this stream, or not as it should be.
        """
        high, low, _, _, same, increment = frames.WINDOW_UPDATE_FRAME.unpack_from(data, at)
        if high or low != 4 or same != stream_id:
            return 0
        fits = increment <= MOST_WINDOW_BYTES - self._peer.window_bytes
        return increment if fits else 0

    def _open(self, stream_id: int, block: bytes) -> Opening | None:
        """
        Read the block of a new call; None if it was no good, which is then settled.
        """
        try:
            opening = self._reader.read(block)
            if not opening.trailers:
                return opening
            text = "a request begins with pseudo-fields"
        except Malformed as error:
            text = str(error)
        self._last_id = stream_id
        self._on_fault(StreamFault(stream_id, text, ErrorCode.PROTOCOL_ERROR))
        return None

    def _on_block(self, flags: int, stream_id: int, block: bytes, fault: str) -> None:
        opening: Opening | None = None
        try:
            opening = self._reader.read(block)
        except Malformed as error:
            fault = fault or str(error)
        ended = bool(flags & frames.END_STREAM)
        stream = self._stream(stream_id)
        if stream is not None:
            self._trailers(stream, opening, fault, ended=ended)
            return
        if not self._reach(stream_id, ended=ended):
            return
        if opening is None or opening.trailers or fault:
            raise StreamFault(
                stream_id,
                fault or "a request begins with pseudo-fields",
                ErrorCode.PROTOCOL_ERROR,
            )
        self._begin(stream_id, opening, ended=ended)

    def _trailers(
        self, stream: Stream, opening: Opening | None, fault: str, *, ended: bool
    ) -> None:
        stream.step(Step.RECEIVED)
        if opening is None or not opening.trailers or fault or not ended:
            raise StreamFault(
                stream.id,
                fault or "behind a body come trailers: no pseudo-fields, and the end",
                ErrorCode.PROTOCOL_ERROR,
            )
        stream.count(0, ended=True)
        stream.step(Step.RECEIVED_END)
        if stream.done:
            self._on_unwanted(stream, 0, ended=True)
        else:
            self._on_end(stream)

    def _reach(self, stream_id: int, *, ended: bool) -> bool:
        """
        Judge the number of a stream that is not open. Returns whether it is new.
        """
        if not stream_id & 1:
            raise RemoteProtocolError(
                f"a client's streams have odd numbers; {stream_id} came",
                ErrorCode.PROTOCOL_ERROR,
            )
        if stream_id <= self._last_id:
            if stream_id in self._reset:
                self._late(stream_id, "HEADERS", self._late_head, ended=ended)
                return False
            skipped = any(stream_id in gap for gap in self._gaps)
            raise RemoteProtocolError(
                f"HEADERS on stream {stream_id}, after stream {self._last_id}",
                ErrorCode.PROTOCOL_ERROR if skipped else ErrorCode.STREAM_CLOSED,
            )
        if self._closed:
            # The peer did not know yet that we go. Our last word tells it that
            # this call was not begun.
            self._ignore(stream_id)
            return False
        if stream_id > self._last_id + 2 and len(self._gaps) < _MOST_GAPS:
            self._gaps.append(range(self._last_id + 1, stream_id))
        self._last_id = stream_id
        return True

    def _begin(self, stream_id: int, opening: Opening, *, ended: bool) -> None:
        if len(self._calls) >= self._limits.max_calls:
            self._guards.idle(Idle.OTHER, self._progress)
            self._send_reset(stream_id, ErrorCode.REFUSED_STREAM)
            return
        self._progress += 1
        stream = self._grow(stream_id, opening, State.OPEN)
        self._calls[stream_id] = stream
        # The application knows nothing of it yet.
        stream.done = True
        stream.count(0, ended=ended)
        if ended:
            stream.step(Step.RECEIVED_END)
        stream.refusal = opening.refusal
        if opening.refusal is not None:
            if ended or not opening.refusal.http:
                self._refuse(stream)
            return
        stream.done = False
        stream.turn = self._turn
        stream.began = RequestReceived(stream_id, opening.head, None, "", ended)
        self._events.append(stream.began)

    def _grow(self, stream_id: int, entry: Opening, state: State = State.REMOTE_ENDED) -> Stream:
        inbound = Inbound(self._limits.stream_window_bytes)
        most = self._limits.max_receive_bytes
        stream = Stream(stream_id, state, inbound, entry.extra, most)
        stream.reply = entry.reply
        stream.encoding = entry.encoding
        stream.length = entry.length
        return stream

    # What happens to calls.

    def _on_end(self, stream: Stream) -> None:
        if stream.reader.partial:
            self._give_up(stream, Status.INTERNAL, "the request ended within a message")
            return
        began = stream.began
        if stream.turn != self._turn or stream.messages > 1 or type(began) is not RequestReceived:
            self._events.append(HalfClosed(stream.id))
            return
        message = self._take_back(stream)
        began.ended = True
        if message is not None:
            began.body, began.encoding = message.body, message.encoding

    def _on_unwanted(self, stream: Stream, size: int, ended: bool) -> None:
        stream.dropped += size
        if ended or stream.dropped > _UNWANTED_BYTES:
            self._refuse(stream)

    def _on_reset(self, stream_id: int, code: int) -> None:
        entry = self._calls.get(stream_id)
        if entry is None:
            self._guards.idle(Idle.OTHER, self._progress)
            return
        if type(entry) is Stream:
            # A stream that was answered in part ends so when its caller has enough:
            # many are meant to end in no other way.
            if entry.announced is None:
                self._guards.cancelled(stream_id, self._finished)
            self._forget(entry)
        else:
            self._guards.cancelled(stream_id, self._finished)
            del self._calls[stream_id]
        self._events.append(
            CallCancelled(stream_id, f"the caller reset it: {frames.code_name(code)}")
        )

    def _on_fault(self, fault: StreamFault) -> None:
        stream_id = fault.stream_id
        if stream_id > self._last_id:
            raise RemoteProtocolError(fault.reason, fault.code)
        self._guards.cancelled(stream_id, self._finished)
        self._send_reset(stream_id, fault.code)
        stream = self._stream(stream_id)
        if stream is not None:
            announced = not stream.done
            self._forget(stream)
            if announced:
                self._events.append(CallCancelled(stream_id, fault.reason))

    def _check_reached(self, stream_id: int, what: str) -> None:
        if (stream_id > self._last_id and stream_id not in self._reset) or not stream_id & 1:
            raise RemoteProtocolError(
                f"{what} on stream {stream_id}, which was not begun", ErrorCode.PROTOCOL_ERROR
            )
