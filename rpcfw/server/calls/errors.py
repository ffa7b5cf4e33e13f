"""
What a caller learns of an error: a status and a sentence, never a traceback.
"""

from __future__ import annotations

from functools import partial

from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.errors import CallError, Cancelled, Rejected, Unimplemented
from rpcfw.server.calls.method_table import MethodTable
from rpcfw.spi.runtime.clock import RandomSource
from rpcfw.spi.runtime.waiting import CANCELLED
from rpcfw.status import Hint, Status
from rpcfw.values.call import Call

__all__ = ["ErrorMapper", "refusal", "status_of"]


class ErrorMapper:
    """
    Maps what a method raised to what its caller may know.

    Args:
        random: makes the ids by which a caller's error is found in the log.
    """

    log = Logger()

    def __init__(self, random: RandomSource) -> None:
        self._random = random

    def for_caller(self, path: str, error: BaseException) -> CallError:
        """
        Return the error that the caller gets. An unexpected one is logged in full.
        """
        if isinstance(error, CallError) and error.status is not Status.OK:
            return error
        if isinstance(error, CANCELLED):
            return Cancelled("the server gave the call up")
        return CallError(
            f"{type(error).__name__} in {path}; the server's log has it under "
            f"{self.logged(path, error)}"
        )

    def logged(self, path: str, error: BaseException) -> str:
        """
        Log an unexpected error, and return its id in the log.
        """
        error_id = f"{self._random.randrange(1 << 32):08x}"
        self.log.failure(
            "error {error_id} in {path}", failure=Failure(error), error_id=error_id, path=path
        )
        return error_id

    def end(self, call: Call, status: Status) -> None:
        """
        Tell the filters that a streaming response has ended. What fails there is logged.
        """
        try:
            call.end(status, partial(self.logged, call.method.path))
        except Exception as error:  # noqa: BLE001 - a filter's bug is not the caller's
            self.logged(call.method.path, error)


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
