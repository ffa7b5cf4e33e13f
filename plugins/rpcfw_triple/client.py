"""
Triple's client: gRPC's, with exceptions of methods in responses.

The attachments of a wrapped response are its metadata, whether they came as headers or trailers.
"""

from __future__ import annotations

from typing import Final

from attrs import define

from rpcfw.spi.events import (
    CallEnded,
    Event,
    GoAwayReceived,
    MessageReceived,
    RequestHead,
    ResponseReceived,
    ResponseStarted,
)
from rpcfw.spi.machine import Limits
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_dubbo.codec import GenericRequest
from rpcfw_dubbo.failures import read_exception
from rpcfw_dubbo.throwables import throwable_of
from rpcfw_grpc.client import ClientMachine
from rpcfw_hessian import Schema
from rpcfw_triple.fields import EXCEPTION_CODE, without_fields
from rpcfw_triple.request_heads import PROTOBUF, RequestHeads
from rpcfw_triple.wrappers import read_response

__all__ = ["TripleClient"]

#: Of a result: as if the field was not there.
_NO_EXCEPTION: Final = "0"
#: Without any Python classes: the class of an exception is looked at, and no more.
_schema = Schema()


@define(eq=False)
class _Arriving:
    """
    The part of a wrapped response that has come.
    """

    metadata: Metadata = EMPTY
    message: MessageReceived | None = None


class TripleClient(ClientMachine):
    """
    One connection that this side opened.

    Args:
        limits: what this side takes.
        accepts: names of the compressions that this side can decompress.
        authority: whom the requests are for.
        scheme: ``http`` or ``https``.
        caller: name of this application.
        heads: makes the heads of requests.
    """

    def __init__(
        self,
        limits: Limits,
        accepts: tuple[str, ...],
        authority: str,
        scheme: str,
        caller: str,
        heads: RequestHeads,
    ) -> None:
        super().__init__(limits, accepts, authority, scheme, caller)
        self._heads = heads
        #: Open calls whose messages are wrapped.
        self._wrapped: dict[int, _Arriving] = {}

    def sent_path(self, path: str, codec: str) -> str:
        # The wrapper of the arguments has their types.
        return path if codec == PROTOBUF else path.partition("(")[0]

    def call(self, head: RequestHead, body: bytes | None, encoding: str, ended: bool) -> int:
        if head.codec == PROTOBUF:
            return super().call(self._heads.of(head, head.path), body, encoding, ended)
        path = self.sent_path(head.path, head.codec)
        if isinstance(body, GenericRequest):
            path = f"{path.rpartition('/')[0]}/$invoke"
        call_id = super().call(self._heads.of(head, path), body, encoding, ended)
        if not head.one_way:
            self._wrapped[call_id] = _Arriving()
        return call_id

    def cancel(self, call_id: int, reason: str = "") -> None:
        self._wrapped.pop(call_id, None)
        super().cancel(call_id, reason)

    def fail(self, reason: str) -> None:
        super().fail(reason)
        self._wrapped.clear()

    def receive(self, data: bytes) -> list[Event]:
        seen = map(self._see, super().receive(data))
        return [event for event in seen if event is not None]

    def _see(self, event: Event) -> Event | None:
        """
        Return what is reported of an event. Wrapped responses are reported when they are complete.
        """
        if isinstance(event, GoAwayReceived):
            for call_id in event.refused:
                self._wrapped.pop(call_id, None)
            return event
        if not isinstance(event, (ResponseReceived, ResponseStarted, MessageReceived, CallEnded)):
            return event
        arriving = self._wrapped.get(event.call_id)
        if arriving is None:
            return event
        if isinstance(event, ResponseStarted):
            arriving.metadata = event.metadata
            return None
        if isinstance(event, MessageReceived):
            return self._message(arriving, event)
        del self._wrapped[event.call_id]
        if isinstance(event, ResponseReceived):
            return _response(event)
        message = arriving.message
        if event.status is not Status.OK or message is None:
            event.metadata = without_fields(event.metadata)
            event.trailers = without_fields(event.trailers)
            return event
        return _response(
            ResponseReceived(
                event.call_id, message.body, message.encoding, arriving.metadata, event.trailers
            )
        )

    def _message(self, arriving: _Arriving, event: MessageReceived) -> Event | None:
        self.consumed(event.call_id, event.cost, len(event.body))
        if arriving.message is None:
            arriving.message = event
            return None
        self.cancel(event.call_id)
        # As gRPC's statuscodes.md has it for unary methods.
        text = "expected one message, as of each call of a Java method; more came"
        return CallEnded(event.call_id, Status.UNIMPLEMENTED, text)


def _response(event: ResponseReceived) -> ResponseReceived | CallEnded:
    """
    Return what a response means: a result, or an exception.
    """
    pairs = event.metadata.pairs + event.trailers.pairs
    attachments = without_fields(Metadata(pairs)) if pairs else EMPTY
    if event.metadata.get(EXCEPTION_CODE, _NO_EXCEPTION) != _NO_EXCEPTION:
        return _exception(event, attachments)
    event.metadata = attachments
    event.trailers = EMPTY
    return event


def _exception(event: ResponseReceived, attachments: Metadata) -> CallEnded:
    try:
        if event.encoding:
            raise ValueError(f"it is compressed with {event.encoding}")
        details = read_response(event.body).data
        throwable = throwable_of(_schema.loads(details))
    except ValueError as error:
        text = f"the server has sent an exception that cannot be read: {error}"
        return CallEnded(event.call_id, Status.INTERNAL, text, hints=Hint.NONE)
    ended = read_exception(event.call_id, throwable, details, {})
    ended.metadata = attachments
    return ended
