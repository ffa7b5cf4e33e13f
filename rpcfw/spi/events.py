"""
What a wire machine reports: what happened on a connection, in the past tense.

Made for every message, so they are plain slotted records. Those that are made most often are
structs of msgspec, which is twice as fast. ``call_id`` names a call on its connection; it is the
machine's own numbering.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define
from msgspec import Struct

from rpcfw.status import Hint, Status
from rpcfw.values.load_report import LoadReport
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
    "LoadReported",
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

    A machine may report the same head object for many requests. So never change it.

    Args:
        path: ``service/method``, without a leading slash.
        codec: name of the codec of all messages of the call.
        timeout_s: time left until the deadline when the caller sent the request; None: no limit.
        metadata: pairs from the caller.
        caller: name of the calling application, empty for unknown.
        one_way: the caller expects no response, and none may be sent.
        accepts: compression methods that the caller can decompress.
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
        body: the message, for the codec that the head names. If head and message can only be
            parsed together, it is a `ParsedBody`.
        encoding: compression of the message in the body, empty for none.
        response: the body of the response, if the protocol itself answers such a request: a
            check that the service is alive, for example. Then no method runs.
    """

    head: RequestHead
    body: bytes
    encoding: str = ""
    response: bytes | None = None


class ParsedBody(bytes):
    """
    Stands for the bytes of a message that was parsed together with its head.

    Only a codec of the same plugin uses it: its ``decode`` makes the message from ``value``.
    As bytes it is empty, so no limit is checked and no thread is used a second time.
    """

    value: Any
    #: Where the bytes of the message are: in what, from where, to where. Signatures are of these,
    #: so it has no default: without them any message would fit a signature of none.
    span: tuple[bytes, int, int]

    @classmethod
    def of(cls, value: Any, span: tuple[bytes, int, int]) -> ParsedBody:
        body = cls()
        body.value = value
        body.span = span
        return body

    @property
    def sent(self) -> memoryview:
        """
        The bytes that the caller has sent for the message, as its codec has written them.
        """
        data, begin, end = self.span
        return memoryview(data)[begin:end]


@define(eq=False, kw_only=True)
class HeadInBody(RequestHead):
    """
    The head of a request on a wire that has path, codec and metadata in the body.

    Such a request is unary and arrives complete. The data in the frame is known: `one_way`,
    `accepts`, perhaps `timeout_s`. A machine may use one such head for all requests.

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


class RequestReceived(Struct, eq=False):
    """
    A call has arrived. The fast path: a complete unary request is this one event.

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


class ResponseReceived(Struct, eq=False):
    """
    A complete unary response with status OK: the fast path of the client.
    """

    call_id: int
    body: bytes
    encoding: str
    metadata: Metadata
    trailers: Metadata


@define(eq=False)
class ResponseStarted:
    """
    The server has started its response with this metadata; messages follow.
    """

    call_id: int
    metadata: Metadata


class MessageReceived(Struct, eq=False):
    """
    One message of a stream, in either direction.

    Args:
        cost: what to report by `Machine.consumed` when the application has taken the message.
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
    The server has ended the call; nothing follows.

    Args:
        retry_after_s: the server's pushback: the delay before a retry; negative: no retry.
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
    The flow-control window is open again, after `Machine.send` returned False.
    """

    call_id: int


@define(eq=False)
class HandshakeCompleted:
    """
    The handshake with the peer is complete: calls may be made.

    Args:
        accepts: compression methods that the peer can decompress.
    """

    accepts: tuple[str, ...] = ()


@define(eq=False)
class PingAnswered:
    """
    The peer has answered a ping, so it is alive.
    """


@define(eq=False)
class PingReceived:
    """
    The peer sent a ping, and its answer is queued.

    Server machines report it if pings of clients are counted
    (`rpcfw.spi.protocol.WireProtocol.keepalive_floor_s`). Others need not report it.

    Args:
        answered: this side has sent frames of calls since the previous ping.
    """

    answered: bool


@define(eq=False)
class LoadReported:
    """
    The server has answered `rpcfw.spi.machine.Machine.ask_load`.

    Args:
        report: checked: whatever the server sent, its values are within bounds.
    """

    report: LoadReport


@define(eq=False)
class GoAwayReceived:
    """
    The peer accepts no new calls on this connection.

    Args:
        refused: calls of this side that the peer has not begun and never will.
    """

    reason: str
    refused: tuple[int, ...] = ()


@define(eq=False)
class ConnectionFailed:
    """
    The connection has failed: write the rest of the output, then close.

    Args:
        reason: what was expected and what came.
        by_peer: the peer reported it, so the peer has logged it too.
        too_many_pings: the peer did so because this side sent too many pings.
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
    | LoadReported
    | GoAwayReceived
    | ConnectionFailed
)
