"""
A connection of a simulated client: the native wire, and as little as possible around it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure

from rpcfw.errors import CallError
from rpcfw.spi.events import (
    CallEnded,
    ConnectionFailed,
    HandshakeCompleted,
    MessageReceived,
    RequestHead,
    ResponseReceived,
)
from rpcfw.spi.machine import Limits
from rpcfw.values.method import Method
from rpcfw.wire.client import ClientMachine

__all__ = ["Link"]

_LIMITS = Limits()
_encode = msgspec.json.Encoder().encode


class Link(Protocol):
    """
    One connection. What happens is passed to the functions that it is given.

    Args:
        opened: calls may be made.
        lost: it is closed, with the reason.
        received: a message of a stream.
    """

    def __init__(
        self,
        opened: Callable[[Link], None],
        lost: Callable[[Link, str], None],
        received: Callable[[bytes], None],
    ) -> None:
        self._opened = opened
        self._lost = lost
        self._received = received
        self._machine = ClientMachine(_LIMITS, (), "benchmark")
        self._waiting: dict[int, Callable[[bytes | CallError], None]] = {}
        self._reason = ""
        self.received_bytes = 0

    def call(
        self, method: Method, request: Any, answered: Callable[[bytes | CallError], None]
    ) -> None:
        """
        Make a unary call.
        """
        head = RequestHead(method.path, "json", 30.0)
        call_id = self._machine.call(head, _encode(request), "", ended=True)
        self._waiting[call_id] = answered
        self._flush()

    def stream(self, method: Method, request: Any) -> int:
        """
        Begin a call that streams both ways, with its first message; return its number.
        """
        head = RequestHead(method.path, "json", 3600.0)
        call_id = self._machine.call(head, None, "", ended=False)
        self.send(call_id, request)
        return call_id

    def send(self, call_id: int, request: Any) -> None:
        """
        Send one more message of a stream.
        """
        self._machine.send(call_id, _encode(request))
        self._flush()

    def close(self) -> None:
        """
        Close the connection at once.
        """
        self.transport.abortConnection()  # type: ignore[union-attr]  # it is connected

    def connectionMade(self) -> None:
        self.transport.setTcpNoDelay(True)  # type: ignore[union-attr]  # it is TCP
        self._machine.start()
        self._flush()

    def dataReceived(self, data: bytes) -> None:
        self.received_bytes += len(data)
        for event in self._machine.receive(data):
            if isinstance(event, MessageReceived):
                self._received(event.body)
                self._machine.consumed(event.call_id, event.cost, len(event.body))
            elif isinstance(event, ResponseReceived):
                self._waiting.pop(event.call_id)(event.body)
            elif isinstance(event, HandshakeCompleted):
                self._opened(self)
            elif isinstance(event, CallEnded):
                self._ended(event)
            elif isinstance(event, ConnectionFailed):
                self._reason = event.reason
                self.close()
        self._flush()

    def connectionLost(self, reason: Failure = Failure(ConnectionError())) -> None:  # noqa: B008
        self._lost(self, self._reason or str(reason.value))

    def _ended(self, event: CallEnded) -> None:
        answered = self._waiting.pop(event.call_id, None)
        if answered is None:
            # The stream: as if the connection was lost.
            self._reason = f"{event.status.name}: {event.message}"
            self.close()
        else:
            answered(CallError(event.message, status=event.status))

    def _flush(self) -> None:
        output = self._machine.take_output()
        if output:
            self.transport.write(output)  # type: ignore[union-attr]  # it is connected
