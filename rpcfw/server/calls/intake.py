"""
Takes each request through the server's stack and answers it.

Theory of operation. A whole unary request whose method ends without waiting is
answered in the turn that read it: one coroutine, no listener, no timer. One that
waits becomes an `InFlightCall` call: it listens for the caller's cancel and is watched by
the timers. A call that streams in either direction is open from its first frame.
"""

from __future__ import annotations

from collections.abc import Coroutine
from contextvars import Context, copy_context
from math import inf
from typing import Any

from rpcfw.errors import CallError, ConnectionLost, InvalidMessage, MessageTooLarge, Rejected
from rpcfw.server.calls.decode_thread import Reading
from rpcfw.server.calls.dispatch import RawRequest
from rpcfw.server.calls.errors import ErrorMapper, refusal, status_of
from rpcfw.server.calls.method_table import BoundMethod, MethodTable
from rpcfw.server.calls.open_call import InFlightCall
from rpcfw.server.calls.streaming import RequestMessages, answer_one, answer_stream, begin_failure
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
from rpcfw.transport.streams.send_stream import SendStream
from rpcfw.values.call import Call, serving
from rpcfw.values.metadata import EMPTY, Metadata

__all__ = ["RequestAcceptor"]


class RequestAcceptor:
    """
    Everything between an accepted connection and the stack.

    Args:
        catalog: what is served.
        stack: the server's stack, down to the method.
        timers: where deadlines are watched.
        failures: what callers are told of errors.
        max_call_s: limit for calls whose caller named none, or a longer one.
        reading: how messages are read and written; those that take long in a thread.
        undecoded: takes requests whose head stands in their body.
        max_orphans: one-way calls that may go on when their connection is lost.
    """

    def __init__(
        self,
        catalog: MethodTable,
        stack: CallStep,
        timers: Timers,
        failures: ErrorMapper,
        max_call_s: float,
        reading: Reading,
        undecoded: UndecodedRequests,
        max_orphans: int,
    ) -> None:
        self._catalog = catalog
        self._served = catalog.served
        self._payload = reading.payload
        self._stack = stack
        self._timers = timers
        self._failures = failures
        self._max_call_s = max_call_s
        self._reading = reading
        self._undecoded = undecoded
        self._max_orphans = max_orphans
        self._open: set[InFlightCall] = set()
        #: One-way calls whose connection is lost: their callers never wait.
        self._orphans: set[InFlightCall] = set()
        self._leaving = False
        self._empty: Waiter[None] | None = None

    def use(self, stack: CallStep) -> None:
        """
        Take the calls that begin from now on through another stack.
        """
        self._stack = stack

    @property
    def in_flight(self) -> int:
        """
        Calls that were begun and have not ended.
        """
        return len(self._open)

    def leave(self) -> None:
        """
        Refuse every call from now on as not begun.
        """
        self._leaving = True

    async def when_empty(self) -> None:
        """
        Return once no call is open.
        """
        if self._open:
            self._empty = Waiter()
            await self._empty

    def give_up(self, error: CallError) -> int:
        """
        Give up the calls that are still open, and return how many these were.

        Their callers get the error. Those that were given up before have one.
        """
        given_up = [opened for opened in self._open if opened.given_up is None]
        for opened in given_up:
            self.fail(opened.driver, opened.event, error, opened.call)
            opened.give_up(error)
        return len(given_up)

    def accept(self, driver: Driver, event: RequestReceived) -> None:
        """
        Serve one request.
        """
        head = event.head
        served = self._served.get(head.path)
        if served is None or (self._leaving and not driver.accepts_during_drain):
            self._not_served(driver, event)
            return
        reader = served.readers.get(head.codec)
        if reader is None:
            try:
                reader = self._catalog.coders(served, head.codec)[0]
            except CallError as error:
                self.fail(driver, event, error)
                return
        left_s = head.timeout_s
        if left_s is None or left_s > self._max_call_s:
            left_s = self._max_call_s
        body = event.body
        call = Call(
            served.method,
            RawRequest(served, reader, b"" if body is None else body, event.encoding),
            head.metadata,
            driver.received_at + left_s,
            head.caller,
            driver.peer,
        )
        if served.method.unary and body is not None and event.ended:
            self._serve_unary(driver, event, call, served)
        else:
            self._serve_stream(driver, event, call, served, reader)

    def _not_served(self, driver: Driver, event: RequestReceived) -> None:
        """
        Refuse a request, or decode it if that is why its path is not known.
        """
        head = event.head
        leaving = self._leaving and not driver.accepts_during_drain
        if isinstance(head, HeadInBody) and not leaving:
            self._undecoded.accept(self, driver, event, head)
            return
        error = refusal(self._catalog, head.path)
        if self._leaving:
            error = Rejected("this server is stopping and takes no new calls")
        self.fail(driver, event, error)

    def _serve_unary(
        self, driver: Driver, event: RequestReceived, call: Call, served: BoundMethod
    ) -> None:
        try:
            coroutine = self._stack(call)
        except Exception as error:  # noqa: BLE001  # of a filter that is no coroutine function
            self.fail(driver, event, error, call)
            return
        context = copy_context()
        if running_loop() is not None:
            opened = self.open(driver, event, call, served)
            self.run(opened, coroutine, context)
            return
        try:
            waited = context.run(_first_step, call, coroutine)
        except StopIteration as stop:
            self._answer(driver, event, call, served, stop.value)
            call.deadline = inf
        except BaseException as error:  # noqa: BLE001  # the caller gets an answer to any
            self.fail(driver, event, error, call)
            call.deadline = inf
        else:
            opened = self.open(driver, event, call, served)
            run = opened.run = DeferredTask(coroutine, context, opened.done)
            run.wait(waited)
            self._check_connection(opened)

    def _serve_stream(
        self, driver: Driver, event: RequestReceived, call: Call, served: BoundMethod, reader: Coder
    ) -> None:
        opened = self.open(driver, event, call, served)
        mailbox = opened.mailbox = ReceiveStream(driver)
        client_streams = served.method.shape.client_streams
        whole = event.body is not None and event.ended
        if event.body is not None:
            # The first message, or all there is, came with the head.
            mailbox.put(MessageReceived(event.call_id, event.body, event.encoding, 0))
        if event.ended:
            mailbox.close()
        if client_streams:
            call.request.stream = RequestMessages(mailbox, self._payload, reader, self._reading)
        if served.method.server_streams:
            outlet = opened.outlet = self._outlet(driver, event, served)
            coroutine = answer_stream(
                self._stack, call, None if whole else mailbox, outlet, driver, event.call_id
            )
        else:
            coroutine = answer_one(self._stack, call, mailbox)
        self.run(opened, coroutine, copy_context())

    def _outlet(self, driver: Driver, event: RequestReceived, served: BoundMethod) -> SendStream:
        head = event.head
        writer = served.writers[head.codec]
        what = "a response message"
        return SendStream(driver, self._payload, writer, what, head.accepts, event.call_id)

    def open(
        self, driver: Driver, event: RequestReceived, call: Call, served: BoundMethod
    ) -> InFlightCall:
        opened = InFlightCall(driver, event, call, served, self._timers, self._ended, self._goes_on)
        self._open.add(opened)
        return opened

    def _goes_on(self, opened: InFlightCall) -> bool:
        """
        Tell whether a one-way call goes on without its connection.

        Not without bound: a peer that calls and hangs up again and again would escape the
        limit of its connections.
        """
        if len(self._orphans) >= self._max_orphans:
            return False
        self._orphans.add(opened)
        return True

    def run(
        self, opened: InFlightCall, coroutine: Coroutine[Any, Any, Any], context: Context
    ) -> None:
        context.run(serving.set, opened.call)
        if running_loop() is None:
            run = opened.run = DeferredTask(coroutine, context, opened.done)
            run.wait(None)
        else:
            task = opened.run = AsyncioTask(coroutine, context, opened.done)
            task.tell()
        self._check_connection(opened)

    def _check_connection(self, opened: InFlightCall) -> None:
        """
        See to a one-way call that is begun when its connection is lost already.
        """
        if opened.driver.over and opened.run is not None:
            opened.lost(ConnectionLost(f"the connection to {opened.driver.peer} is lost"))

    def _ended(self, opened: InFlightCall, result: Any, error: BaseException | None) -> None:
        """
        An open call's coroutine has ended.
        """
        self._open.discard(opened)
        self._orphans.discard(opened)
        call, given_up = opened.call, opened.given_up
        if given_up is None:
            if error is not None:
                if isinstance(error, InvalidMessage) and error.status is Status.INTERNAL:
                    self._failures.logged(call.method.path, error)  # the method's own mistake
                self.fail(opened.driver, opened.event, error, call)
            elif not call.method.server_streams:
                self._answer(opened.driver, opened.event, call, opened.served, result)
        elif error is not None and not isinstance(error, (*CANCELLED, CallError)):
            self._failures.logged(call.method.path, error)
        if call.method.server_streams or given_up is not None:
            self._failures.end(call, status_of(given_up or error))
        call.deadline = inf
        if self._empty is not None and not self._open:
            waiter, self._empty = self._empty, None
            if not waiter.called:
                waiter.callback(None)

    def _answer(
        self, driver: Driver, event: RequestReceived, call: Call, served: BoundMethod, message: Any
    ) -> None:
        head = event.head
        if head.one_way:
            driver.finish_one_way(event.call_id)
            return
        payload = self._payload
        try:
            body, encoding = payload.write(served.writers[head.codec], message, "the response"), ""
            if call.compression is not None:
                if call.compression in head.accepts:
                    body, encoding = payload.pack_as(body, call.compression)
            elif len(body) > payload.threshold_bytes:
                body, encoding = payload.pack(body, head.accepts)
            driver.respond(event.call_id, body, encoding, call.response_metadata, call.trailers)
        except InvalidMessage as error:
            self._failures.logged(head.path, error)
            self.fail(driver, event, error, call)
        except MessageTooLarge as error:
            self.fail(driver, event, error, call)

    def fail(
        self,
        driver: Driver,
        event: RequestReceived,
        error: BaseException,
        call: Call | None = None,
    ) -> None:
        """
        End a request with an error; ``call`` if one was made of it, for what it said.
        """
        told = self._failures.told(event.head.path, error)
        if event.head.one_way:
            driver.finish_one_way(event.call_id)
            return
        status = told.status
        if status is Status.INVALID_ARGUMENT and isinstance(error, InvalidMessage):
            status = driver.unreadable_status
        said = EMPTY
        if call is not None:
            said = call.trailers
            if call.response_metadata is not EMPTY and not call.method.server_streams:
                begin_failure(driver, event.call_id, call, error)
        driver.finish(
            event.call_id,
            status,
            told.message,
            told.details,
            Metadata(said.pairs + told.trailers),
            told.hints,
            told.retry_after_s,
        )


def _first_step(call: Call, coroutine: Coroutine[Any, Any, Any]) -> Any:
    serving.set(call)
    return coroutine.send(None)
