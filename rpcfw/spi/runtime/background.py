"""
Work that a registry does by itself, without anybody awaiting it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.waiting import CANCELLED, sleep, spawn

__all__ = ["PAUSE_S", "in_background", "loop_in_background"]

#: A loop that a bug has ended begins again after this time.
PAUSE_S = 5.0

_log = Logger()


def in_background(coroutine: Coroutine[Any, Any, None], what: str) -> Deferred[None]:
    """
    Run ``coroutine`` until it ends or what is returned is cancelled.

    It may be begun while a call is served, and goes on when that is long over: so it
    takes nothing of its context along, the deadline least of all.

    Args:
        what: what it does, for the log should it fail: that is a bug.
    """

    def ended(failure: Failure) -> None:
        if not isinstance(failure.value, CANCELLED):
            _log.failure("{what} ended by a bug", failure=failure, what=what)

    return Context().run(spawn, coroutine).addErrback(ended)


def loop_in_background(
    loop: Callable[[], Coroutine[Any, Any, None]],
    what: str,
    clock: Clock,
    failed: Callable[[str], None] | None = None,
) -> Deferred[None]:
    """
    Run ``loop`` as `in_background` does, and begin it again if a bug has ended it.

    Plugins of the user may take part in it: one error of theirs must not end, for good, what
    the whole process relies on.

    Args:
        loop: may begin anew at any time.
        failed: called with the reason, in words for a person.
    """

    async def run() -> None:
        while True:
            try:
                await loop()
                return
            except CANCELLED:
                raise
            except Exception as error:  # noqa: BLE001  # a bug, of whatever kind
                _log.failure("{what} failed by a bug; it begins again", what=what)
                if failed is not None:
                    failed(f"{what} failed by a bug, see the log: {type(error).__name__}")
                await sleep(clock, PAUSE_S)

    return in_background(run(), what)
