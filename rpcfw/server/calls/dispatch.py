"""
The innermost step of a server's stack: decode the request, run the method.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CoroutineType
from typing import Any, NoReturn

import msgspec
from twisted.internet.defer import Deferred

from rpcfw.errors import ApplicationError, CallError, InvalidMessage
from rpcfw.server.calls.decode_thread import DecodeThread
from rpcfw.server.calls.method_table import BoundMethod
from rpcfw.server.calls.thread_pool import BlockingThreads, QueueTimeout
from rpcfw.spi.codec import Coder
from rpcfw.spi.events import ParsedBody
from rpcfw.spi.filter import CallStep
from rpcfw.status import Hint, Status
from rpcfw.transport.payload import Payload, read_refused
from rpcfw.values.call import Call
from rpcfw.values.metadata import EMPTY, STRICT

__all__ = ["RawRequest", "dispatch", "forget_origin"]


class RawRequest(msgspec.Struct, eq=False):
    """
    The value of ``call.request`` until the innermost step: a request that is not decoded.

    Args:
        bound: the method.
        reader: decodes its message.
        body: the bytes of its message.
        encoding: their compression, empty for none.
        stream: the messages of a client that streams, instead of a body.
    """

    bound: BoundMethod
    reader: Coder
    body: bytes
    encoding: str
    stream: Any = None


#: An error names so many unknown parameters.
_MAX_NAMES_SHOWN = 5


def dispatch(
    payload: Payload,
    threads: BlockingThreads,
    decode_thread: DecodeThread,
    seconds: Callable[[], float],
) -> CallStep:
    """
    Return the step that runs methods.

    Args:
        payload: decodes small requests.
        threads: run blocking methods.
        decode_thread: decodes requests that take long.
        seconds: the clock that phases are measured with.
    """

    async def step(call: Call) -> Any:
        raw: RawRequest = call.request
        bound = raw.bound
        request = raw.stream
        if request is None:
            body, reader = raw.body, raw.reader
            if raw.encoding or len(body) > reader.at_once_bytes:
                request = await _read_in_thread(decode_thread, raw)
            else:
                try:
                    request = reader.decode(body)
                except Exception as error:  # noqa: BLE001  # of whatever kind the codec raises
                    _refuse(error)
        call.request = request if call.phases is None else _noted(call, raw, request, seconds)
        unpack = bound.unpack
        # Most calls have no metadata, and pay for one comparison only.
        if call.metadata is not EMPTY and unpack is not None and STRICT in call.metadata:
            await _refuse_unknown(payload, decode_thread, raw)
        if bound.blocking:
            return await _run_in_thread(threads, bound, request, call)
        function = bound.function
        try:
            # One argument is passed as such: a tuple of arguments costs more.
            result = function(request) if unpack is None else function(*unpack(request))
            if bound.is_coroutine or isinstance(result, (CoroutineType, Deferred)):
                return await result
            return result
        except CallError as error:
            forget_origin(error)
            raise

    return step


async def _run_in_thread(
    threads: BlockingThreads, bound: BoundMethod, request: Any, call: Call
) -> Any:
    arguments = (request,) if bound.unpack is None else bound.unpack(request)
    # Outside of the `try`: a refusal of the pool keeps its hints, for no method has begun.
    running = threads.run(bound.function, arguments, call)
    try:
        return await running
    except CallError as error:
        forget_origin(error)
        raise


def forget_origin(error: CallError) -> None:
    """
    Remove from an error what is true of another call only.

    A method may let an error of a call that it made pass to its own caller. The hints of that
    call, as "not begun", say nothing about this method, which has begun. Details and trailers
    of that call were for the method, not for its caller.
    """
    if isinstance(error, (ApplicationError, QueueTimeout)):
        return
    error.hints = Hint.NONE
    if error.remote:
        error.details, error.trailers, error.retry_after_s = b"", (), None


def _noted(call: Call, raw: RawRequest, request: Any, seconds: Callable[[], float]) -> Any:
    """
    Return a request that is decoded, and note that it is.
    """
    body = raw.body
    assert call.phases is not None
    call.phases.decoded(seconds(), len(body.sent if isinstance(body, ParsedBody) else body))
    return request


async def _refuse_unknown(payload: Payload, decode_thread: DecodeThread, raw: RawRequest) -> None:
    """
    Refuse parameters that the method does not have.

    Usually they are ignored, so that clients may be newer than their servers.
    """
    if isinstance(raw.body, ParsedBody):
        return  # the wire decoded it, and refuses what does not fit
    method = raw.bound.method
    coder = payload.coder(method.codec, dict[str, Any])
    given = await decode_thread.read(coder, raw.body, raw.encoding, "the request")
    known = {field.encode_name for field in msgspec.structs.fields(method.request_type)}
    unknown = sorted(given.keys() - known)
    if unknown:
        names = ", ".join(map(repr, unknown[:_MAX_NAMES_SHOWN]))
        takes = ", ".join(sorted(known)) or "none"
        raise InvalidMessage(
            f"{method.path} has no parameter {names}; it has: {takes}",
            status=Status.INVALID_ARGUMENT,
        )


def _refuse(error: Exception) -> NoReturn:
    """
    Raise what the caller gets, because of an error of the codec that read its request.
    """
    try:
        read_refused(error, "the request")
    except InvalidMessage as invalid:
        invalid.status = Status.INVALID_ARGUMENT  # the caller is at fault
        raise


async def _read_in_thread(decode_thread: DecodeThread, raw: RawRequest) -> Any:
    try:
        return await decode_thread.read(raw.reader, raw.body, raw.encoding, "the request")
    except InvalidMessage as error:
        error.status = Status.INVALID_ARGUMENT
        raise
