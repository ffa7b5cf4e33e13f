"""
Work that a registry does by itself, without anybody awaiting it.
"""

from __future__ import annotations

from collections.abc import Coroutine
from contextvars import Context
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.spi.runtime.waiting import CANCELLED, spawn

__all__ = ["in_background"]

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
