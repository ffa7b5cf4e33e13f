"""
Responses of a server with an access log: the log gets each one once it is sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfw.filters.access_log import ServerAccessLog
from rpcfw.server.calls.errors import ErrorMapper
from rpcfw.server.calls.method_table import BoundMethod
from rpcfw.server.calls.responses import Responses
from rpcfw.spi.events import RequestReceived
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.payload import Payload
from rpcfw.transport.runtime import Runtime
from rpcfw.values.call import Call
from rpcfw.values.method import Method, Shape
from rpcfw.values.phases import Phases

__all__ = ["LoggedResponses", "responses_of"]

_MAX_PATH = 1024


class LoggedResponses(Responses):
    """
    The same, with the time that encoding takes.

    Args:
        payload: encodes messages.
        errors: errors to statuses for callers.
        log: the filter that logs calls.
        seconds: the clock that the time is measured with.
    """

    logged = True

    def __init__(
        self,
        payload: Payload,
        errors: ErrorMapper,
        log: ServerAccessLog,
        seconds: Callable[[], float],
    ) -> None:
        super().__init__(payload, errors)
        self._log = log
        self._seconds = seconds

    def answer(
        self, driver: Driver, event: RequestReceived, call: Call, bound: BoundMethod, message: Any
    ) -> None:
        began = self._seconds()
        super().answer(driver, event, call, bound, message)
        phases = call.phases
        if phases is not None and not phases.logged:
            now = self._seconds()
            phases.encode += now - began
            phases.encoded = True
            self._log.succeeded(call, phases, now)

    def fail(
        self,
        driver: Driver,
        event: RequestReceived,
        error: BaseException,
        call: Call | None = None,
    ) -> None:
        super().fail(driver, event, error, call)
        if call is not None:
            self._log.failed(call, error)
        else:
            self._log.refused(_refused_call(driver, event), error)


def _refused_call(driver: Driver, event: RequestReceived) -> Call:
    """
    Return a request that has not become a call, as a call.
    """
    head = event.head
    # Cut, for its caller has made it up, and it waits to be written. A line shows less of it.
    service, _, name = head.path[:_MAX_PATH].rpartition("/")
    method = Method(service, name, Shape.UNARY, None, None, head.codec)
    call = Call(method, None, caller=head.caller, peer=driver.peer, identity=driver.identity)
    call.phases = Phases(driver.received_at)
    return call


def responses_of(runtime: Runtime, log: ServerAccessLog | None) -> Responses:
    """
    Return what sends the responses of a server.

    Args:
        log: is notified of them; None: there is none.
    """
    payload, seconds = runtime.payload, runtime.clock.seconds
    errors = ErrorMapper(runtime.random, seconds)
    responses = Responses(payload, errors)
    if log is not None:
        responses = LoggedResponses(payload, errors, log, seconds)
    responses.traced = runtime.tracing is not None
    return responses
