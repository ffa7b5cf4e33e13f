"""
Twisted's epoll reactor with a shorter main loop.

Theory of operation. With one call in flight each message is one turn of the reactor, in which
Twisted calls 19 Python functions. Few of them do anything for that turn: it looks twice for
delayed calls, asks twice for the time, and makes a new context for log lines. Here a turn in which
nothing is due asks for the time once, and the log context of a connection is made once. That
saves a fifth of the instructions that a server, or a client, needs for such a call (callgrind).

What a turn does is unchanged: delayed calls, calls of other threads, and errors are handled by
Twisted's own functions. Twisted's own tests of reactors run with this class
(``tests/unit/app/test_epoll_reactor.py``).
"""

from __future__ import annotations

from typing import Any

from twisted.internet.epollreactor import EPollReactor as TwistedReactor
from twisted.internet.main import installReactor
from twisted.logger import Logger
from twisted.python import context
from twisted.python.log import err

from rpcfw.app.log_contexts import LogContexts

__all__ = ["EPollReactor", "install"]

#: The longest wait that ``epoll_wait`` takes, as milliseconds in an int.
_LONGEST_S = float(2**31 // 1000)
#: As Twisted has it: cancelled calls are removed once there are more.
_MAX_CANCELLED = 50

_log = Logger()
_main_loop = _log.failureHandler("Unexpected error in main loop")


class EPollReactor(TwistedReactor):
    """
    See the module. The name is that of its base, because error messages have it.
    """

    def __init__(self) -> None:
        self._log_contexts = LogContexts()
        super().__init__()  # type: ignore[no-untyped-call]

    def mainLoop(self) -> None:  # noqa: N802 - Twisted's name
        while self._started:
            with _main_loop:
                self._run_turns()
        _log.info("Main loop terminated.")

    def _run_turns(self) -> None:
        contexts = context.theContextTracker.currentContext().contexts
        while self._started:
            delay_s = _LONGEST_S
            if self._pendingTimedCalls:
                delay_s = self._pendingTimedCalls[0].time - self.seconds()
            if (
                delay_s <= 0
                or self._newTimedCalls
                or self.threadCallQueue
                or self._justStopped
                or not self.running
                or self._cancellations > _MAX_CANCELLED
            ):
                self.runUntilCurrent()
                self._poll(self.running and self.timeout(), contexts)
            else:
                # `min` takes 800 instructions.
                self._poll(delay_s if delay_s < _LONGEST_S else _LONGEST_S, contexts)  # noqa: FURB136

    def doPoll(self, timeout: float | None) -> None:  # noqa: N802 - likewise
        self._poll(timeout, context.theContextTracker.currentContext().contexts)

    doIteration = doPoll  # noqa: N815 - likewise

    def _poll(self, timeout: float | None, contexts: list[dict[Any, Any]]) -> None:
        """
        Wait for sockets, and read or write those that are ready.

        Args:
            contexts: those of this thread; the last is that of what runs.
        """
        wait_s = -1 if timeout is None else timeout
        events = self._poller.poll(wait_s, len(self._selectables))
        for fd, event in events:
            selectable = self._selectables.get(fd)
            if selectable is None:
                continue  # an event before has closed it
            try:
                logged = self._log_contexts[selectable.logPrefix()]
            except Exception:  # noqa: BLE001  # it is new, or has no prefix
                logged = self._log_contexts.made_for(selectable)
            contexts.append(logged)
            try:
                self._doReadOrWrite(selectable, fd, event)  # type: ignore[no-untyped-call]
            except Exception:  # noqa: BLE001  # the others have their events all the same
                err()
            finally:
                contexts.pop()


def install() -> None:
    """
    Make it the reactor of this process.
    """
    installReactor(EPollReactor())
