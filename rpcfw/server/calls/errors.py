"""
What a caller is told of an error: a status and a sentence, never a traceback.
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
    Turns what a method raised into what its caller may know.

    Args:
        random: for the ids that join the caller's sentence to our log.
    """

    log = Logger()

    def __init__(self, random: RandomSource) -> None:
        self._chance = random

    def told(self, path: str, error: BaseException) -> CallError:
        """
        Return the error for the caller; one that nobody planned is logged in full.
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
        Log an error that nobody planned; return the id it is found under.
        """
        error_id = f"{self._chance.randrange(1 << 32):08x}"
        self.log.failure(
            "error {error_id} in {path}", failure=Failure(error), error_id=error_id, path=path
        )
        return error_id

    def end(self, call: Call, status: Status) -> None:
        """
        Tell the filters that a streaming answer has ended; what fails there is logged.
        """
        try:
            call.end(status, partial(self.logged, call.method.path))
        except Exception as error:  # noqa: BLE001 - a filter's bug is not the caller's
            self.logged(call.method.path, error)


def refusal(catalog: MethodTable, path: str) -> CallError:
    """
    Return the error for a path that is not served here. Nothing was begun.
    """
    service, _, method = path.rpartition("/")
    if catalog.was_withdrawn(service) and not catalog.has_service(service):
        return Rejected(f"{service} is no longer served here")
    if not catalog.has_service(service):
        return Unimplemented(f"the service {service!r} is not served here", hints=Hint.NOT_BEGUN)
    known = sorted(p.rpartition("/")[2] for p in catalog.served if p.rpartition("/")[0] == service)
    text = f"{service} has no method {method!r}; it has: {', '.join(known)}"
    return Unimplemented(text, hints=Hint.NOT_BEGUN)


def status_of(error: BaseException | None) -> Status:
    """
    Return the status that an error stands for; none is OK.
    """
    if error is None:
        return Status.OK
    if isinstance(error, CallError):
        return error.status
    return Status.CANCELLED if isinstance(error, CANCELLED) else Status.UNKNOWN
