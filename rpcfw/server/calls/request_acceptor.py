"""
Runs each request through the server's filters, and sends the response.

Theory of operation. A unary request that comes whole, and whose method ends without
waiting, is answered in the turn of the reactor in which it was read: one coroutine, no
listener, no timer. If its method waits, it becomes an `InFlightCall`, which listens for the
caller's cancellation, and whose deadline the timers watch. A call that streams in either
direction is one from its first frame.
"""

from __future__ import annotations

from collections.abc import Coroutine
from contextvars import Context, copy_context
from math import inf
from typing import Any

from rpcfw.errors import CallError, ConnectionLost, InvalidMessage, Rejected
from rpcfw.server.calls.decode_thread import DecodeThread
from rpcfw.server.calls.dispatch import RawRequest
from rpcfw.server.calls.errors import refusal, status_of
from rpcfw.server.calls.first_step import ENDED, FirstStep
from rpcfw.server.calls.in_flight_call import InFlightCall
from rpcfw.server.calls.method_table import BoundMethod, MethodTable
from rpcfw.server.calls.responses import Responses
from rpcfw.server.calls.streaming import (
    RequestMessages,
    answer_one,
    answer_stream,
    response_stream,
)
from rpcfw.server.calls.tasks import AsyncioTask, DeferredTask
from rpcfw.server.calls.undecoded import UndecodedRequests
from rpcfw.spi.codec import Coder
from rpcfw.spi.events import HeadInBody, MessageReceived, RequestReceived
from rpcfw.spi.filter import CallStep
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import CANCELLED, Waiter, running_loop
from rpcfw.status import Status
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.streams.receive_stream import ReceiveStream
from rpcfw.values.call import Call, serving
from rpcfw.values.phases import Phases
from rpcfw.values.stream_messages import StreamMessages

__all__ = ["RequestAcceptor"]


