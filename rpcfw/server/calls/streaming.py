"""
Serving calls that stream: messages in as an iterator, messages out one by one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from rpcfw.errors import CallError, InvalidMessage, Unimplemented
from rpcfw.server.calls.decode_thread import Reading
from rpcfw.server.calls.dispatch import RawRequest, disown
from rpcfw.spi.codec import Coder
from rpcfw.spi.filter import CallStep
from rpcfw.status import Hint, Status
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.payload import Payload
from rpcfw.transport.streams.receive_stream import ReceiveStream
from rpcfw.transport.streams.send_stream import SendStream
from rpcfw.values.call import Call

__all__ = ["RequestMessages", "answer_one", "answer_stream", "begin_failure"]


class RequestMessages(AsyncIterator[Any]):
    """
    What a method of a client-streaming call iterates over.

    Args:
        mailbox: where the messages come.
        payload: how they are read.
        reader: of their type.
        reading: reads those that take long.
    """

    def __init__(
        self, mailbox: ReceiveStream, payload: Payload, reader: Coder, reading: Reading
    ) -> None:
        self._mailbox = mailbox
        self._payload = payload
        self._reader = reader
        self._reading = reading

    def __aiter__(self) -> RequestMessages:
        return self

    async def __anext__(self) -> Any:
        message = await self._mailbox.take()
        if message is None:
            raise StopAsyncIteration
        reader = self._reader
        body, encoding = message
        try:
            if encoding or len(body) > reader.at_once_bytes:
                return await self._reading.read(reader, body, encoding, "a request message")
            return self._payload.read(reader, body, "", "a request message")
        except InvalidMessage as error:
            error.status = Status.INVALID_ARGUMENT
            raise


async def answer_one(stack: CallStep, call: Call, mailbox: ReceiveStream) -> Any:
    """
    Serve a call with one request message, which has not come yet with its head.

    Raises:
        Unimplemented: none came, or more than one.
    """
    pending: RawRequest = call.request
    if pending.stream is None:
        message = await mailbox.take()
        if message is None or await mailbox.take() is not None:
            raise Unimplemented(f"{call.method.path} takes exactly one message")
        pending.body, pending.encoding = message
    return await stack(call)


def begin_failure(driver: Driver, call_id: int, call: Call, error: BaseException) -> None:
    """
    Send what was said before the messages of a call that fails without any.

    Not with a refusal: gRPC's clients repeat no call whose answer has begun.
    """
    said = call.response_metadata
    refused = isinstance(error, CallError) and Hint.NOT_BEGUN in error.hints
    if said.pairs and not refused and not call.cancelled:
        driver.start_response(call_id, said)


async def answer_stream(
    stack: CallStep,
    call: Call,
    mailbox: ReceiveStream | None,
    outlet: SendStream,
    driver: Driver,
    call_id: int,
) -> None:
    """
    Serve a call with a stream of responses, to its good end.

    Args:
        mailbox: where the request is still to come; None if it is here.
    """
    responses: Any = None
    started = False
    try:
        responses = await (stack(call) if mailbox is None else answer_one(stack, call, mailbox))
        async for message in responses:
            if not started:
                started = True
                if call.compression is not None:
                    outlet.compress_if_accepted(call.compression)
                driver.start_response(call_id, call.response_metadata, outlet.encoding)
            await outlet.send(message)
    except Exception as error:
        if responses is not None and isinstance(error, CallError):
            disown(error)  # the method's own; before, it may be a refusal of the stack's
        if not started:
            begin_failure(driver, call_id, call, error)
        raise
    finally:
        close = getattr(responses, "aclose", None)
        if close is not None:
            await close()
    if not started:
        driver.start_response(call_id, call.response_metadata)
    driver.finish(call_id, Status.OK, trailers=call.trailers)
