"""
Requests whose head is in their body: decoded here, then served as all others.

Theory of operation. Before the body is decoded, only the connection and the size of such a
request are known. So what needs no more comes first: the server may be stopping, and filters
that need no head may refuse the request (`Filter.needs_head`). Then the body is decoded: at
once if it is small, else in the decode thread, which refuses requests when its queue is full.
Without such filters a small request takes the same fast path as any other.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from rpcfw.errors import CallError, InvalidMessage, Unimplemented
from rpcfw.server.calls.decode_thread import DecodeThread
from rpcfw.server.calls.dispatch import RawRequest
from rpcfw.server.calls.errors import refusal
from rpcfw.server.calls.in_flight_call import InFlightCall
from rpcfw.server.calls.method_table import BoundMethod, MethodTable
from rpcfw.server.stack import ServerStack
from rpcfw.spi.codec import Coder
from rpcfw.spi.events import (
    DecodedRequest,
    HeadInBody,
    ParsedBody,
    RequestHead,
    RequestReceived,
)
from rpcfw.spi.filter import CallStep
from rpcfw.status import Hint, Status
from rpcfw.transport.connection.driver import Driver
from rpcfw.values.call import Call
from rpcfw.values.metadata import EMPTY
from rpcfw.values.method import Method, Shape

if TYPE_CHECKING:
    from rpcfw.server.calls.request_acceptor import RequestAcceptor

__all__ = ["UndecodedRequests"]


def _no_method(*_: object) -> Any:
    raise AssertionError("a request is served before it is decoded")


#: The method of a request that is not decoded.
_UNDECODED: Final = BoundMethod(
    method=Method("(undecoded)", "", Shape.UNARY, None, None, ""),
    function=_no_method,
    unpack=None,
    is_coroutine=False,
    blocking=False,
    readers={},
    writers={},
)
#: The method of a request that the protocol has answered; its response is encoded already.
_ANSWERED: Final = evolve(_UNDECODED, writers={"": Coder(bytes, bytes)})


class UndecodedRequests:
    """
    Serves requests with a `HeadInBody`.

    Args:
        methods: what is served.
        reading: reads bodies, those that take long in a thread.
        stack: the server's filters, and the step inside of them.
        max_call_s: limit for calls whose caller named none, or a longer one.
    """

    def __init__(
        self,
        methods: MethodTable,
        decode_thread: DecodeThread,
        stack: ServerStack,
        max_call_s: float,
    ) -> None:
        self._methods = methods
        self._decode_thread = decode_thread
        self._max_call_s = max_call_s
        self.use(stack)

    def use(self, stack: ServerStack) -> None:
        """
        Take the requests that come from now on through other filters.
        """
        whole, run_method = stack.stack, stack.run_method
        filters = [step.filter for step in whole if step.filter is not None]
        self._has_admission = not all(filter.needs_head for filter in filters)
        serve = whole.build(run_method, lambda filter: filter.needs_head)

        async def decode(call: Call) -> Any:
            # Not by an attribute: what was admitted by some filters is served by the same.
            answer = await self._decode(call)
            return await serve(call) if answer is None else answer

        self._admit = whole.build(decode, lambda filter: not filter.needs_head)

    def accept(
        self, acceptor: RequestAcceptor, driver: Driver, event: RequestReceived, head: HeadInBody
    ) -> None:
        """
        Serve a request. Whether the server is stopping has been looked at.

        Args:
            acceptor: gets it when it is decoded.
        """
        body = event.body or b""
        if self._has_admission or event.encoding or len(body) > head.at_once_bytes:
            self._begin(acceptor, driver, event)
            return
        try:
            # Not by `Payload.read`, which adds a call to each request and nothing to these: they
            # are not compressed.
            decoded = head.decode(body)
            if decoded.response is None:
                self._check(decoded.head.path)
        except Exception as error:  # noqa: BLE001  # whatever it is, the caller's body caused it
            acceptor.fail(driver, event, _as_callers_fault(error))
            return
        if decoded.response is not None:
            acceptor.answer(driver, event, _call_of(driver), _ANSWERED, decoded.response)
            return
        # The same event: nobody else has it, and another would have to be made for each call.
        event.head, event.body = decoded.head, decoded.body
        event.encoding = decoded.encoding
        acceptor.accept(driver, event)

    def _begin(self, acceptor: RequestAcceptor, driver: Driver, event: RequestReceived) -> None:
        """
        Run the filters that need no head, or decode the body in the thread.
        """
        deadline = self._deadline(driver.received_at, event.head)
        call = Call(_UNDECODED.method, None, EMPTY, deadline, "", driver.peer, driver.identity)
        call.wire = driver.wire
        in_flight = acceptor.open(driver, event, call, _UNDECODED)
        call.request = in_flight, driver.received_at
        acceptor.run(in_flight, _through(self._admit, call), copy_context())

    async def _decode(self, call: Call) -> bytes | None:
        """
        Find out the head of an admitted call. Return its response, if there is one already.
        """
        in_flight: InFlightCall
        in_flight, arrived_at = call.request
        event, head = in_flight.event, in_flight.event.head
        assert isinstance(head, HeadInBody)
        body = event.body or b""
        try:
            decoded: DecodedRequest = await self._decode_thread.read(
                head, body, event.encoding, "the request"
            )
        except InvalidMessage as error:
            raise _as_callers_fault(error) from None
        if decoded.response is not None:
            in_flight.bound = _ANSWERED
            return decoded.response
        bound = self._check(decoded.head.path)
        if bound is None:
            raise refusal(self._methods, decoded.head.path)
        reader, _ = self._methods.coders(bound, decoded.head.codec)
        in_flight.event, in_flight.bound = _event_of(event, decoded), bound
        call.method = bound.method
        call.metadata = decoded.head.metadata
        call.caller = decoded.head.caller
        call.request = RawRequest(bound, reader, decoded.body, decoded.encoding)
        if event.encoding and isinstance(decoded.body, ParsedBody):
            decoded.body.span = body, 0, len(body)  # it was sent compressed
        in_flight.set_deadline(self._deadline(arrived_at, decoded.head))
        return None

    def _deadline(self, arrived_at: float, head: RequestHead) -> float:
        left_s = head.timeout_s
        return arrived_at + (self._max_call_s if left_s is None else min(left_s, self._max_call_s))

    def _check(self, path: str) -> BoundMethod | None:
        """
        Return a method, if it is served.

        Raises:
            Unimplemented: it streams, which no wire does that has its head in the body.
        """
        bound = self._methods.by_path.get(path)
        if bound is not None and not bound.method.unary:
            text = f"{path} streams, and this wire carries calls with one message each way only"
            raise Unimplemented(text, hints=Hint.NOT_BEGUN)
        return bound


def _call_of(driver: Driver) -> Call:
    call = Call(_UNDECODED.method, None, EMPTY, driver.received_at, "", driver.peer)
    call.wire = driver.wire
    return call


async def _through(admit: CallStep, call: Call) -> Any:
    """
    Take a call through a stack. What a plain function in it raises is this call's own error.
    """
    try:
        return await admit(call)
    finally:
        if call.method is _UNDECODED.method:
            call.request = None  # it has the call in flight, which has this call: a cycle


def _event_of(event: RequestReceived, decoded: DecodedRequest) -> RequestReceived:
    return RequestReceived(event.call_id, decoded.head, decoded.body, decoded.encoding, True)


def _as_callers_fault(error: Exception) -> CallError:
    if not isinstance(error, CallError):
        cause, error = error, InvalidMessage(f"the request cannot be read: {error}")
        error.__cause__ = cause
    if isinstance(error, InvalidMessage):
        error.status = Status.INVALID_ARGUMENT
    return error
