"""
Requests whose head stands in their body: decoded here, and served as all others then.

Theory of operation. Until the body is decoded, nothing is known of such a request but its
connection and its size. So first comes what needs no more: the server may be stopping, and
filters at ADMISSION may refuse it (`Filter.needs_head`). Then the body is decoded, here
and now if it is small, else in the decode thread, where a full queue is a refusal. Without
such a filter, a small request takes the same fast path as any other.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final

from rpcfw.errors import CallError, InvalidMessage, Unimplemented
from rpcfw.server.calls.decode_thread import Reading
from rpcfw.server.calls.dispatch import RawRequest
from rpcfw.server.calls.errors import refusal
from rpcfw.server.calls.method_table import BoundMethod, MethodTable
from rpcfw.server.calls.open_call import InFlightCall
from rpcfw.server.stack import ServerStack
from rpcfw.spi.events import DecodedRequest, HeadInBody, RequestHead, RequestReceived
from rpcfw.status import Hint, Status
from rpcfw.transport.connection.driver import Driver
from rpcfw.values.call import Call
from rpcfw.values.metadata import EMPTY
from rpcfw.values.method import Method, Shape

if TYPE_CHECKING:
    from rpcfw.server.calls.intake import RequestAcceptor

__all__ = ["UndecodedRequests"]


def _no_method(*_: object) -> Any:
    raise AssertionError("a request is served before it is decoded")


#: Stands for the method of a request until that is known.
_UNDECODED: Final = BoundMethod(
    method=Method("(undecoded)", "", Shape.UNARY, None, None, ""),
    function=_no_method,
    spread=None,
    is_coroutine=False,
    blocking=False,
    readers={},
    writers={},
)


class UndecodedRequests:
    """
    Takes requests with a `HeadInBody`.

    Args:
        methods: what is served.
        reading: reads bodies, those that take long in a thread.
        stack: the server's filters, and the step inside of them.
        max_call_s: limit for calls whose caller named none, or a longer one.
    """

    def __init__(
        self,
        methods: MethodTable,
        reading: Reading,
        stack: ServerStack,
        max_call_s: float,
    ) -> None:
        self._methods = methods
        self._reading = reading
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
            await self._decode(call)
            return await serve(call)

        self._admit = whole.build(decode, lambda filter: not filter.needs_head)

    def accept(
        self, acceptor: RequestAcceptor, driver: Driver, event: RequestReceived, head: HeadInBody
    ) -> None:
        """
        Serve a request that was not refused for the server's own state.

        Args:
            acceptor: takes it once it is decoded.
        """
        body = event.body or b""
        if self._has_admission or event.encoding or len(body) > head.at_once_bytes:
            self._begin(acceptor, driver, event)
            return
        try:
            decoded: DecodedRequest = self._reading.payload.read(head, body, "", "the request")
            self._check(decoded.head.path)
        except CallError as error:
            acceptor.fail(driver, event, _as_callers_fault(error))
        else:
            acceptor.accept(driver, _event_of(event, decoded))

    def _begin(self, acceptor: RequestAcceptor, driver: Driver, event: RequestReceived) -> None:
        """
        Have filters look at a request that is not decoded, or decode it in a thread.
        """
        deadline = self._deadline(driver.received_at, event.head)
        call = Call(_UNDECODED.method, None, EMPTY, deadline, "", driver.peer)
        opened = acceptor.open(driver, event, call, _UNDECODED)
        call.request = opened, driver.received_at
        acceptor.run(opened, self._admit(call), copy_context())

    async def _decode(self, call: Call) -> None:
        """
        Find out the head of an admitted call.
        """
        opened: InFlightCall
        opened, arrived_at = call.request
        event, head = opened.event, opened.event.head
        assert isinstance(head, HeadInBody)
        body = event.body or b""
        try:
            decoded = await self._reading.read(head, body, event.encoding, "the request")
        except InvalidMessage as error:
            raise _as_callers_fault(error) from None
        served = self._check(decoded.head.path)
        if served is None:
            raise refusal(self._methods, decoded.head.path)
        reader, _ = self._methods.coders(served, decoded.head.codec)
        opened.event, opened.served = _event_of(event, decoded), served
        call.method = served.method
        call.metadata = decoded.head.metadata
        call.caller = decoded.head.caller
        call.request = RawRequest(served, reader, decoded.body, decoded.encoding)
        opened.set_deadline(self._deadline(arrived_at, decoded.head))

    def _deadline(self, arrived_at: float, head: RequestHead) -> float:
        left_s = head.timeout_s
        return arrived_at + (self._max_call_s if left_s is None else min(left_s, self._max_call_s))

    def _check(self, path: str) -> BoundMethod | None:
        """
        Return a method, if it is served.

        Raises:
            Unimplemented: it streams, which no wire does that has its head in the body.
        """
        served = self._methods.served.get(path)
        if served is not None and not served.method.unary:
            text = f"{path} streams, and this wire carries calls with one message each way only"
            raise Unimplemented(text, hints=Hint.NOT_BEGUN)
        return served


def _event_of(event: RequestReceived, decoded: DecodedRequest) -> RequestReceived:
    return RequestReceived(event.call_id, decoded.head, decoded.body, decoded.encoding, True)


def _as_callers_fault(error: CallError) -> CallError:
    if isinstance(error, InvalidMessage):
        error.status = Status.INVALID_ARGUMENT
    return error
