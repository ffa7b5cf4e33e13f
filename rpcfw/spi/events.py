"""
What a wire machine reports: what happened on a connection, in the past tense.

Made for every message, so they are plain slotted records. ``call_id`` names a
call on its connection; it is the machine's own numbering.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define

from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata

__all__ = [
    "CallCancelled",
    "CallEnded",
    "ConnectionFailed",
    "DecodedRequest",
    "Event",
    "GoAwayReceived",
    "HalfClosed",
    "HandshakeCompleted",
    "HeadInBody",
    "MessageReceived",
    "ParsedBody",
    "PingAnswered",
    "PingReceived",
    "RequestHead",
    "RequestReceived",
    "ResponseReceived",
    "ResponseStarted",
    "StreamWritable",
]


@define(eq=False)
class RequestHead:
    """
    What is known of a request before its first message.

    A machine may hand out the same head for many requests: never change one.

    Args:
        path: ``service/method``, without a leading slash.
        codec: name of the codec of all messages of the call.
        timeout_s: time left when the caller sent it; None if it named none.
        metadata: pairs from the caller.
        caller: name of the calling application, empty for unknown.
        one_way: no answer is wanted and none may be sent.
        accepts: names of the compressions that the caller can undo.
    """

    path: str
    codec: str
    timeout_s: float | None = None
    metadata: Metadata = EMPTY
    caller: str = ""
    one_way: bool = False
    accepts: tuple[str, ...] = ()


@define(eq=False)
class DecodedRequest:
    """
    A request on a wire that has the head in the body, once the body is decoded.

    Args:
        head: all of it. ``one_way`` and ``accepts`` are as they were.
        body: the message, as the codec takes it that the head names. Where head and message
            cannot be read apart, it is a `ParsedBody`.
        encoding: compression of the message in the body, empty for none.
    """

    head: RequestHead
    body: bytes
    encoding: str = ""


class ParsedBody(bytes):
    """
    Stands for the bytes of a message that was parsed along with its head.

    Only a codec of the same plugin knows it: its ``decode`` makes the message of ``value``.
    It is empty as bytes, so that no limit and no thread is asked for again.
    """

    value: Any

    @classmethod
    def of(cls, value: Any) -> ParsedBody:
        body = cls()
        body.value = value
        return body


@define(eq=False, kw_only=True)
class HeadInBody(RequestHead):
    """
    The head of a request on a wire that has path, codec and metadata in the body.

    Such a request is unary and comes whole. What the frame itself says is known: `one_way`,
    `accepts`, perhaps `timeout_s`. A machine may hand out one such head for all requests.

    Args:
        decode: makes a `DecodedRequest` of the body. It is called once the request is
            admitted, perhaps in another thread, so it must not use the machine. It may
            raise anything: a body that cannot be decoded is the caller's fault.
        at_once_bytes: larger bodies are decoded in a thread.
    """

    path: str = "(undecoded)"
    codec: str = ""
    decode: Callable[[bytes], DecodedRequest]
    at_once_bytes: int = 4096


@define(eq=False)
class RequestReceived:
    """
    A call came in. The fast path: a whole unary request is this one event.

    Args:
        head: what is known of it; a `HeadInBody` if the rest is still to be decoded.
        body: the first message, or None if only the head has come.
        encoding: compression of the body, empty for none.
        ended: the caller will send no more.
    """

    call_id: int
    head: RequestHead
    body: bytes | None
    encoding: str
    ended: bool


@define(eq=False)
class ResponseReceived:
    """
    A whole unary response with status OK: the fast path of the caller's side.
    """

    call_id: int
    body: bytes
    encoding: str
    metadata: Metadata
    trailers: Metadata


@define(eq=False)
class ResponseStarted:
    """
    The server has begun to answer with these pairs; messages follow.
    """

    call_id: int
    metadata: Metadata


@define(eq=False)
class MessageReceived:
    """
    One message of a stream, in either direction.

    Args:
        cost: what to report as consumed once the application has taken it.
    """

    call_id: int
    body: bytes
    encoding: str
    cost: int


@define(eq=False)
class HalfClosed:
    """
    The caller will send no more messages.
    """

    call_id: int


@define(eq=False)
class CallEnded:
    """
    The server ended the call; nothing follows.

    Args:
        retry_after_s: the server's pushback: when to try again; negative: never.
    """

    call_id: int
    status: Status
    message: str = ""
    details: bytes = b""
    metadata: Metadata = EMPTY
    trailers: Metadata = EMPTY
    hints: Hint = Hint.NONE
    retry_after_s: float | None = None


@define(eq=False)
class CallCancelled:
    """
    The peer cancelled the call. Nothing more may be sent on it.
    """

    call_id: int
    reason: str = ""


@define(eq=False)
class StreamWritable:
    """
    The window is open again, after `Machine.send` returned that this side must wait.
    """

    call_id: int


@define(eq=False)
class HandshakeCompleted:
    """
    The peer has said hello: calls may be made.

    Args:
        accepts: names of the compressions that the peer can undo.
    """

    accepts: tuple[str, ...] = ()


@define(eq=False)
class PingAnswered:
    """
    The peer is alive.
    """


@define(eq=False)
class PingReceived:
    """
    The peer sent a ping, and its answer is queued.

    Reported to servers by wires whose clients' pings are counted
    (`rpcfw.spi.protocol.WireProtocol.keepalive_floor_s`); others need not.

    Args:
        answered: this side has sent frames of calls since the previous ping.
    """

    answered: bool


@define(eq=False)
class GoAwayReceived:
    """
    The peer takes no new calls on this connection.

    Args:
        refused: calls of ours that it surely has not begun and never will.
    """

    reason: str
    refused: tuple[int, ...] = ()


@define(eq=False)
class ConnectionFailed:
    """
    The connection is of no more use: write what is left of the output, then close.

    Args:
        reason: what was expected and what came.
        by_peer: the peer reported it (so it has logged it, too).
        too_many_pings: it did so because it was pinged too often.
    """

    reason: str
    by_peer: bool = False
    too_many_pings: bool = False


Event = (
    RequestReceived
    | ResponseReceived
    | ResponseStarted
    | MessageReceived
    | HalfClosed
    | CallEnded
    | CallCancelled
    | StreamWritable
    | HandshakeCompleted
    | PingAnswered
    | PingReceived
    | GoAwayReceived
    | ConnectionFailed
)
