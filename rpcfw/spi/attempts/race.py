"""
Hedging: further attempts of a call that is slow, on other nodes; the first answer wins.

Theory of operation. The call waits until an attempt has ended or the next one is due,
whichever is first, and ends

- with an answer: it is the call's;
- with a failure after which the rule raises it;
- with the last failure, when no attempt is under way and none may follow.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

from rpcfw.errors import CallError
from rpcfw.spi.attempts.parallel import ParallelAttempts
from rpcfw.spi.filter import CallStep
from rpcfw.spi.runtime.clock import Clock
from rpcfw.values.call import Call

__all__ = ["HedgingRule", "race"]


class HedgingRule(ABC):
    """
    When further attempts of one call begin.

    Attributes:
        max_attempts: that begin because others are slow, the first one among them.
        delay_s: how long each of these waits for those before it.
    """

    max_attempts: int
    delay_s: float

    @abstractmethod
    def may_hedge(self) -> bool:
        """
        Tell whether an attempt may begin that is due because the others are slow.
        """

    @abstractmethod
    def after(self, call: Call, error: CallError, begun: int) -> float | None:
        """
        Return after which time another attempt follows one that has failed, or None.

        Args:
            call: the copy of the failed attempt.
            error: how it has failed.
            begun: how many attempts have begun.

        Raises:
            CallError: the call is to fail with it, though others may be under way.
        """


async def race(call: Call, attempt: CallStep, rule: HedgingRule, clock: Clock) -> Any:
    """
    Make the attempts of a call, and return the first response.

    Args:
        attempt: makes one, and counts it.

    Raises:
        CallError: no attempt has succeeded.
    """
    with ParallelAttempts(call, attempt) as attempts:
        return await _Race(attempts, rule, clock).run()


class _Race:
    def __init__(self, attempts: ParallelAttempts, rule: HedgingRule, clock: Clock) -> None:
        self._attempts = attempts
        self._rule = rule
        self._clock = clock
        #: When the next attempt is due; infinity if none is.
        self._next_at = clock.seconds()
        #: The next one is due because others are slow, and not because one has failed.
        self._is_hedge = False
        self._last = CallError("no attempt was made")

    async def run(self) -> Any:
        attempts, clock = self._attempts, self._clock
        while True:
            ended = attempts.take_ended()
            if ended is not None:
                if ended.error is None:
                    return attempts.response_of(ended)
                self._failed(ended.call, ended.error)
            elif self._next_at <= clock.seconds():
                self._begin()
            elif attempts.under_way or self._next_at < math.inf:
                await attempts.wait_until(clock, self._next_at)
            else:
                raise self._last

    def _begin(self) -> None:
        rule = self._rule
        is_hedge, self._is_hedge = self._is_hedge, True
        self._next_at = math.inf
        if is_hedge and not rule.may_hedge():
            return
        if len(self._attempts.begun) + 1 < rule.max_attempts:
            self._next_at = self._clock.seconds() + rule.delay_s
        self._attempts.begin()

    def _failed(self, call: Call, error: CallError) -> None:
        self._last = error
        delay_s = self._rule.after(call, error, len(self._attempts.begun))
        self._is_hedge = False
        self._next_at = math.inf if delay_s is None else self._clock.seconds() + delay_s
