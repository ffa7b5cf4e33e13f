"""
The innermost step of a served call: read the request, run the method.
"""

from __future__ import annotations

from types import CoroutineType
from typing import Any

import msgspec
from attrs import define
from twisted.internet.defer import Deferred

from rpcfw.errors import ApplicationError, CallError, InvalidMessage
from rpcfw.server.calls.decode_thread import Reading
from rpcfw.server.calls.method_table import BoundMethod
from rpcfw.server.calls.thread_pool import BlockingThreads
from rpcfw.spi.codec import Coder
from rpcfw.spi.filter import CallStep
from rpcfw.status import Hint, Status
from rpcfw.transport.payload import Payload
from rpcfw.values.call import Call
from rpcfw.values.metadata import EMPTY, STRICT

__all__ = ["RawRequest", "disown", "dispatch"]


@define(eq=False)
class RawRequest:
    """
    What stands in ``call.request`` until the innermost step: a request not yet read.

    Args:
        served: the method.
        reader: how its message is read.
        body: the bytes of its message.
        encoding: their compression, empty for none.
        stream: if the client streams: its messages, instead of the above.
    """

    served: BoundMethod
    reader: Coder
    body: bytes
    encoding: str
    stream: Any = None


#: Unknown parameters that an error names at most.
_NAMES_SHOWN = 5


def dispatch(payload: Payload, threads: BlockingThreads, reading: Reading) -> CallStep:
    """
    Return the step that runs methods; blocking ones in ``threads``.

    Requests that take long to read are read by ``reading``.
    """

    async def step(call: Call) -> Any:
        pending: RawRequest = call.request
        served = pending.served
        request = pending.stream
        if request is None:
            body, reader = pending.body, pending.reader
            if pending.encoding or len(body) > reader.at_once_bytes:
                request = await _read_apart(reading, pending)
            else:
                request = _read(payload, pending)
        call.request = request
        spread = served.spread
        if spread is None:
            arguments: tuple[Any, ...] = (request,)
        else:
            # Most calls bring no metadata: they pay for one comparison.
            if call.metadata is not EMPTY and STRICT in call.metadata:
                await _refuse_unknown(payload, reading, pending)
            arguments = spread(request)
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
        except CallError as error:
            disown(error)
            raise

    return step


def disown(error: CallError) -> None:
    """
    Make an error that left a method the method's own.

    It may come from a call that the method made itself. What the peer of that one
    promised of its own work says nothing about this method, which has begun; and what
    it sent along was for the method, not for the method's caller.
    """
    if isinstance(error, ApplicationError):
        return
    error.hints = Hint.NONE
    if error.remote:
        error.details, error.trailers, error.retry_after_s = b"", (), None


async def _refuse_unknown(payload: Payload, reading: Reading, pending: RawRequest) -> None:
    """
    Refuse parameters that the method does not have.

    They are ignored otherwise, so that clients may be newer than their servers.
    """
    method = pending.served.method
    coder = payload.coder(method.codec, dict[str, Any])
    given = await reading.read(coder, pending.body, pending.encoding, "the request")
    known = {field.encode_name for field in msgspec.structs.fields(method.request_type)}
    unknown = sorted(given.keys() - known)
    if unknown:
        names = ", ".join(map(repr, unknown[:_NAMES_SHOWN]))
        takes = ", ".join(sorted(known)) or "none"
        raise InvalidMessage(
            f"{method.path} has no parameter {names}; it has: {takes}",
            status=Status.INVALID_ARGUMENT,
        )


async def _read_apart(reading: Reading, pending: RawRequest) -> Any:
    try:
        return await reading.read(pending.reader, pending.body, pending.encoding, "the request")
    except InvalidMessage as error:
        error.status = Status.INVALID_ARGUMENT
        raise


def _read(payload: Payload, pending: RawRequest) -> Any:
    try:
        return payload.read(pending.reader, pending.body, pending.encoding, "the request")
    except InvalidMessage as error:
        # Whoever wrote it is at fault, and is told so.
        error.status = Status.INVALID_ARGUMENT
        raise
