"""
What a client sends: requests that are not whole in one step, and their messages.
"""

from __future__ import annotations

from rpcfw.errors import ConnectionLost, LocalProtocolError, Overloaded
from rpcfw.status import Hint
from rpcfw_grpc.calls import ClientCall
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.connection import Connection
from rpcfw_grpc.http2.stream import Stream
from rpcfw_grpc.http2.stream_limit import StreamLimit
from rpcfw_grpc.message_sender import MessageSender
from rpcfw_grpc.response_headers import ResponseHeaders

__all__ = ["ClientSender"]

_Stream = Stream[ClientCall]

_HINTS = Hint.NEVER_SENT | Hint.NOT_BEGUN


class ClientSender:
    """
    The requests of one connection.

    Args:
        connection: where they go.
        messages: what sends their messages.
        limit: how many may be open at once.
    """

    __slots__ = ("_limit", "_messages", "_streams")

    def __init__(
        self,
        connection: Connection[ResponseHeaders, ClientCall],
        messages: MessageSender,
        limit: StreamLimit,
    ) -> None:
        self._streams = connection.streams
        self._messages = messages
        self._limit = limit

    def check_open(self, call_id: int) -> None:
        """
        Refuse a call that this connection has no stream for.

        Raises:
            ConnectionLost: the connection takes no more.
            Overloaded: it has as many as it takes for now.
        """
        streams = self._streams
        if not streams.table.accepts:
            raise ConnectionLost("the connection is closed to new calls", hints=_HINTS)
        if call_id > frames.MAX_STREAM_ID:
            text = "no more calls can be made on this connection"
        elif not self._limit.allows(len(streams.open)):
            text = f"the server takes {self._limit.current} calls at once on one connection"
        else:
            return
        raise Overloaded(text, hints=_HINTS)

    def begin(
        self, block: bytes, body: bytes | None, encoding: str, *, ended: bool, one_way: bool
    ) -> int:
        """
        Begin a call as a stream.

        Args:
            block: the header block of its request.
            body: its first message, if there is one already.
            encoding: compression of its messages.
            ended: no more messages will be sent.
            one_way: the application does not wait for the response.
        """
        stream = self._streams.begin()
        stream.call.sent_encoding = encoding
        stream.app_closed = one_way
        self._streams.send_headers(stream, block)
        if body is not None:
            self._messages.queue(stream, body, 1 if encoding else 0)
        if ended:
            self._streams.end(stream)
        else:
            self._streams.flush(stream)
        return stream.id

    def check_encoding(self, stream: _Stream, encoding: str) -> None:
        """
        Refuse a compression that the HEADERS have not named.
        """
        sent = stream.call.sent_encoding
        if encoding and encoding != sent:
            raise LocalProtocolError(
                f"the HEADERS of call {stream.id} name the compression {sent or 'none'!r}; "
                f"its messages cannot have {encoding!r}"
            )
