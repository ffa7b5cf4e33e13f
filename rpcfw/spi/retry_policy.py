"""
Retry policies: again or not, and when.
"""

from __future__ import annotations

from abc import abstractmethod

from rpcfw.errors import CallError
from rpcfw.spi.plugin import Plugin
from rpcfw.values.call import Call

__all__ = ["RetryPolicy"]


class RetryPolicy(Plugin):
    """
    Answers; the retry filter acts. One policy serves all calls of a client.

    A policy must decide on the error's hints, its status, and whether the method
    is idempotent, never on its text; and it must not repeat what may have been
    begun unless the method, or the user, says that repeating does no harm.
    """

    @abstractmethod
    def delay_s(self, call: Call, error: CallError) -> float | None:
        """
        Return how long to wait before the next attempt, or None for no more.

        Args:
            call: with ``call.attempt`` attempts begun and failed.
            error: how the last one failed.
        """

    def succeeded(self, call: Call) -> None:
        """
        Learn that a call ended well (for budgets).
        """
