"""
Calls that stream: request messages as an iterator, response messages one by one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from rpcfw.errors import CallError, InvalidMessage, Unimplemented
from rpcfw.server.calls.decode_thread import DecodeThread
from rpcfw.server.calls.dispatch import RawRequest, forget_origin
from rpcfw.server.calls.method_table import BoundMethod
from rpcfw.spi.codec import Coder
from rpcfw.spi.events import RequestReceived
from rpcfw.spi.filter import CallStep
from rpcfw.status import Hint, Status
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.payload import Payload
from rpcfw.transport.streams.receive_stream import ReceiveStream
from rpcfw.transport.streams.send_stream import SendStream
from rpcfw.values.call import Call
from rpcfw.values.stream_messages import StreamMessages

__all__ = [
    "RequestMessages",
    "answer_one",
    "answer_stream",
    "response_stream",
    "send_initial_metadata",
]


class RequestMessages(AsyncIterator[Any]):
    """
    The iterator that a client-streaming method gets.

    Args:
        receive_stream: the messages, encoded.
        payload: decodes them.
        reader: of their type.
        decode_thread: decodes those that take long.
    """

    def __init__(
        self,
        receive_stream: ReceiveStream,
        payload: Payload,
        reader: Coder,
        decode_thread: DecodeThread,
    ) -> None:
        self._receive_stream = receive_stream
        self._payload = payload
        self._reader = reader
        self._decode_thread = decode_thread

    def __aiter__(self) -> RequestMessages:
        return self

    async def __anext__(self) -> Any:
        message = await self._receive_stream.take()
        if message is None:
            raise StopAsyncIteration
        reader = self._reader
        body, encoding = message
        try:
            if encoding or len(body) > reader.at_once_bytes:
                return await self._decode_thread.read(reader, body, encoding, "a request message")
            return self._payload.read(reader, body, "", "a request message")
        except InvalidMessage as error:
            error.status = Status.INVALID_ARGUMENT
            raise


async def answer_one(stack: CallStep, call: Call, receive_stream: ReceiveStream) -> Any:
    """
    Serve a call with one request message, which did not come with its head.

    Raises:
        Unimplemented: no message came, or more than one.
    """
    raw: RawRequest = call.request
    if raw.stream is None:
        message = await receive_stream.take()
        if message is None or await receive_stream.take() is not None:
            raise Unimplemented(f"{call.method.path} takes exactly one message")
        raw.body, raw.encoding = message
    return await stack(call)


def send_initial_metadata(driver: Driver, call_id: int, call: Call, error: BaseException) -> None:
    """
    Send the initial metadata of a call that fails without a message.

    Not of a refusal: gRPC clients do not retry a call whose response has begun.
    """
    metadata = call.response_metadata
    refused = isinstance(error, CallError) and Hint.NOT_BEGUN in error.hints
    if metadata.pairs and not refused and not call.cancelled:
        driver.start_response(call_id, metadata)


def response_stream(
    driver: Driver,
    event: RequestReceived,
    bound: BoundMethod,
    payload: Payload,
    messages: StreamMessages,
) -> SendStream:
    """
    Return what sends the response messages of a call.

    Args:
        messages: counts them.
    """
    head = event.head
    writer, what = bound.writers[head.codec], "a response message"
    return SendStream(driver, payload, writer, what, head.accepts, messages, event.call_id)


async def answer_stream(
    stack: CallStep,
    call: Call,
    receive_stream: ReceiveStream | None,
    send_stream: SendStream,
    driver: Driver,
    call_id: int,
    seconds: Callable[[], float],
) -> None:
    """
    Serve a call with a stream of responses, to its end with OK.

    Args:
        receive_stream: the request still comes there; None if it is here.
        seconds: the clock that phases are measured with.
    """
    responses: Any = None
    started = False
    try:
        responses = await (
            stack(call) if receive_stream is None else answer_one(stack, call, receive_stream)
        )
        async for message in responses:
            if not started:
                started = True
                send_stream.messages.first_at = seconds()
                if call.compression is not None:
                    send_stream.compress_if_accepted(call.compression)
                driver.start_response(call_id, call.response_metadata, send_stream.encoding)
            await send_stream.send(message)
    except Exception as error:
        if responses is not None and isinstance(error, CallError):
            forget_origin(error)  # the method raised it; before, it may be a filter's refusal
        if not started:
            send_initial_metadata(driver, call_id, call, error)
        raise
    finally:
        close = getattr(responses, "aclose", None)
        if close is not None:
            await close()
    if not started:
        driver.start_response(call_id, call.response_metadata)
    driver.finish(call_id, Status.OK, trailers=call.trailers)
