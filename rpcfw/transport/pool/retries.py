"""
When a link that failed to connect tries again.
"""

from __future__ import annotations

from rpcfw.spi.runtime.clock import Clock, RandomSource
from rpcfw.transport.pool.options import LinkOptions

__all__ = ["Retries"]


class Retries:
    """
    The failures of one link, and the delays after them.

    Args:
        options: see `LinkOptions`.
        clock: time.
        random: for the jitter.
    """

    def __init__(self, options: LinkOptions, clock: Clock, random: RandomSource) -> None:
        #: The attempt that is being made was asked for during a delay.
        self.out_of_turn = False
        self._backoff = options.schedule()
        self._rest_s = options.initial_backoff
        self._clock = clock
        self._random = random
        self._failures = 0
        self._failed_at = 0.0

    @property
    def failed(self) -> bool:
        """
        Whether the last attempt has failed.
        """
        return self._failures > 0

    @property
    def rested(self) -> bool:
        """
        Whether the last failure was long enough ago for an attempt out of turn.
        """
        return self._clock.seconds() - self._failed_at >= self._rest_s

    def fail(self) -> float:
        """
        Note a failure; return the delay before the next attempt, in seconds.

        Attempts out of turn do not count for the delays; otherwise traffic would lengthen them.
        """
        self._failures += not self.out_of_turn
        self.out_of_turn = False
        self._failed_at = self._clock.seconds()
        return self._backoff.delay_s(self._failures, self._random.random())

    def succeed(self) -> None:
        """
        Start the delays from the first one again.
        """
        self._failures = 0
        self.out_of_turn = False
