"""
The caller's side of a call that streams.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.client.deadline_error import deadline_error
from rpcfw.errors import CallError, Cancelled, DeadlineExceeded, InvalidMessage, Unimplemented
from rpcfw.spi.codec import Coder
from rpcfw.spi.events import (
    CallEnded,
    MessageReceived,
    RequestHead,
    ResponseReceived,
    ResponseStarted,
)
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import CANCELLED, Waiter, spawn
from rpcfw.spi.stream import Stream
from rpcfw.status import Hint, Status
from rpcfw.transport.connection.driver import Driver, Listener, error_of
from rpcfw.transport.payload import Payload
from rpcfw.transport.streams.receive_stream import ReceiveStream
from rpcfw.transport.streams.send_stream import SendStream
from rpcfw.values.call import Call
from rpcfw.values.metadata import Metadata
from rpcfw.values.stream_messages import StreamMessages
from rpcfw.values.traced_error import traced_error

__all__ = ["CallStream"]


class CallStream(Stream, Listener):
    """
    One streaming call on one connection.

    Giving up a wait for it, to read or to send, gives up the call: nobody else can be
    waiting, so nobody would ever end it.

    Args:
        call: it.
        driver: the connection.
        payload: how messages become bytes and back.
        writer: of requests.
        reader: of responses.
        timers: where its deadline is watched.
    """

    log = Logger()

    def __init__(
        self,
        call: Call,
        driver: Driver,
        payload: Payload,
        writer: Coder,
        reader: Coder,
        timers: Timers,
    ) -> None:
        self._call = call
        self._driver = driver
        self._payload = payload
        self._writer = writer
        self._reader = reader
        self._timers = timers
        self._messages = StreamMessages(timers.seconds())
        if call.phases is not None:
            call.phases.messages = self._messages
        self._mailbox = ReceiveStream(driver, self._messages)
        self._outlet: SendStream | None = None
        self._pump: Deferred[None] | None = None
        self._call_id = 0
        self._over = False
        self._status = Status.OK
        self._sent_all = False
        self._begun = False
        self._handed_up = False
        self._error: BaseException | None = None
        self._waiting: dict[Waiter[None], None] = {}

    def open(self, head: RequestHead) -> None:
        """
        Begin the call.

        Raises:
            Overloaded: the connection takes no more. Nothing was done.
        """
        call, driver = self._call, self._driver
        if call.method.shape.client_streams:
            outlet = self._outlet = SendStream(
                driver,
                self._payload,
                self._writer,
                "a request message",
                driver.accepts,
                self._messages,
            )
            if call.compression is not None:
                outlet.compress(call.compression)
            self._call_id = outlet.call_id = driver.open_stream(head, outlet.encoding, self)
        else:
            self._sent_all = True
            body, encoding = self._payload.write(self._writer, call.request, "the request"), ""
            if call.compression is not None:
                body, encoding = self._payload.compress_as(body, call.compression)
            elif len(body) > self._payload.threshold_bytes:
                body, encoding = self._payload.compress(body, driver.accepts)
            self._call_id = driver.request(head, body, encoding, self)
            self._messages.sent = 1
        self._timers.watch(call.deadline, self)

    async def begin(self) -> None:
        """
        Send what there is to send by itself.

        If only the server streams, return when it has begun to answer, so that a
        refusal can still be retried.
        """
        call = self._call
        if self._outlet is None:
            try:
                await self._when_begun()
            except CANCELLED:
                self.cancel()
                raise
        elif call.request is not None:
            self._begin_sending(call.request)
        if call.method.server_streams:
            call.stream = self
            self._handed_up = True
            if self._over:
                self._tell_end()

    async def _when_begun(self) -> None:
        """
        Return once the server has begun to answer.

        Raises:
            BaseException: it ended before, with this.
        """
        if not self._begun:
            waiter: Waiter[None] = Waiter()
            self._waiting[waiter] = None
            try:
                await waiter
            finally:  # given up: a stream that lasts must not gather them
                self._waiting.pop(waiter, None)
        if self._error is not None:
            raise self._error

    def _begin_sending(self, messages: Any) -> None:
        self._pump = spawn(self._send_all(messages))
        self._pump.addErrback(lambda _: None)  # reported to the reader
        if self._over:
            self._pump.cancel()

    async def _send_all(self, messages: Any) -> None:
        try:
            if isinstance(messages, AsyncIterable):
                async for message in messages:
                    await self.send(message)
            else:
                for message in messages:
                    await self.send(message)
            await self.end()
        except CANCELLED:
            raise
        except BaseException as error:  # noqa: BLE001  # reported to the reader
            # The user's own iterator failed, or gave what cannot be written: the call
            # fails with that, rather than go on with half of its messages.
            if isinstance(error, CallError):
                error.hints = Hint.NONE  # some of them may have been sent, whatever it says
            self._pump = None
            self._give_up(error)
        finally:
            # The server may have ended the call early: then the iterator is not at its end.
            close = getattr(messages, "aclose", None)
            if close is not None:
                await close()

    # Stream.

    def __aiter__(self) -> CallStream:
        return self

    async def __anext__(self) -> Any:
        try:
            message = await self._mailbox.take()
        except CANCELLED:
            self.cancel()
            raise
        if message is None:
            raise StopAsyncIteration
        try:
            return self._payload.read(self._reader, *message, "a response")
        except CallError as error:
            self._give_up(error)
            raise

    async def only_response(self) -> Any:
        """
        Return the one response of a call of which the client streams.
        """
        try:
            message = await self._mailbox.take()
            if message is None or await self._mailbox.take() is not None:
                raise Unimplemented(f"{self._call.method.path} did not answer with one message")
            return self._payload.read(self._reader, *message, "the response")
        except CANCELLED:
            self.cancel()
            raise
        except CallError as error:
            # Else its requests would be sent on until its deadline.
            self._give_up(error)
            raise

    async def send(self, message: Any) -> None:
        if self._outlet is None or self._sent_all:
            raise InvalidMessage(f"{self._call.method.path}: no message can be sent now")
        try:
            await self._outlet.send(message)
        except CANCELLED:
            self.cancel()
            raise

    async def end(self) -> None:
        if not self._sent_all:
            self._sent_all = True
            if not self._over:
                self._driver.end(self._call_id)

    def cancel(self) -> None:
        self._give_up(Cancelled("the call was given up"))

    async def metadata(self) -> Metadata:
        await self._when_begun()
        return self._call.response_metadata

    @property
    def trailers(self) -> Metadata:
        return self._call.trailers

    # Listener, and Expiring.

    def started(self, event: ResponseStarted) -> None:
        self._call.response_metadata = event.metadata
        self._has_begun()

    def message(self, event: MessageReceived) -> None:
        if not self._messages.received:
            self._messages.first_at = self._timers.seconds()
            self._has_begun()
        self._mailbox.put(event)

    def responded(self, event: ResponseReceived) -> None:
        call = self._call
        call.response_metadata, call.trailers = event.metadata, event.trailers
        self.message(MessageReceived(event.call_id, event.body, event.encoding, 0))
        self._close(None)

    def writable(self) -> None:
        if self._outlet is not None:
            self._outlet.writable()

    def ended(self, event: CallEnded) -> None:
        self._call.trailers = event.trailers
        if event.metadata.pairs:
            self._call.response_metadata = event.metadata
        if event.status is Status.OK:
            self._close(None)
        else:
            error = error_of(event)
            error.metadata = self._call.response_metadata.pairs
            self._close(deadline_error(error, self._call, self._timers.seconds()))

    def lost(self, error: CallError) -> None:
        self._close(error)

    def expire(self) -> None:
        path = self._call.method.path
        self._give_up(DeadlineExceeded(f"the stream of {path} had not ended at its deadline"))

    # Ends.

    def _give_up(self, error: BaseException) -> None:
        if not self._over:
            self._driver.cancel(self._call_id)
            self._close(error)

    def _close(self, error: BaseException | None) -> None:
        if self._over:
            return
        self._over = True
        trace = self._call.trace
        if trace is not None and isinstance(error, CallError):
            error = traced_error(error, trace.trace_id)  # it may be raised outside of all filters
        if not self._begun:
            self._error = error
        self._timers.forget(self._call.deadline, self)
        self._mailbox.close(error)
        if self._outlet is not None:
            gone = error if isinstance(error, CallError) else Cancelled("the call has ended")
            self._outlet.close(gone)
        if self._pump is not None:
            self._pump.cancel()
        if error is not None:
            self._status = error.status if isinstance(error, CallError) else Status.CANCELLED
        self._has_begun()
        if self._handed_up:
            self._tell_end()

    def _tell_end(self) -> None:
        """
        Tell the filters that the stream has ended.

        Only once it was handed up: before, its end is what they see raised, and it
        may be that of one attempt only.
        """
        try:
            self._call.end(self._status, self._end_failed)
        except Exception as error:  # noqa: BLE001  # a filter's bug is not the stream's
            self._end_failed(error)

    def _end_failed(self, error: Exception) -> None:
        call = self._call
        self.log.failure(
            "a filter failed at the end of {path}",
            Failure(error),
            path=call.method.path,
            trace_id=call.trace_id,
        )

    def _has_begun(self) -> None:
        self._begun = True
        waiting, self._waiting = self._waiting, {}
        for waiter in waiting:
            if not waiter.called:
                waiter.callback(None)
