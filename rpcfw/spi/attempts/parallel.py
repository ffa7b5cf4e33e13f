"""
Attempts of one call that run side by side.

Theory of operation. Each attempt has a copy of the call, so that it is routed and may fail by
itself. Whoever makes them begins some, waits until one has ended or more are due, and takes
those that have ended, one by one. Whatever ends the call, attempts that are still under way
are cancelled when the ``with`` block is left.
"""

from __future__ import annotations

import math
from types import TracebackType
from typing import Any

from attrs import define

from rpcfw.errors import CallError
from rpcfw.spi.attempts.repeats import count_previous
from rpcfw.spi.attempts.sibling import SiblingCall, Siblings
from rpcfw.spi.filter import CallStep
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.waiting import CANCELLED, spawn
from rpcfw.values.call import Call

__all__ = ["ParallelAttempt", "ParallelAttempts"]


@define(eq=False)
class ParallelAttempt:
    """
    One of them.

    Args:
        call: its copy of the call.
        number: which attempt of the call it begins with.
        error: what it failed with; None if it has not failed.
    """

    call: Call
    number: int
    running: Any = None
    response: Any = None
    error: CallError | None = None
    #: What it failed with if that is no `CallError`.
    bug: BaseException | None = None


class ParallelAttempts:
    """
    The attempts of one call. Used in a ``with`` block.

    Args:
        call: is copied for each of them.
        attempt: makes one, and counts it in its copy.
        once_per_node: an attempt for which no node is left fails with `NoNodeLeft`, instead of
            going to one that another attempt went to.
        to_all: likewise, and each node that the routers leave gets one. So none of them repeats
            what another one does.
    """

    def __init__(
        self,
        call: Call,
        attempt: CallStep,
        *,
        once_per_node: bool = False,
        to_all: bool = False,
    ) -> None:
        self._call = call
        self._attempt = attempt
        self._siblings = Siblings(once_per_node=once_per_node, to_all=to_all)
        self._siblings.tried = call.tried
        self.begun: list[ParallelAttempt] = []
        self.under_way: list[ParallelAttempt] = []
        self._ended: list[ParallelAttempt] = []
        #: Set each time an attempt has ended.
        self._changed = Event()

    def __enter__(self) -> ParallelAttempts:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for attempt in tuple(self.under_way):
            if isinstance(error, CANCELLED):
                # The error of the deadline names the peer that did not answer.
                self._call.peer = attempt.call.peer or self._call.peer
            attempt.running.cancel()

    def begin(self) -> None:
        """
        Begin one more attempt. It may have ended when this returns.
        """
        call = self._call
        copy = SiblingCall.of(call, self._siblings)
        if self.begun and not self._siblings.to_all:
            count_previous(copy, len(self.begun))
        if self.begun:
            copy.repeats = "beside another"
        call.attempt += 1
        # First, since a function inside may raise instead of returning a coroutine.
        running = spawn(self._attempt(copy))
        attempt = ParallelAttempt(copy, call.attempt, running)
        self.begun.append(attempt)
        self.under_way.append(attempt)
        attempt.running.addCallbacks(self._answered, self._failed, (attempt,), {}, (attempt,), {})

    def take_ended(self) -> ParallelAttempt | None:
        """
        Return an attempt that has ended, each one once; the first to end first.

        Raises:
            BaseException: it has ended with what is no failure of a call.
        """
        if not self._ended:
            return None
        attempt = self._ended.pop(0)
        if attempt.bug is not None:
            raise attempt.bug
        if attempt.error is not None:
            self._call.peer = attempt.call.peer
        return attempt

    def response_of(self, attempt: ParallelAttempt) -> Any:
        """
        Return the response of an attempt, and give the call what came with it.
        """
        call, its = self._call, attempt.call
        call.attempt, call.peer, call.tried = its.attempt, its.peer, its.tried
        call.response_metadata, call.trailers = its.response_metadata, its.trailers
        return attempt.response

    async def wait_until(self, clock: Clock, at: float = math.inf) -> None:
        """
        Wait until an attempt has ended that was not taken yet, or a time has come.
        """
        if not self._ended:
            # Nothing can end before the wait begins.
            self._changed.clear()
            await self._changed.wait_until(clock, at)

    def _answered(self, response: Any, attempt: ParallelAttempt) -> None:
        attempt.response = response
        self._note(attempt)

    def _failed(self, failure: Any, attempt: ParallelAttempt) -> None:
        if isinstance(failure.value, CallError):
            attempt.error = failure.value
        else:
            attempt.bug = failure.value
        self._note(attempt)

    def _note(self, attempt: ParallelAttempt) -> None:
        # Further attempts that a retry loop made count as well.
        self._call.attempt += max(0, attempt.call.attempt - attempt.number)
        self.under_way.remove(attempt)
        self._ended.append(attempt)
        self._changed.set()
