"""
What a caller learns of an error: a status and a sentence, never a traceback.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.errors import CallError, Cancelled, Rejected, Unimplemented
from rpcfw.server.calls.method_table import MethodTable
from rpcfw.spi.runtime.clock import RandomSource
from rpcfw.spi.runtime.rate_limit import RateLimit
from rpcfw.spi.runtime.waiting import CANCELLED
from rpcfw.status import Hint, Status
from rpcfw.values.call import Call
from rpcfw.values.trace_context import TraceContext

__all__ = ["ErrorMapper", "refusal", "status_of"]

#: Errors of one type in one method that are logged in a minute; others are counted.
_MAX_LOGGED = 10
_WITHHELD = " ({withheld} of this kind were not logged before it)"


class ErrorMapper:
    """
    Maps what a method raised to what its caller may know.

    What is unexpected is logged with its traceback, at our pace: callers decide how often a
    method fails. A method's errors of one type are one kind of line.

    Args:
        random: makes the ids by which a caller's error is found in the log.
        seconds: the clock that the pace of the log is measured with.
    """

    log = Logger()

    def __init__(self, random: RandomSource, seconds: Callable[[], float]) -> None:
        self._random = random
        self._limit = RateLimit(seconds, burst=_MAX_LOGGED)

    def for_caller(
        self, path: str, error: BaseException, trace: TraceContext | None = None
    ) -> CallError:
        """
        Return the error that the caller gets. An unexpected one is logged in full.

        Args:
            trace: of the call, if it is recorded.
        """
        if isinstance(error, CallError) and error.status is not Status.OK:
            return error
        if isinstance(error, CANCELLED):
            return Cancelled("the server gave the call up")
        name, error_id = type(error).__name__, self.logged(path, error, trace)
        if error_id:
            return CallError(f"{name} in {path}; the server's log has it under {error_id}")
        return CallError(f"{name} in {path}; the server's log has earlier ones, and counts this")

    def logged(self, path: str, error: BaseException, trace: TraceContext | None = None) -> str:
        """
        Log an unexpected error, and return its id in the log; empty if it is only counted.
        """
        withheld = self._limit.due(f"{type(error).__name__} in {path}")
        if withheld is None:
            return ""
        error_id = f"{self._random.randrange(1 << 32):08x}"
        self.log.failure(
            "error {error_id} in {path}" + (_WITHHELD if withheld else ""),
            failure=Failure(error),
            error_id=error_id,
            path=path,
            withheld=withheld,
            trace_id="" if trace is None else trace.trace_id,
        )
        return error_id

    def end(self, call: Call, status: Status) -> None:
        """
        Tell the filters that a streaming response has ended. What fails there is logged.
        """
        try:
            call.end(status, partial(self.logged, call.method.path, trace=call.trace))
        except Exception as error:  # noqa: BLE001 - a filter's bug is not the caller's
            self.logged(call.method.path, error, call.trace)


def refusal(methods: MethodTable, path: str) -> CallError:
    """
    Return the error for a path that is not served here. No call was begun.
    """
    service, _, method = path.rpartition("/")
    if methods.was_withdrawn(service) and not methods.has_service(service):
        return Rejected(f"{service} is no longer served here")
    if not methods.has_service(service):
        return Unimplemented(f"the service {service!r} is not served here", hints=Hint.NOT_BEGUN)
    known = sorted(p.rpartition("/")[2] for p in methods.by_path if p.rpartition("/")[0] == service)
    text = f"{service} has no method {method!r}; it has: {', '.join(known)}"
    return Unimplemented(text, hints=Hint.NOT_BEGUN)


def status_of(error: BaseException | None) -> Status:
    """
    Return the status of an error; OK if there is none.
    """
    if error is None:
        return Status.OK
    if isinstance(error, CallError):
        return error.status
    return Status.CANCELLED if isinstance(error, CANCELLED) else Status.UNKNOWN
