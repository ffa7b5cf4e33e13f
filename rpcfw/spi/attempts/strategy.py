"""
Attempt strategies: how many attempts a call makes, when, and on which nodes.
"""

from __future__ import annotations

from abc import abstractmethod

from rpcfw.spi.filter import CallStep
from rpcfw.spi.plugin import Plugin
from rpcfw.spi.retry_policy import RetryPolicy

__all__ = ["AttemptStrategy"]


class AttemptStrategy(Plugin):
    """
    Makes the attempts of each call: one after another, side by side, or in the background.

    It stands at ATTEMPTS of the client's call stack. One serves all calls of a client, or all
    calls of one method. The `RetryPolicy` is another plugin: it answers the question whether
    a failed attempt may be followed by another one, and a strategy asks it.

    A strategy must count each attempt in `Call.attempt` before it begins, and must pass each
    `BaseException` that is not a `CallError`. Attempts that run side by side need a copy of the
    call each; see `rpcfw.spi.attempts.parallel`. A call whose client streams has one attempt,
    because its messages can be sent only once.
    """

    @abstractmethod
    def bind(self, attempt: CallStep, policy: RetryPolicy) -> CallStep:
        """
        Return the function that makes the attempts of a call.

        It is called whenever a stack is built, so data that calls share belongs in the strategy
        itself.

        Args:
            attempt: makes one attempt: it routes the call, picks a node that is not in
                `Call.tried`, and calls that.
            policy: decides whether another attempt may follow.
        """
