"""
The metadata, the trailers and the peer of a unary response.

A stream has methods for its metadata and trailers. A call with one response returns only the
response. A caller who wants the rest opens a block around the call::

    with rpcfw.call_details() as details:
        reply = await shop.create(order)
    print(details.trailers.get("cost"))

A call looks for a block only while one is open somewhere in the process. The check is one test
of a set, so calls without a block cost almost nothing more.
"""

from __future__ import annotations

from contextvars import ContextVar
from types import TracebackType
from typing import Any

from rpcfw.errors import CallError
from rpcfw.spi.filter import CallStep
from rpcfw.values.call import Call
from rpcfw.values.metadata import EMPTY, Metadata

__all__ = ["CallDetails", "active_captures", "call_details", "current_capture"]


class CallDetails:
    """
    What came with the response of the call that ended last in a block.

    It is the final response: after all retries and hedging, and after the filters. If several
    calls run at once in one block, the last one to end is kept. To get the details of each, open
    a block for each, in its own coroutine or thread. Blocks nest: the innermost captures. After
    its end a block captures nothing more.

    Attributes:
        method: the method that was called, as ``service/method``; empty before the first call.
        peer: address of the server that answered or failed.
        metadata: the metadata before the message.
        trailers: the metadata after the message, or with the error.
    """

    __slots__ = ("_outer", "metadata", "method", "peer", "trailers")

    def __init__(self) -> None:
        self.method = ""
        self.peer = ""
        self.metadata: Metadata = EMPTY
        self.trailers: Metadata = EMPTY
        self._outer: CallDetails | None = None

    def __enter__(self) -> CallDetails:
        self._outer = _inner.get()
        _inner.set(self)
        active_captures.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        active_captures.discard(self)
        # Not by a token: a generator may be ended in another context than it began in.
        _inner.set(self._outer)

    async def follow(self, call: Call, stack: CallStep) -> Any:
        """
        Take a call through its stack, and note what came.
        """
        try:
            response = await stack(call)
        except CallError as error:
            began = Metadata(error.metadata) if error.metadata else call.response_metadata
            self._note(call, began, Metadata(error.trailers))
            raise
        self._note(call, call.response_metadata, call.trailers)
        return response

    def _note(self, call: Call, metadata: Metadata, trailers: Metadata) -> None:
        if self in active_captures:
            self.method, self.peer = call.method.path, call.peer
            self.metadata, self.trailers = metadata, trailers


#: The blocks of `call_details` that are open now, in all threads.
active_captures: set[CallDetails] = set()

_inner: ContextVar[CallDetails | None] = ContextVar("rpcfw.call_details", default=None)


def call_details() -> CallDetails:
    """
    Return a block that captures metadata and trailers of the responses of calls made in it.
    """
    return CallDetails()


def current_capture() -> CallDetails | None:
    """
    Return what listens to the calls that the running code makes, if anything does.
    """
    return _inner.get()
