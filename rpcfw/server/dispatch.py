"""
The innermost step of a served call: read the request, run the method.
"""

from __future__ import annotations

from types import CoroutineType
from typing import Any

from attrs import define
from twisted.internet.defer import Deferred

from rpcfw.errors import ApplicationError, CallError, InvalidMessage
from rpcfw.server.catalog import Served
from rpcfw.server.threads import BlockingThreads
from rpcfw.spi.codec import Coder
from rpcfw.spi.filter import CallStep
from rpcfw.status import Hint, Status
from rpcfw.transport.payload import Payload
from rpcfw.values.call import Call

__all__ = ["Pending", "dispatch"]


@define(eq=False)
class Pending:
    """
    What stands in ``call.request`` until the innermost step: a request not yet read.

    Args:
        served: the method.
        reader: how its message is read.
        body: the bytes of its message.
        encoding: their compression, empty for none.
        stream: if the client streams: its messages, instead of the above.
    """

    served: Served
    reader: Coder
    body: bytes
    encoding: str
    stream: Any = None


def dispatch(payload: Payload, threads: BlockingThreads) -> CallStep:
    """
    Return the step that runs methods; blocking ones in ``threads``.
    """

    async def step(call: Call) -> Any:
        pending: Pending = call.request
        served = pending.served
        request = pending.stream
        if request is None:
            request = _read(payload, pending)
        call.request = request
        spread = served.spread
        arguments = (request,) if spread is None else spread(request)
        # A refusal of the pool is its own, not the method's, so it is not in the `try`.
        running = threads.run(served.function, arguments) if served.blocking else None
        try:
            if running is not None:
                return await running
            if served.is_coroutine:
                return await served.function(*arguments)
            result = served.function(*arguments)
            if isinstance(result, (CoroutineType, Deferred)):
                return await result
            return result
        except ApplicationError:
            raise
        except CallError as error:
            # It came from a call that the method made itself. What that peer promised
            # of its own work says nothing about this method, which has begun.
            error.hints = Hint.NONE
            raise

    return step


def _read(payload: Payload, pending: Pending) -> Any:
    try:
        return payload.read(pending.reader, pending.body, pending.encoding, "the request")
    except InvalidMessage as error:
        # Whoever wrote it is at fault, and is told so.
        error.status = Status.INVALID_ARGUMENT
        raise