class RequestAcceptor:
    """
    Everything between a connection's driver and the stack of filters.

    Args:
        methods: what is served.
        stack: the server's stack, down to the method.
        timers: watch the deadlines.
        responses: sends what calls get back.
        max_call_s: time limit of calls whose caller gave none, or a longer one.
        decode_thread: decodes messages, those that take long in a thread.
        undecoded: serves requests whose head is in their body.
        max_orphans: one-way calls that may continue when their connection is lost.
    """

    def __init__(
        self,
        methods: MethodTable,
        stack: CallStep,
        timers: Timers,
        responses: Responses,
        max_call_s: float,
        decode_thread: DecodeThread,
        undecoded: UndecodedRequests,
        max_orphans: int,
    ) -> None:
        self._methods = methods
        self._by_path = methods.by_path
        self._payload = decode_thread.payload
        self._stack = stack
        self._timers = timers
        self._errors = responses.errors
        # Without a method of this class between: every call ends here.
        self.answer = responses.answer
        self.fail = responses.fail
        self._has_phases = responses.logged
        #: Whether calls know the name of their wire protocol; for who logs or traces them.
        self._names_wire = responses.logged or responses.traced
        self._max_call_s = max_call_s
        self._decode_thread = decode_thread
        self._undecoded = undecoded
        self._max_orphans = max_orphans
        self._in_flight: set[InFlightCall] = set()
        #: One-way calls whose connection is lost. Their callers do not wait for them.
        self._orphans: set[InFlightCall] = set()
        self._draining = False
        #: Begins unary calls; None while one is begun.
        self._first_step: FirstStep | None = None
        #: How many requests were refused because nobody serves them.
        self.not_served = 0
        self._empty: Waiter[None] | None = None

    def use(self, stack: CallStep) -> None:
        """
        Take the calls that begin from now on through another stack.
        """
        self._stack = stack

    @property
    def in_flight(self) -> int:
        """
        How many calls have begun and not ended.
        """
        return len(self._in_flight)

    def drain(self) -> None:
        """
        Refuse every call from now on, with the promise that it was not begun.
        """
        self._draining = True

    async def when_empty(self) -> None:
        """
        Return when no call is in flight.
        """
        if self._in_flight:
            self._empty = Waiter()
            await self._empty

    def give_up(self, error: CallError) -> int:
        """
        End the calls that are still in flight, and return how many these were.

        Their callers get the error. Calls that were given up before have had theirs.
        """
        given_up = [in_flight for in_flight in self._in_flight if in_flight.given_up is None]
        for in_flight in given_up:
            self.fail(in_flight.driver, in_flight.event, error, in_flight.call)
            in_flight.give_up(error)
        return len(given_up)

    def accept(self, driver: Driver, event: RequestReceived) -> None:
        """
        Serve one request. On the path of every call.
        """
        head = event.head
        bound = self._by_path.get(head.path)
        if bound is None or (self._draining and not driver.accepts_during_drain):
            self._not_served(driver, event)
            return
        reader = bound.readers.get(head.codec)
        if reader is None:
            try:
                reader = self._methods.coders(bound, head.codec)[0]
            except CallError as error:
                self.fail(driver, event, error)
                return
        left_s = head.timeout_s
        if left_s is None or left_s > self._max_call_s:
            left_s = self._max_call_s
        body = event.body
        call = Call(
            bound.method,
            RawRequest(bound, reader, b"" if body is None else body, event.encoding),
            head.metadata,
            driver.received_at + left_s,
            head.caller,
            driver.peer,
            driver.identity,
        )
        if self._names_wire:
            call.wire = driver.wire
            if self._has_phases:
                call.phases = Phases(driver.received_at)
        if bound.method.unary and body is not None and event.ended:
            self._serve_unary(driver, event, call, bound)
        else:
            self._serve_stream(driver, event, call, bound, reader)

    def _not_served(self, driver: Driver, event: RequestReceived) -> None:
        """
        Refuse a request whose path is not served, or decode it if the path is in its body.
        """
        head = event.head
        draining = self._draining and not driver.accepts_during_drain
        if isinstance(head, HeadInBody) and not draining:
            self._undecoded.accept(self, driver, event, head)
            return
        self.not_served += 1
        error = refusal(self._methods, head.path)
        if self._draining:
            error = Rejected("this server is stopping and takes no new calls")
        self.fail(driver, event, error)

    def _serve_unary(
        self, driver: Driver, event: RequestReceived, call: Call, bound: BoundMethod
    ) -> None:
        try:
            coroutine = self._stack(call)
        except Exception as error:  # noqa: BLE001  # of a filter that is no coroutine function
            self.fail(driver, event, error, call)
            return
        context = copy_context()
        context.run(serving.set, call)
        loop = running_loop()
        if loop is not None:
            self._serve_in_task(driver, event, call, bound, (coroutine, context, loop))
            return
        # None: this call is begun while another one is.
        first_step, self._first_step = self._first_step or FirstStep(), None
        try:
            waited = context.run(first_step.send, coroutine)
        except BaseException as error:  # noqa: BLE001  # the caller gets an answer to any
            self.fail(driver, event, error, call)
            call.deadline = inf
            return
        if waited is ENDED:
            result, first_step.result = first_step.result, None
            self._first_step = first_step
            self.answer(driver, event, call, bound, result)
            call.deadline = inf
        else:
            in_flight = self.open(driver, event, call, bound)
            run = in_flight.task = DeferredTask(first_step.keep(), context, in_flight.done)
            run.wait(waited)
            self._check_connection(in_flight)

    def _serve_in_task(
        self, driver: Driver, event: RequestReceived, call: Call, bound: BoundMethod, parts: Any
    ) -> None:
        """
        The rest of `_serve_unary` where an asyncio loop runs.
        """
        task = AsyncioTask(*parts)
        if not task.task.done():
            in_flight = self.open(driver, event, call, bound)
            in_flight.wait(task)
            self._check_connection(in_flight)
            return
        if task.error is None:
            self.answer(driver, event, call, bound, task.task.result())
        else:
            self.fail(driver, event, task.take_error(), call)
        call.deadline = inf

    def _serve_stream(
        self, driver: Driver, event: RequestReceived, call: Call, bound: BoundMethod, reader: Coder
    ) -> None:
        in_flight = self.open(driver, event, call, bound)
        messages = StreamMessages()
        if call.phases is not None:
            call.phases.messages = messages
        receive_stream = in_flight.receive_stream = ReceiveStream(driver, messages)
        client_streams = bound.method.shape.client_streams
        whole = event.body is not None and event.ended
        if event.body is not None:
            # The first message came with the head; it may be the only one.
            receive_stream.put(MessageReceived(event.call_id, event.body, event.encoding, 0))
        if event.ended:
            receive_stream.close()
        if client_streams:
            call.request.stream = RequestMessages(
                receive_stream, self._payload, reader, self._decode_thread
            )
        if bound.method.server_streams:
            send_stream = in_flight.send_stream = response_stream(
                driver, event, bound, self._payload, messages
            )
            coroutine = answer_stream(
                self._stack,
                call,
                None if whole else receive_stream,
                send_stream,
                driver,
                event.call_id,
                self._timers.seconds,
            )
        else:
            coroutine = answer_one(self._stack, call, receive_stream)
        self.run(in_flight, coroutine, copy_context())

    def open(
        self, driver: Driver, event: RequestReceived, call: Call, bound: BoundMethod
    ) -> InFlightCall:
        in_flight = InFlightCall(
            driver, event, call, bound, self._timers, self._ended, self._outlives_connection
        )
        self._in_flight.add(in_flight)
        return in_flight

    def _outlives_connection(self, in_flight: InFlightCall) -> bool:
        """
        Tell whether a one-way call continues without its connection.

        Their number is limited. Otherwise a peer that calls and disconnects, again and again,
        would escape the limit of calls on a connection.
        """
        if len(self._orphans) >= self._max_orphans:
            return False
        self._orphans.add(in_flight)
        return True

    def run(
        self, in_flight: InFlightCall, coroutine: Coroutine[Any, Any, Any], context: Context
    ) -> None:
        context.run(serving.set, in_flight.call)
        in_flight.run(coroutine, context)
        self._check_connection(in_flight)

    def _check_connection(self, in_flight: InFlightCall) -> None:
        """
        Handle a one-way call that begins when its connection is already lost.
        """
        if in_flight.driver.over and in_flight.task is not None:
            in_flight.lost(ConnectionLost(f"the connection to {in_flight.driver.peer} is lost"))

    def _ended(self, in_flight: InFlightCall, result: Any, error: BaseException | None) -> None:
        """
        The coroutine of a call in flight has ended.
        """
        self._in_flight.discard(in_flight)
        self._orphans.discard(in_flight)
        call, given_up = in_flight.call, in_flight.given_up
        if given_up is None:
            if error is not None:
                if isinstance(error, InvalidMessage) and error.status is Status.INTERNAL:
                    # It is a mistake of the method.
                    self._errors.logged(call.method.path, error, call.trace)
                self.fail(in_flight.driver, in_flight.event, error, call)
            elif not call.method.server_streams:
                self.answer(in_flight.driver, in_flight.event, call, in_flight.bound, result)
        elif error is not None and not isinstance(error, (*CANCELLED, CallError)):
            self._errors.logged(call.method.path, error, call.trace)
        if call.method.server_streams or given_up is not None:
            self._errors.end(call, status_of(given_up or error))
        call.deadline = inf
        if self._empty is not None and not self._in_flight:
            waiter, self._empty = self._empty, None
            if not waiter.called:
                waiter.callback(None)
