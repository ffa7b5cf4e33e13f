"""
The response to a unary call, to come.
"""

from __future__ import annotations

from rpcfw.errors import CallError
from rpcfw.spi.events import ResponseReceived
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.transport.connection.driver import Driver, UnaryListener
from rpcfw.values.phases import Phases

__all__ = ["UnaryReply", "note_failure"]


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


def note_failure(phases: Phases | None, began: float, sent: float, now: float, size: int) -> None:
    """
    Note where the time of an attempt went that has failed.

    Args:
        began: when its request began to be encoded.
        sent: when it was sent.
        size: of the request, as it was sent.
    """
    if phases is not None:
        phases.encode += sent - began
        phases.wire += now - sent
        phases.sent_bytes = size
