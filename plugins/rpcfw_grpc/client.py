"""
The client's side: calls out, answers in.

The way of a unary call is short on purpose: `call` writes its head and its only
message at once, and if the answer's head, message and trailers come together,
`_whole` makes one event of them. All else takes the long way.
"""

from __future__ import annotations

from rpcfw.errors import RemoteProtocolError
from rpcfw.spi.events import CallEnded, HandshakeCompleted, ResponseReceived, ResponseStarted
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY
from rpcfw_grpc.client_send import Calling
from rpcfw_grpc.framing import DATA_AND_PREFIX, DATA_AND_PREFIX_BYTES
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.abuse import Idle
from rpcfw_grpc.http2.frames import FRAME_HEAD, FRAME_HEAD_BYTES, ErrorCode, StreamFault
from rpcfw_grpc.metadata import Malformed
from rpcfw_grpc.response_headers import Answer
from rpcfw_grpc.status import from_reset, reset_text
from rpcfw_grpc.streams import Step, Stream

__all__ = ["ClientMachine"]

_ENDED_HEADERS = frames.END_HEADERS | frames.END_STREAM


class ClientMachine(Calling):
    """
    One connection that this side opened.
    """

    # Reading answers.

    def _whole(self, data: bytes, start: int, stop: int, stream_id: int) -> int:
        """
        Take an answer whose head is followed by its one message and good trailers.

        Returns:
            Where the next frame begins, or 0 if this is no such answer.
        """
        high, low, kind, flags, same, flag, size = DATA_AND_PREFIX.unpack_from(data, stop)
        length = high << 8 | low
        middle = stop + FRAME_HEAD_BYTES + length
        inbound = self._inbound
        if (
            kind
            or flags
            or flag
            or same != stream_id
            or size + 5 != length
            or middle + FRAME_HEAD_BYTES > len(data)
            or size > self._most_body
            or length > inbound.left
            or self._calls.get(stream_id, self) is not None
            or self._block is not None
        ):
            return 0
        high, low, kind, flags, same = FRAME_HEAD.unpack_from(data, middle)
        after: int = middle + FRAME_HEAD_BYTES + (high << 8 | low)
        if kind != frames.HEADERS or flags != _ENDED_HEADERS or same != stream_id:
            return 0
        known = self._reader.known
        opening = known.get(data[start:stop])
        ending = known.get(data[middle + FRAME_HEAD_BYTES : after])
        if opening is None or ending is None or not (opening.opens and ending.ends_well):
            return 0
        if opening.accepts is not None and not self._told:
            return 0
        del self._calls[stream_id]
        self._progress += 1
        body = data[stop + DATA_AND_PREFIX_BYTES : middle]
        self._events.append(
            ResponseReceived(stream_id, body, "", opening.metadata, ending.metadata)
        )
        inbound.left -= length
        inbound.owed += length
        if inbound.owed * 2 >= inbound.size:
            self._return_connection()
        return after

    def _on_block(self, flags: int, stream_id: int, block: bytes, fault: str) -> None:
        answer: Answer | None = None
        try:
            answer = self._reader.read(block)
        except Malformed as error:
            fault = fault or str(error)
        stream = self._stream(stream_id)
        if stream is None:
            ended = bool(flags & frames.END_STREAM)
            self._late(stream_id, "HEADERS", self._late_head, ended=ended)
            return
        stream.step(Step.RECEIVED)
        self._progress += 1
        if answer is None or fault:
            raise StreamFault(stream_id, fault, ErrorCode.PROTOCOL_ERROR)
        ended = bool(flags & frames.END_STREAM)
        if ended:
            stream.count(0, ended=True)
            stream.step(Step.RECEIVED_END)
        if stream.answer is not None:
            self._trailers(stream, answer, ended=ended)
        else:
            self._head(stream, answer, ended=ended)

    def _head(self, stream: Stream, answer: Answer, *, ended: bool) -> None:
        if not answer.http or (answer.http < 200 and ended):
            raise StreamFault(stream.id, "an answer begins with :status", ErrorCode.PROTOCOL_ERROR)
        if answer.http < 200:
            self._guards.idle(Idle.OTHER, self._progress)
            return
        if answer.accepts is not None and not self._told:
            self._told = True
            self._events.append(HandshakeCompleted(answer.accepts))
        if answer.fault:
            self._give_up(stream, answer.status or Status.UNKNOWN, answer.fault)
        elif ended:
            self._end_call(stream, answer)
        elif stream.done:
            self._drop(stream)
        else:
            stream.answer = answer
            stream.encoding = answer.encoding
            stream.length = answer.length
            stream.turn = self._turn
            stream.began = ResponseStarted(stream.id, answer.metadata)
            stream.began_at = len(self._events)
            self._events.append(stream.began)

    def _trailers(self, stream: Stream, answer: Answer, *, ended: bool) -> None:
        if answer.http or not ended:
            raise StreamFault(
                stream.id,
                "behind an answer's head come messages and trailers, and the end",
                ErrorCode.PROTOCOL_ERROR,
            )
        self._end_call(stream, answer)

    def _end_call(self, stream: Stream, answer: Answer) -> None:
        if answer.fault:
            self._give_up(stream, answer.status or Status.UNKNOWN, answer.fault)
            return
        if answer.status is None:
            self._give_up(stream, Status.UNKNOWN, "the server ended without a grpc-status")
            return
        if answer.status is Status.OK and stream.reader.partial:
            self._give_up(stream, Status.INTERNAL, "the answer ended within a message")
            return
        if self._fold(stream, answer):
            return
        self._end_stream(
            stream,
            CallEnded(
                stream.id,
                answer.status,
                answer.message,
                answer.details,
                EMPTY if stream.answer is None else stream.answer.metadata,
                answer.metadata,
                answer.hints,
                answer.retry_after_s,
            ),
        )

    def _fold(self, stream: Stream, answer: Answer) -> bool:
        """
        Make one event of an answer that began and ended in this turn.
        """
        head = stream.answer
        whole = answer.status is Status.OK and stream.messages == 1 and head is not None
        if not whole or stream.turn != self._turn or stream.began is None or head is None:
            return False
        message = self._take_back(stream)
        self._withdraw(stream.began_at)
        if message is not None:
            self._end_stream(
                stream,
                ResponseReceived(
                    stream.id, message.body, message.encoding, head.metadata, answer.metadata
                ),
            )
        return True

    # What happens to calls.

    def _read_messages(self, stream: Stream, body: bytes) -> bool:
        if stream.answer is None:
            raise StreamFault(
                stream.id, "DATA came before the answer's head", ErrorCode.PROTOCOL_ERROR
            )
        return super()._read_messages(stream, body)

    def _on_end(self, stream: Stream) -> None:
        self._give_up(stream, Status.UNKNOWN, "the server ended without trailers")

    def _on_unwanted(self, stream: Stream, size: int, ended: bool) -> None:
        self._drop(stream)

    def _on_reset(self, stream_id: int, code: int) -> None:
        stream = self._stream(stream_id)
        if stream is None:
            self._guards.idle(Idle.OTHER, self._progress)
            return
        refused = code == ErrorCode.REFUSED_STREAM
        if not stream.done:
            self._events.append(
                CallEnded(
                    stream_id,
                    from_reset(code),
                    reset_text(code),
                    hints=Hint.NOT_BEGUN if refused else Hint.NONE,
                )
            )
        self._forget(stream)
        if refused:
            self._refused()

    def _on_fault(self, fault: StreamFault) -> None:
        stream_id = fault.stream_id
        self._guards.cancelled(stream_id, self._finished)
        self._send_reset(stream_id, fault.code)
        stream = self._stream(stream_id)
        if stream is not None:
            if not stream.done:
                self._events.append(CallEnded(stream_id, Status.INTERNAL, fault.reason))
            self._forget(stream)

    def _check_reached(self, stream_id: int, what: str) -> None:
        if stream_id > self._last_id or not stream_id & 1:
            raise RemoteProtocolError(
                f"{what} on stream {stream_id}, which was not begun", ErrorCode.PROTOCOL_ERROR
            )

    def _on_goaway(self, last_id: int) -> tuple[int, ...]:
        self._closed = True
        refused = []
        for stream_id in [key for key in self._calls if key > last_id]:
            stream = self._stream(stream_id)
            if stream is not None:
                if not stream.done:
                    refused.append(stream_id)
                self._forget(stream)
        return tuple(sorted(refused))
