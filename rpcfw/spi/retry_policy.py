"""
Retry policies: whether and when a call is tried again.
"""

from __future__ import annotations

from abc import abstractmethod

from rpcfw.errors import CallError
from rpcfw.spi.plugin import Plugin
from rpcfw.values.call import Call

__all__ = ["RetryPolicy"]


class RetryPolicy(Plugin):
    """
    Decides; the retry filter makes the attempts. One policy serves all calls of a client.

    A policy must decide by the hints and the status of the error, and by whether the method is
    idempotent, never by the text. It must not retry a call that may have begun, unless the method,
    or the user by an option, says that this is safe.
    """

    @abstractmethod
    def delay_s(self, call: Call, error: CallError) -> float | None:
        """
        Return the delay before the next attempt in seconds, or None for no further attempt.

        A delay below 0 is 0.

        Args:
            call: ``call.attempt`` is the number of attempts, which have all failed. Those that
                were never sent do not count, so it may be 0.
            error: the error of the last attempt.
        """

    def succeeded(self, call: Call) -> None:
        """
        Note that a call has succeeded (for retry budgets).
        """
