"""
Triple's server: gRPC's, with requests whose method is in the body, and exceptions as responses.

A method's exception is a response with status OK, the field ``tri-exception-code``, and the
exception in the place of the result. Dubbo reads the attachments of a response from its trailers,
so metadata is sent there.
"""

from __future__ import annotations

from typing import Final

from attrs import define

from rpcfw.spi.events import (
    CallCancelled,
    Event,
    HalfClosed,
    HeadInBody,
    MessageReceived,
    RequestReceived,
)
from rpcfw.spi.machine import Limits
from rpcfw.spi.served import Served
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_dubbo.throwables import is_throwable
from rpcfw_grpc.server import ServerMachine
from rpcfw_triple.fields import EXCEPTION_CODE, without_fields
from rpcfw_triple.request_parser import TripleParser
from rpcfw_triple.wrappers import write_response

__all__ = ["TripleServer"]

#: RpcException.BIZ_EXCEPTION: the method itself has thrown it.
_THROWN: Final = Metadata(((EXCEPTION_CODE, "3"),))
_EXCEPTION: Final = "java.lang.Exception"
#: The most that a wrapper adds to an exception.
_WRAPPER_BYTES = 64


@define(eq=False)
class _Arriving:
    """
    A wrapped request that is not complete. Nobody but the machine knows of it yet.
    """

    request: RequestReceived
    message: MessageReceived | None = None


class TripleServer(ServerMachine):
    """
    One accepted connection.

    Args:
        limits: what this side takes.
        accepts: names of the compressions that this side can decompress.
        parser: reads the heads of requests.
    """

    def __init__(self, limits: Limits, accepts: tuple[str, ...], parser: TripleParser) -> None:
        super().__init__(limits, accepts, parser)
        self._parser = parser
        #: Open calls whose messages are wrapped, with the metadata that is not sent yet.
        self._wrapped: dict[int, Metadata] = {}
        self._arriving: dict[int, _Arriving] = {}

    def serve(self, served: Served) -> None:
        self._parser.serve(served)

    # Requests.

    def receive(self, data: bytes) -> list[Event]:
        seen = map(self._see, super().receive(data))
        return [event for event in seen if event is not None]

    def _see(self, event: Event) -> Event | None:
        """
        Return what is reported of an event. Wrapped requests are reported when they are complete.
        """
        if isinstance(event, RequestReceived):
            return self._begun(event) if isinstance(event.head, HeadInBody) else event
        if not self._wrapped:
            return event
        if isinstance(event, CallCancelled):
            self._wrapped.pop(event.call_id, None)
            return event if self._arriving.pop(event.call_id, None) is None else None
        if isinstance(event, (MessageReceived, HalfClosed)):
            arriving = self._arriving.get(event.call_id)
            if arriving is not None:
                return self._went_on(arriving, event)
        return event

    def _begun(self, request: RequestReceived) -> Event | None:
        self._wrapped[request.call_id] = EMPTY
        if request.ended and request.body is not None:
            return request
        if request.ended:
            return self._refuse(request.call_id, "a request without a message")
        self._arriving[request.call_id] = _Arriving(request)
        return None

    def _went_on(self, arriving: _Arriving, event: MessageReceived | HalfClosed) -> Event | None:
        request, message = arriving.request, arriving.message
        if isinstance(event, MessageReceived):
            if message is not None or request.body is not None:
                return self._refuse(event.call_id, "a request of more than one message")
            arriving.message = event
            return None
        if message is not None:
            request.body, request.encoding = message.body, message.encoding
            # Only now: until then it counts as memory that this connection takes.
            self.consumed(message.call_id, message.cost, len(message.body))
        if request.body is None:
            return self._refuse(event.call_id, "a request without a message")
        del self._arriving[event.call_id]
        request.ended = True
        return request

    def _refuse(self, call_id: int, what: str) -> Event | None:
        # As gRPC's statuscodes.md has it for unary methods.
        text = f"expected one message, as for each call of a Java method; got {what}"
        self.finish(call_id, Status.UNIMPLEMENTED, text, hints=Hint.NOT_BEGUN)
        return None

    # Responses.

    def respond(
        self,
        call_id: int,
        body: bytes,
        encoding: str = "",
        metadata: Metadata = EMPTY,
        trailers: Metadata = EMPTY,
    ) -> None:
        if call_id in self._wrapped:
            metadata, trailers = EMPTY, _attachments(metadata, trailers)
        super().respond(call_id, body, encoding, metadata, trailers)
        self._wrapped.pop(call_id, None)

    def start_response(self, call_id: int, metadata: Metadata, encoding: str = "") -> None:
        if call_id in self._wrapped:
            self._wrapped[call_id] = metadata
        else:
            super().start_response(call_id, metadata, encoding)

    def finish(
        self,
        call_id: int,
        status: Status,
        message: str = "",
        details: bytes = b"",
        trailers: Metadata = EMPTY,
        hints: Hint = Hint.NONE,
        retry_after_s: float | None = None,
    ) -> None:
        metadata = self._forget(call_id)
        if metadata is not None:
            trailers = _attachments(metadata, trailers)
            if status is Status.UNKNOWN and self._may_throw(details):
                body = write_response(details, _EXCEPTION)
                super().respond(call_id, body, "", _THROWN, trailers)
                return
        super().finish(call_id, status, message, details, trailers, hints, retry_after_s)

    def _may_throw(self, details: bytes) -> bool:
        fits = len(details) + _WRAPPER_BYTES <= self._max_send_bytes
        return fits and is_throwable(details)

    def cancel(self, call_id: int, reason: str = "") -> None:
        self._forget(call_id)
        super().cancel(call_id, reason)

    def fail(self, reason: str) -> None:
        super().fail(reason)
        self._wrapped.clear()
        self._arriving.clear()

    def _forget(self, call_id: int) -> Metadata | None:
        """
        Forget a call; return its metadata if its messages are wrapped.
        """
        self._arriving.pop(call_id, None)
        return self._wrapped.pop(call_id, None)


def _attachments(metadata: Metadata, trailers: Metadata) -> Metadata:
    return without_fields(metadata.plus(trailers) if metadata.pairs else trailers)
