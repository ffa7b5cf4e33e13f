"""
What is kept of a gRPC call beside its HTTP/2 stream, as `Stream.call`.
"""

from __future__ import annotations

from rpcfw.spi.events import Event, MessageReceived
from rpcfw_grpc.message_framing import MessageReader
from rpcfw_grpc.request_headers import Refusal, RequestHeaders
from rpcfw_grpc.response_headers import ResponseHeaders

__all__ = ["ClientCall", "GRPCCall", "ServerCall"]


class GRPCCall:
    """
    One call that is not over in a single step.

    Args:
        limit_bytes: the largest message taken.

    Attributes:
        reader: cuts what came into messages.
        encoding: compression of messages that came with the mark.
        sent_encoding: compression that the HEADERS sent have named; None before them.
        unread: bytes of messages handed out and not reported as consumed.
        held: the memory that these take: each message costs some, however small it is.
        messages: how many came.
        batch: the batch of events in which the call was reported; only within it may
            several events still be made one.
        started: the event that reported it.
        started_at: its place among the events of that batch.
        message: the event of its first message.
        message_at: its place likewise.
    """

    __slots__ = (
        "batch",
        "encoding",
        "held",
        "message",
        "message_at",
        "messages",
        "reader",
        "sent_encoding",
        "started",
        "started_at",
        "unread",
    )

    def __init__(self, limit_bytes: int) -> None:
        self.reader = MessageReader(limit_bytes)
        self.encoding = ""
        self.sent_encoding: str | None = None
        self.unread = 0
        self.held = 0
        self.messages = 0
        self.batch = -1
        self.started: Event | None = None
        self.started_at = -1
        self.message: MessageReceived | None = None
        self.message_at = -1


class ServerCall(GRPCCall):
    """
    A call at a server.

    Attributes:
        headers: what its HEADERS mean.
        refusal: why it is no call.
        dropped: bytes of the body of such a request.
    """

    __slots__ = ("dropped", "headers", "refusal")

    def __init__(self, limit_bytes: int, headers: RequestHeaders) -> None:
        super().__init__(limit_bytes)
        self.headers = headers
        self.refusal: Refusal | None = None
        self.dropped = 0


class ClientCall(GRPCCall):
    """
    A call at a client.

    Attributes:
        response: the headers of the response; None before they came.
    """

    __slots__ = ("response",)

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes)
        self.response: ResponseHeaders | None = None
