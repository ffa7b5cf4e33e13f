"""
The response to a unary call, to come.
"""

from __future__ import annotations

from rpcfw.errors import CallError
from rpcfw.spi.events import ResponseReceived
from rpcfw.spi.runtime.waiting import Waiter, give_up
from rpcfw.transport.connection.driver import Driver, UnaryListener
from rpcfw.values.call import Call

__all__ = ["UnaryReply"]


class UnaryReply(Waiter[ResponseReceived], UnaryListener):
    """
    The response to a unary call, to come. Cancelling it cancels the call at the server.

    It has no constructor of its own, which would be a call more: the attributes are set by
    who makes it.
    """

    #: Where the call was made, and its id there.
    driver: Driver
    call_id: int
    #: Gets `expired` at its deadline; see `rpcfw.spi.deadline_keeping`.
    call: Call
    #: When it was sent, for calls that note where their time goes.
    sent_at: float

    # A response is the value, as it comes.
    responded = Waiter.callback  # type: ignore[assignment]  # it takes a Failure, too

    def lost(self, error: CallError) -> None:
        self.errback(error)

    def cancel(self) -> None:
        if not self.called:
            self.driver.cancel(self.call_id)
        super().cancel()

    def expire(self) -> None:
        if not self.called:
            self.call.expired = True
            give_up(self)
