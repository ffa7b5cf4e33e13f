"""
A served call that did not end in the turn that brought it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfw.errors import CallError, Cancelled, DeadlineExceeded
from rpcfw.server.calls.method_table import BoundMethod
from rpcfw.server.calls.tasks import CallTask
from rpcfw.spi.events import MessageReceived, RequestReceived
from rpcfw.spi.runtime.timers import Timers
from rpcfw.status import Status
from rpcfw.transport.connection.driver import Driver, Listener
from rpcfw.transport.streams.receive_stream import ReceiveStream
from rpcfw.transport.streams.send_stream import SendStream
from rpcfw.values.call import Call

__all__ = ["InFlightCall"]


class InFlightCall(Listener):
    """
    Listens for what the caller still says and watches the deadline.

    Args:
        driver: its connection.
        event: what brought it.
        call: it.
        served: what runs.
        timers: where the deadline is watched.
        ended: told (this, result, error) when its coroutine has ended.
        goes_on: asked of a one-way call whose connection is lost.
    """

    def __init__(
        self,
        driver: Driver,
        event: RequestReceived,
        call: Call,
        served: BoundMethod,
        timers: Timers,
        ended: Callable[[InFlightCall, Any, BaseException | None], None],
        goes_on: Callable[[InFlightCall], bool],
    ) -> None:
        self.driver = driver
        self.event = event
        self.call = call
        self.served = served
        self.run: CallTask | None = None
        self.mailbox: ReceiveStream | None = None
        self.outlet: SendStream | None = None
        #: Why it was given up, if it was: then nothing more may be sent.
        self.given_up: CallError | None = None
        self._timers = timers
        self._ended = ended
        self._goes_on = goes_on
        driver.listeners[event.call_id] = self
        timers.watch(call.deadline, self)

    def done(self, result: Any, error: BaseException | None) -> None:
        """
        The coroutine has ended.
        """
        self.run = None  # it holds this, and a circle would have to be collected
        self._timers.forget(self.call.deadline, self)
        self.driver.listeners.pop(self.event.call_id, None)
        mailbox = self.mailbox
        if mailbox is not None and not mailbox.closed:
            # The method may have left a reader behind, to which nothing will come.
            mailbox.close(Cancelled("the call has ended"))
        self._ended(self, result, error)
        if self.given_up is not None:
            # The method may have got it from its mailbox, which keeps it: with a traceback
            # that is a reference cycle, with all frames that it went through.
            self.given_up.__traceback__ = None

    def give_up(self, error: CallError) -> None:
        """
        End it here: its coroutine is cancelled and what it says is dropped.

        Only the first time counts: a clean-up that waits must not be cancelled again.
        """
        if self.given_up is not None:
            return
        self.given_up = error
        self.call.cancelled = True
        if self.mailbox is not None:
            self.mailbox.close(error)
        if self.outlet is not None:
            self.outlet.close(error)
        if self.run is not None:
            self.run.cancel()

    def set_deadline(self, deadline: float) -> None:
        """
        Set the time limit of a call whose caller's wish has become known only now.
        """
        self._timers.forget(self.call.deadline, self)
        self.call.deadline = deadline
        self._timers.watch(deadline, self)

    def expire(self) -> None:
        """
        Its time is over: the caller is told now, whatever the method does about it.
        """
        reason = "the call's time was over while the server worked on it"
        self.driver.listeners.pop(self.event.call_id, None)
        self.driver.finish(self.event.call_id, Status.DEADLINE_EXCEEDED, reason)
        self.give_up(DeadlineExceeded(reason))

    # Listener.

    def message(self, event: MessageReceived) -> None:
        if self.mailbox is not None:
            self.mailbox.put(event)

    def half_closed(self) -> None:
        if self.mailbox is not None:
            self.mailbox.close()

    def writable(self) -> None:
        if self.outlet is not None:
            self.outlet.writable()

    def lost(self, error: CallError) -> None:
        if self.event.head.one_way and self._goes_on(self):
            return
        self.give_up(error)
