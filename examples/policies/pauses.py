"""
A retry policy: fixed pauses, as many as are listed.
"""

from __future__ import annotations

from rpcfw.spi.options import option, options
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.status import Hint, Status
from rpcfw.values.units import Seconds

SAFE = Hint.NEVER_SENT | Hint.NOT_BEGUN | Hint.SAFE_TO_REPEAT


class Pauses(RetryPolicy):
    @options
    class Options:
        pauses: tuple[Seconds, ...] = option("50ms, 200ms", "pauses between the attempts")

    def delay_s(self, call, error):
        pauses = self.options.pauses[max(call.attempt - 1, 0) :]
        pushback_s = error.retry_after_s or 0.0
        lost = call.method.idempotent and error.status is Status.UNAVAILABLE
        if not pauses or error.hints & Hint.FINAL or pushback_s < 0:
            return None
        return max(pauses[0], pushback_s) if lost or error.hints & SAFE else None

    def explain(self, call):
        return f"up to {len(self.options.pauses) + 1} attempts"
