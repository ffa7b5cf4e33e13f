"""
The response to a unary call, to come.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfw.errors import CallError
from rpcfw.spi.codec import Reader
from rpcfw.spi.events import ResponseReceived
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.transport.connection.driver import Driver, UnaryListener
from rpcfw.transport.payload import Payload
from rpcfw.values.phases import Phases

__all__ = ["TimedReply", "UnaryReply", "timed_read"]


class UnaryReply(Waiter[ResponseReceived], UnaryListener):
    """
    The response to a unary call, to come. Cancelling it cancels the call at the server.
    """

    def __init__(self, driver: Driver) -> None:
        super().__init__()
        self.driver = driver
        self.call_id = 0

    def responded(self, event: ResponseReceived) -> None:
        self.callback(event)

    def lost(self, error: CallError) -> None:
        self.errback(error)

    def cancel(self) -> None:
        if not self.called:
            self.driver.cancel(self.call_id)
        super().cancel()


class TimedReply(UnaryReply):
    """
    The same for a call whose phases are noted. It is made once the request is encoded.

    Args:
        driver: the connection.
        phases: of the call.
        seconds: the clock that they are measured with.
        began: when the request began to be encoded.
        size: of the request, as it is sent.
    """

    def __init__(
        self,
        driver: Driver,
        phases: Phases,
        seconds: Callable[[], float],
        began: float,
        size: int,
    ) -> None:
        super().__init__(driver)
        self._phases = phases
        self._seconds = seconds
        self._sent_at = sent_at = seconds()
        phases.encode += sent_at - began
        phases.sent_bytes = size

    def responded(self, event: ResponseReceived) -> None:
        self._phases.wire += self._seconds() - self._sent_at
        self._phases.received_bytes = len(event.body)
        super().responded(event)

    def lost(self, error: CallError) -> None:
        self._phases.wire += self._seconds() - self._sent_at
        super().lost(error)

    def cancel(self) -> None:
        if not self.called:
            self._phases.wire += self._seconds() - self._sent_at
        super().cancel()


def timed_read(
    payload: Payload, phases: Phases, seconds: Callable[[], float]
) -> Callable[[Reader, bytes, str, str], Any]:
    """
    Return `Payload.read` that notes how long it takes.
    """

    def read(reader: Reader, body: bytes, encoding: str, what: str) -> Any:
        began = seconds()
        try:
            return payload.read(reader, body, encoding, what)
        finally:
            phases.decode += seconds() - began

    return read
