"""
What a server sends: responses, refusals, and the end of a call.
"""

from __future__ import annotations

from rpcfw.errors import LocalProtocolError
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_grpc.calls import ServerCall
from rpcfw_grpc.http2.connection import Connection
from rpcfw_grpc.http2.header_list import Fields
from rpcfw_grpc.http2.stream import Stream
from rpcfw_grpc.message_assembler import MessageAssembler
from rpcfw_grpc.message_sender import MessageSender
from rpcfw_grpc.request_headers import Refusal, RequestHeaders
from rpcfw_grpc.response_encoder import refusal_block, trailers_block

__all__ = ["ServerSender"]

_Stream = Stream[ServerCall]


class ServerSender:
    """
    The responses of one connection.

    Args:
        connection: where they go.
        messages: what sends their messages.
        assembler: what counts the messages that came.
    """

    __slots__ = ("_assembler", "_messages", "_outbound", "_peer", "_streams")

    def __init__(
        self,
        connection: Connection[RequestHeaders, ServerCall],
        messages: MessageSender,
        assembler: MessageAssembler,
    ) -> None:
        self._peer = connection.peer
        self._streams = connection.streams
        self._outbound = connection.streams.outbound
        self._messages = messages
        self._assembler = assembler

    def respond(
        self, stream: _Stream, body: bytes, encoding: str, metadata: Metadata, trailers: Metadata
    ) -> None:
        """
        Send HEADERS, one message and trailers, as flow control lets them.
        """
        self.send_headers(stream, metadata, encoding)
        self._messages.queue(stream, body, 1 if encoding else 0)
        self._end(stream, trailers_block(max_bytes=self._peer.header_list_bytes, trailers=trailers))

    def send_headers(self, stream: _Stream, metadata: Metadata, encoding: str) -> None:
        """
        Send the HEADERS of a response.

        Args:
            encoding: compression that its messages may have. gRPC names it in the
                HEADERS, so it cannot be chosen later.
        """
        call = stream.call
        if call.sent_encoding is not None:
            raise LocalProtocolError(f"the HEADERS of call {stream.id} were sent already")
        call.sent_encoding = encoding
        max_bytes = self._peer.header_list_bytes
        self._streams.send_headers(
            stream, call.headers.template.block(metadata, encoding, max_bytes)
        )

    def check_encoding(self, stream: _Stream, encoding: str) -> None:
        """
        Refuse a compression that the HEADERS have not named; send them if they are due.
        """
        sent = stream.call.sent_encoding
        if sent is None:
            self.send_headers(stream, EMPTY, encoding)
        elif encoding and encoding != sent:
            raise LocalProtocolError(
                f"the HEADERS of call {stream.id} name the compression {sent or 'none'!r}; "
                f"its messages cannot have {encoding!r}"
            )

    def finish(
        self,
        stream: _Stream,
        status: Status,
        message: str = "",
        details: bytes = b"",
        trailers: Metadata = EMPTY,
        hints: Hint = Hint.NONE,
        retry_after_s: float | None = None,
    ) -> None:
        """
        Send the trailers with a status, or all in one if there were no HEADERS.
        """
        self._end(
            stream,
            trailers_block(
                self._unsent_fields(stream.call),
                status,
                message,
                details,
                trailers,
                hints,
                retry_after_s,
                max_bytes=self._peer.header_list_bytes,
            ),
        )

    def _unsent_fields(self, call: ServerCall) -> Fields:
        """
        Return the fields that the trailers must have because no HEADERS had them ("Trailers-Only").
        """
        if call.sent_encoding is not None:
            return []
        call.sent_encoding = ""
        return call.headers.template.fields

    def _end(self, stream: _Stream, block: bytes) -> None:
        stream.app_closed = True
        # Nobody will read what came, and the response may wait for long.
        self._assembler.forget(stream.call)
        self._streams.end(stream, block)

    def abort(self, stream: _Stream, status: Status, text: str, hints: Hint = Hint.NONE) -> None:
        """
        End a call that cannot go on; what waits to be sent is dropped.
        """
        self._outbound.drop(stream)
        self.finish(stream, status, text, hints=hints)

    def refuse(self, stream: _Stream, refusal: Refusal) -> None:
        """
        Answer what is no call.
        """
        if stream.trailers_block is not None:
            return
        if not refusal.http:
            self.abort(stream, refusal.status, refusal.text, refusal.hints)
            return
        text = refusal.text.encode()
        # Not as the HEADERS of a response: a client that resets a stream whose response has
        # begun does nothing suspicious, and one that resets a refused request may.
        self._outbound.send_headers(stream.id, refusal_block(refusal.http, len(text)))
        self._outbound.queue(stream, text)
        self._end(stream, b"")
