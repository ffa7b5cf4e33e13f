"""
What a request gets back: its one response message, or an error.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rpcfw.errors import ApplicationError, CallError, InvalidMessage, MessageTooLarge
from rpcfw.server.calls.errors import ErrorMapper
from rpcfw.server.calls.method_table import BoundMethod
from rpcfw.server.calls.streaming import send_initial_metadata
from rpcfw.spi.events import RequestHead, RequestReceived
from rpcfw.status import Hint, Status
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.payload import Payload
from rpcfw.values.call import Call
from rpcfw.values.metadata import EMPTY, Metadata

__all__ = ["Responses"]


class Responses:
    """
    Sends the responses of calls.

    Args:
        payload: encodes messages.
        errors: errors to statuses for callers.
    """

    #: An access log is notified of them.
    logged: ClassVar[bool] = False
    #: Filters of tracing are in the stack.
    traced: bool = False

    def __init__(self, payload: Payload, errors: ErrorMapper) -> None:
        self._payload = payload
        self.errors = errors

    def answer(
        self, driver: Driver, event: RequestReceived, call: Call, bound: BoundMethod, message: Any
    ) -> None:
        """
        Send the response of a call with one response message.
        """
        head = event.head
        if head.one_way:
            driver.finish_one_way(event.call_id)
            return
        payload, writer, encoding = self._payload, bound.writers[head.codec], ""
        try:
            try:
                body = writer.encode(message)
            except Exception as error:  # noqa: BLE001  # of whatever kind the codec raises
                body = payload.write_refused(writer, message, "the response", error)
            if call.compression is not None:
                if call.compression in head.accepts:
                    body, encoding = payload.compress_as(body, call.compression)
            elif len(body) > payload.threshold_bytes:
                body, encoding = payload.compress(body, head.accepts)
            if call.phases is not None:
                call.phases.sent_bytes = len(body)
            driver.respond(event.call_id, body, encoding, call.response_metadata, call.trailers)
        except InvalidMessage as error:
            self.errors.logged(head.path, error, call.trace)
            self.fail(driver, event, error, call)
        except MessageTooLarge as error:
            self.fail(driver, event, error, call)

    def fail(
        self,
        driver: Driver,
        event: RequestReceived,
        error: BaseException,
        call: Call | None = None,
    ) -> None:
        """
        End a request with an error.

        Args:
            call: has the metadata and trailers of the response; None if there was no call yet.
        """
        shown = self._for_caller(event.head, error, call)
        if event.head.one_way:
            driver.finish_one_way(event.call_id)
            return
        status = shown.status
        if status is Status.INVALID_ARGUMENT and isinstance(error, InvalidMessage):
            status = driver.unreadable_status
        trailers = EMPTY
        if call is not None:
            trailers = call.trailers
            if call.response_metadata is not EMPTY and not call.method.server_streams:
                send_initial_metadata(driver, event.call_id, call, error)
        driver.finish(
            event.call_id,
            status,
            shown.message,
            shown.details,
            Metadata(trailers.pairs + shown.trailers),
            shown.hints,
            shown.retry_after_s,
        )

    def _for_caller(self, head: RequestHead, error: BaseException, call: Call | None) -> CallError:
        """
        Return the error that the caller gets: an exception itself, if its codec carries it.
        """
        if isinstance(error, Exception) and not isinstance(error, CallError):
            try:
                details = self._payload.error_details(head.codec, error)
            except Exception as failure:  # noqa: BLE001  # the caller gets an answer all the same
                self.errors.logged(head.path, failure)
                details = b""
            if details:
                return ApplicationError(
                    Status.UNKNOWN, str(error), hints=Hint.FINAL, details=details
                )
        return self.errors.for_caller(head.path, error, None if call is None else call.trace)
