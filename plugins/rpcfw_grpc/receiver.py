"""
What comes on either side of a gRPC connection, as events.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from rpcfw.spi.events import ConnectionFailed, GoAwayReceived, PingAnswered, StreamWritable
from rpcfw_grpc.calls import GRPCCall
from rpcfw_grpc.http2.callbacks import Callbacks, Headers
from rpcfw_grpc.http2.frames import ErrorCode, code_name
from rpcfw_grpc.http2.stream import Stream
from rpcfw_grpc.message_assembler import MessageAssembler

__all__ = ["Receiver"]

H = TypeVar("H", bound=Headers)
K = TypeVar("K", bound=GRPCCall)

#: What gRPC's servers send as debug data to a client that pings too often (proposal A8).
_TOO_MANY_PINGS = "too_many_pings"


class Receiver(Callbacks[H, K], Generic[H, K]):
    """
    What both sides do with reports of their connection.

    Args:
        assembler: what makes messages of DATA, and keeps the events.
    """

    def __init__(self, assembler: MessageAssembler) -> None:
        self._assembler = assembler

    def stream_writable(self, stream: Stream[K]) -> None:
        self._assembler.events.append(StreamWritable(stream.id))

    def stream_closed(self, stream: Stream[K]) -> None:
        self._assembler.forget(stream.call)

    def ping_acknowledged(self) -> None:
        self._assembler.events.append(PingAnswered())

    def goaway_received(self, code: int, text: str, refused: tuple[int, ...]) -> None:
        name = code_name(code)
        reason = f"GOAWAY, {name}: {text}" if text else f"GOAWAY, {name}"
        events = self._assembler.events
        events.append(GoAwayReceived(reason, refused))
        if code != ErrorCode.NO_ERROR:
            pings = code == ErrorCode.ENHANCE_YOUR_CALM and text == _TOO_MANY_PINGS
            events.append(ConnectionFailed(reason, by_peer=True, too_many_pings=pings))

    def connection_failed(self, reason: str) -> None:
        self._assembler.events.append(ConnectionFailed(reason))
