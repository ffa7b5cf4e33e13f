"""
No second attempt, whatever happened.
"""

from __future__ import annotations

from rpcfw.errors import CallError
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.values.call import Call

__all__ = ["NeverRetry"]


class NeverRetry(RetryPolicy):
    """
    Never retries: for callers that retry themselves, or must not retry.
    """

    def delay_s(self, call: Call, error: CallError) -> float | None:
        return None
