"""
What both sides of a gRPC connection have in common: they have an HTTP/2 connection.

A machine puts its parts together and answers the `Machine` seam. The HTTP/2 connection reports to
a receiver, which makes events of it with a `MessageAssembler`; what is asked goes to a sender.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Generic, TypeVar

from rpcfw.errors import LocalProtocolError
from rpcfw.spi.events import Event
from rpcfw.spi.machine import Limits, Machine
from rpcfw_grpc.calls import GRPCCall
from rpcfw_grpc.http2.connection import Connection
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.http2.stream import Stream
from rpcfw_grpc.message_assembler import MessageAssembler
from rpcfw_grpc.message_sender import MessageSender

__all__ = ["GRPCMachine"]

K = TypeVar("K", bound=GRPCCall)

#: The debug data at which gRPC's clients ping less (gRPC's proposal A8).
_TOO_MANY_PINGS = "too_many_pings"


class GRPCMachine(Machine, Generic[K]):
    """
    One gRPC connection, from either side.

    Args:
        limits: what this side takes.
        connection: its HTTP/2.
    """

    def __init__(self, limits: Limits, connection: Connection[Any, K]) -> None:
        self._connection = connection
        self._reader = connection.reader
        self._flow = connection.streams.flow
        self._streams = connection.streams
        self._outbound = connection.streams.outbound
        self._open = connection.streams.open
        self._table = connection.streams.table
        self._messages = MessageSender(limits, connection)
        self._assembler = MessageAssembler(limits, connection)

    @abstractmethod
    def _check_encoding(self, stream: Stream[K], encoding: str) -> None:
        """
        Raise if the HEADERS of the stream have not named this compression.
        """

    def start(self) -> None:
        self._connection.start()

    def receive(self, data: bytes) -> list[Event]:
        events = self._assembler.begin_batch()
        self._connection.receive(data)
        if self._assembler.withdrawn:
            self._assembler.end_batch()
        return events

    def take_output(self) -> bytes:
        return self._outbound.take_output()

    @property
    def open_calls(self) -> int:
        return len(self._open)

    @property
    def newest_call(self) -> int:
        return self._table.newest

    @property
    def unfinished_frame(self) -> int:
        return self._reader.unfinished_frame

    @property
    def unsent_bytes(self) -> int:  # type: ignore[override]  # an attribute, read only
        return self._outbound.unsent_bytes

    @property
    def held_bytes(self) -> int:
        return self._reader.held_bytes + self._assembler.partial + self._flow.unread

    def send(self, call_id: int, body: bytes, encoding: str = "") -> bool:
        self._messages.check_size(len(body))
        stream = self._find(call_id)
        if stream is None:
            return False
        if stream.trailers_block is not None:
            raise LocalProtocolError(f"call {call_id} was ended; nothing may be sent on it")
        if encoding != stream.call.sent_encoding:
            self._check_encoding(stream, encoding)
        return self._messages.send(stream, body, 1 if encoding else 0)

    def cancel(self, call_id: int, reason: str = "") -> None:
        # Neither RST_STREAM nor anything else of HTTP/2 could carry the reason.
        stream = self._find(call_id)
        if stream is not None:
            self._streams.reset(stream, ErrorCode.CANCEL)

    def consumed(self, call_id: int, cost: int, size: int = 0) -> None:
        self._assembler.consumed(call_id, cost, size)

    @property
    def unread_bytes(self) -> int:
        return self._flow.unread

    def unread_calls(self) -> list[tuple[int, int]]:
        return self._assembler.unread_calls()

    def ping(self) -> None:
        self._connection.ping()

    def drain(self, reason: str) -> None:
        self._connection.drain(reason)

    def closing(self, reason: str) -> None:
        # RFC 9113, section 6.8: an endpoint should send GOAWAY before it closes, so that
        # its peer knows which streams were begun.
        self._connection.end(reason)

    def fail(self, reason: str) -> None:
        calm = reason.startswith(_TOO_MANY_PINGS)
        self._connection.end(reason, ErrorCode.ENHANCE_YOUR_CALM if calm else ErrorCode.NO_ERROR)
        # Whatever is asked for these calls from now on is asked too late, and dropped. The
        # objects of a connection refer to each other, so what waits on them for a window
        # would stay in memory until the garbage collector comes.
        self._connection.close()
        self._assembler.clear()

    def _find(self, call_id: int) -> Stream[K] | None:
        """
        Return the stream of a call that the application asks something for.

        None if the call is over, which the application may not know yet.
        """
        stream = self._streams.find(call_id)
        if stream is None:
            if call_id > self._table.newest or not call_id & 1:
                raise LocalProtocolError(f"call {call_id} was never begun")
            return None
        return None if stream.app_closed else stream
