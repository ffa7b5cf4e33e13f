"""
What a server says: answers, refusals, and the end of a call.
"""

from __future__ import annotations

from typing import ClassVar

from rpcfw.errors import LocalProtocolError
from rpcfw.spi.events import CallCancelled, PingReceived
from rpcfw.spi.machine import Limits, ServerSide
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.http2.settings import TABLE_BYTES
from rpcfw_grpc.receive_half import GRPCMachine
from rpcfw_grpc.request_headers import Opening
from rpcfw_grpc.response_encoder import Reply, ok_trailers, refusal_head, reply_for, trailers_block
from rpcfw_grpc.streams import State, Step, Stream

__all__ = ["Answers"]

#: "My table has no size": what a peer must be told that wants a smaller table. Our
#: blocks use none, so that is the end of it.
_NO_TABLE = b"\x20"


class Answers(ServerSide, GRPCMachine[Opening]):
    """
    The sending half of the server's side.
    """

    accepts_during_drain: ClassVar[bool] = True
    #: "Error parsing request proto" in gRPC's statuscodes.md.
    unreadable_status: ClassVar[Status] = Status.INTERNAL

    def __init__(self, limits: Limits, accepts: tuple[str, ...]) -> None:
        super().__init__(limits, server=True)
        self._plain = reply_for(b"application/grpc", accepts)
        # What the next block must begin with: it goes the long way.
        self._table_note = b""
        # The ping that parts the two words of farewell, and whether both are said.
        self._farewell = 0
        self._closed = False
        self._reason = ""
        self._started = False
        # What had been said of calls when the peer pinged last.
        self._said_at_ping = 0

    # The fast path.

    def respond(
        self,
        call_id: int,
        body: bytes,
        encoding: str = "",
        metadata: Metadata = EMPTY,
        trailers: Metadata = EMPTY,
    ) -> None:
        opening = self._calls.get(call_id)
        length = len(body) + 5
        peer = self._peer
        if (
            type(opening) is Opening
            and not self._table_note
            and metadata is EMPTY
            and trailers is EMPTY
            and not encoding
            and length <= self._room
            and length <= peer.window_bytes
            and length <= peer.frame_bytes
            and length <= self._limits.max_send_bytes
        ):
            del self._calls[call_id]
            self._room -= length
            self._finished += 1
            self._out += (opening.reply.whole(call_id, length - 5), body, ok_trailers(call_id))
            return
        self._check_sendable(len(body))
        stream = self._own(call_id)
        if stream is None:
            return
        self._head(stream, metadata, encoding)
        self._queue(stream, body, encoding)
        self._end(stream, trailers_block(peer=peer.header_list_bytes, trailers=trailers))

    # The long way.

    def start_response(self, call_id: int, metadata: Metadata, encoding: str = "") -> None:
        """
        Send the head.

        Args:
            encoding: compression that messages of this answer may have. gRPC says
                it in the head, so it cannot be chosen later.
        """
        stream = self._own(call_id)
        if stream is not None:
            self._head(stream, metadata, encoding)

    def finish(
        self,
        call_id: int,
        status: Status,
        message: str = "",
        details: bytes = b"",
        trailers: Metadata = EMPTY,
        hints: Hint = Hint.NONE,
        retry_after_s: float | None = None,
    ) -> None:
        stream = self._own(call_id)
        if stream is None:
            return
        self._end(
            stream,
            trailers_block(
                self._before(stream),
                status,
                message,
                details,
                trailers,
                hints,
                retry_after_s,
                peer=self._peer.header_list_bytes,
            ),
        )

    def _head(self, stream: Stream, metadata: Metadata, encoding: str) -> None:
        if stream.announced is not None:
            raise LocalProtocolError(f"call {stream.id} already has its head")
        stream.announced = encoding
        peer = self._peer.header_list_bytes
        self._write_head(stream.id, self._reply(stream).head(metadata, encoding, peer))

    def _write_head(self, stream_id: int, block: bytes) -> None:
        self._frames_sent += 1
        self._out.append(self._block_frames(stream_id, block, 0))

    def _block_frames(self, stream_id: int, block: bytes, flags: int) -> bytes:
        if self._table_note:
            block, self._table_note = self._table_note + block, b""
        return frames.headers(stream_id, block, flags, self._peer.frame_bytes)

    def _reply(self, stream: Stream) -> Reply:
        return stream.reply or self._plain

    def _before(self, stream: Stream) -> list[tuple[bytes, bytes]]:
        """
        Return what the trailers must say because no head has said it.
        """
        if stream.announced is not None:
            return []
        stream.announced = ""
        return self._reply(stream).fields

    def _check_encoding(self, stream: Stream, encoding: str) -> None:
        if stream.announced is None:
            self._head(stream, EMPTY, encoding)
        elif encoding and encoding != stream.announced:
            raise LocalProtocolError(
                f"call {stream.id} announced the compression {stream.announced or 'none'!r}; "
                f"its messages cannot have {encoding!r}"
            )

    # Ends.

    def _end(self, stream: Stream, tail: bytes) -> None:
        stream.done = True
        if stream.held:
            self._release(stream)  # nobody will read it, and the answer may wait for long
        stream.tail = tail
        self._pump(stream)

    def _ended_sending(self, stream: Stream) -> None:
        stream.step(Step.SENT_END)
        if stream.state is State.LOCAL_ENDED:
            # The caller may still be sending; nobody here listens.
            self._send_reset(stream.id, ErrorCode.NO_ERROR)
        self._finished += 1
        self._forget(stream)

    def _give_up(self, stream: Stream, status: Status, text: str) -> None:
        if not stream.done:
            self._events.append(CallCancelled(stream.id, text))
        self._drop_outgoing(stream)
        peer = self._peer.header_list_bytes
        tail = trailers_block(self._before(stream), status, text, peer=peer)
        self._end(stream, tail)

    def _refuse(self, stream: Stream) -> None:
        """
        Answer what is no call.
        """
        refusal = stream.refusal
        if refusal is None or stream.tail is not None:
            return
        if not refusal.http:
            self._give_up(stream, refusal.status, refusal.text)
            return
        text = refusal.text.encode()
        self._write_head(stream.id, refusal_head(refusal.http, len(text)))
        stream.outgoing.add_raw(text)
        self.unsent_bytes += len(text)
        self._end(stream, b"")

    def _on_settings_changed(self, window_change: int) -> None:
        if self._peer.table_bytes < TABLE_BYTES:
            self._table_note = _NO_TABLE
        super()._on_settings_changed(window_change)

    # Leaving.

    def start(self) -> None:
        super().start()
        self._started = True
        if self._reason:
            self.leave(self._reason)

    def leave(self, reason: str) -> None:
        self._reason = self._reason or reason
        if self._farewell or self._over or not self._started:
            return
        # The first word names no last call: some are on their way. Once the ping is
        # back, all that were sent before the peer heard of it are here.
        self._out.append(frames.goaway(frames.MAX_STREAM_ID, ErrorCode.NO_ERROR, reason))
        self.ping()
        self._farewell = self._pings

    def _on_ping(self) -> None:
        said = self._finished + self._frames_sent
        self._events.append(PingReceived(said != self._said_at_ping))
        self._said_at_ping = said

    def _on_pong(self, number: int) -> None:
        if number == self._farewell and not self._closed:
            self._closed = True
            self._out.append(frames.goaway(self._last_id, ErrorCode.NO_ERROR, self._reason))

    def _on_goaway(self, last_id: int) -> tuple[int, ...]:
        return ()
