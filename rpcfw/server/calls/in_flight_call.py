"""
A call that did not end in the turn of the reactor in which its request came.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from rpcfw.errors import CallError, Cancelled, DeadlineExceeded
from rpcfw.server.calls.method_table import BoundMethod
from rpcfw.server.calls.tasks import AsyncioTask, CallTask, DeferredTask
from rpcfw.spi.events import MessageReceived, RequestReceived
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import running_loop
from rpcfw.status import Status
from rpcfw.transport.connection.driver import Driver, Listener
from rpcfw.transport.streams.receive_stream import ReceiveStream
from rpcfw.transport.streams.send_stream import SendStream
from rpcfw.values.call import Call

__all__ = ["InFlightCall"]


class InFlightCall(Listener):
    """
    Receives what else the caller sends, and ends at the deadline.

    Args:
        driver: its connection.
        event: its request.
        call: the call.
        bound: the method that runs.
        timers: watch the deadline.
        ended: called with (this, result, error) when its coroutine has ended.
        outlives_connection: asked of a one-way call whose connection is lost.
    """

    def __init__(
        self,
        driver: Driver,
        event: RequestReceived,
        call: Call,
        bound: BoundMethod,
        timers: Timers,
        ended: Callable[[InFlightCall, Any, BaseException | None], None],
        outlives_connection: Callable[[InFlightCall], bool],
    ) -> None:
        self.driver = driver
        self.event = event
        self.call = call
        self.bound = bound
        self.task: CallTask | None = None
        self.receive_stream: ReceiveStream | None = None
        self.send_stream: SendStream | None = None
        #: Why it was given up, if it was. Then nothing more may be sent.
        self.given_up: CallError | None = None
        self._timers = timers
        self._ended = ended
        self._outlives_connection = outlives_connection
        driver.listeners[event.call_id] = self
        timers.watch(call.deadline, self)

    def run(self, coroutine: Coroutine[Any, Any, Any], context: Context) -> None:
        """
        Drive its coroutine, which has not been started.
        """
        loop = running_loop()
        if loop is None:
            run = self.task = DeferredTask(coroutine, context, self.done)
            run.wait(None)
            return
        task = AsyncioTask(coroutine, context, loop)
        if not task.task.done():
            self.wait(task)
        elif task.error is None:
            self.done(task.task.result(), None)
        else:
            self.done(None, task.take_error())

    def wait(self, task: AsyncioTask) -> None:
        """
        Note the Task that will end it.
        """
        self.task = task
        task.notify(self.done)
        if self.given_up is not None:  # in its first step
            task.cancel()

    def done(self, result: Any, error: BaseException | None) -> None:
        """
        The coroutine has ended.
        """
        self.task = None  # it refers to this: a cycle would wait for the garbage collector
        self._timers.forget(self.call.deadline, self)
        self.driver.listeners.pop(self.event.call_id, None)
        receive_stream = self.receive_stream
        if receive_stream is not None and not receive_stream.closed:
            # The method may have started another coroutine that reads; nothing will come.
            receive_stream.close(Cancelled("the call has ended"))
        self._ended(self, result, error)
        if self.given_up is not None:
            # The method may have got it from its mailbox, which keeps it: with a traceback
            # that is a reference cycle, with all frames that it went through.
            self.given_up.__traceback__ = None

    def give_up(self, error: CallError) -> None:
        """
        End it: its coroutine is cancelled, and what it still sends is dropped.

        Later calls do nothing: a clean-up that waits must not be cancelled again.
        """
        if self.given_up is not None:
            return
        self.given_up = error
        self.call.cancelled = True
        if self.receive_stream is not None:
            self.receive_stream.close(error)
        if self.send_stream is not None:
            self.send_stream.close(error)
        if self.task is not None:
            self.task.cancel()

    def set_deadline(self, deadline: float) -> None:
        """
        Change the deadline, once the head that names it is decoded.
        """
        self._timers.forget(self.call.deadline, self)
        self.call.deadline = deadline
        self._timers.watch(deadline, self)

    def expire(self) -> None:
        """
        The deadline has passed. The caller gets the error now, whatever the method does.
        """
        reason = "the call's time was over while the server worked on it"
        self.driver.listeners.pop(self.event.call_id, None)
        self.driver.finish(self.event.call_id, Status.DEADLINE_EXCEEDED, reason)
        self.give_up(DeadlineExceeded(reason))

    # Listener.

    def message(self, event: MessageReceived) -> None:
        if self.receive_stream is not None:
            self.receive_stream.put(event)

    def half_closed(self) -> None:
        if self.receive_stream is not None:
            self.receive_stream.close()

    def writable(self) -> None:
        if self.send_stream is not None:
            self.send_stream.writable()

    def lost(self, error: CallError) -> None:
        if self.event.head.one_way and self._outlives_connection(self):
            return
        self.give_up(error)
