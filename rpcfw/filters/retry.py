"""
The retry loop: makes attempts until one succeeds or the policy allows no more.
"""

from __future__ import annotations

from typing import Any

from rpcfw.errors import CallError
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import NoOptions, PluginContext
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.call import Call
from rpcfw.values.metadata import Metadata

__all__ = ["AttemptCount", "Retry"]


class Retry(Filter):
    """
    Acts on what a `RetryPolicy` answers.

    A call whose client streams is not repeated: its messages are gone.

    Args:
        policy: decides.
        plugin_context: for the clock that delays are on.
    """

    def __init__(self, policy: RetryPolicy, plugin_context: PluginContext) -> None:
        super().__init__(NoOptions(), plugin_context)
        self._policy = policy

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        policy = self._policy
        succeeded = policy.succeeded

        async def step(call: Call) -> Any:
            while True:
                call.attempt += 1
                try:
                    response = await proceed(call)
                except CallError as error:
                    delay_s = None
                    if not call.method.shape.client_streams:
                        delay_s = policy.delay_s(call, error)
                    if delay_s is None or not await self._pause(call, delay_s):
                        raise
                else:
                    succeeded(call)
                    return response

        return step

    async def _pause(self, call: Call, delay_s: float) -> bool:
        """
        Wait before the next attempt; False if the call's time would be over then.
        """
        clock = self.plugin_context.clock
        if clock.seconds() + delay_s >= call.deadline:
            return False
        if delay_s > 0:
            await sleep(clock, delay_s)
        return True


class AttemptCount(Filter):
    """
    Tells the server that it sees a further attempt of a call, in the metadata.

    Args:
        name: of the pair.
        plugin_context: of the process.
    """

    def __init__(self, name: str, plugin_context: PluginContext) -> None:
        super().__init__(NoOptions(), plugin_context)
        self._name = name

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        name = self._name

        def step(call: Call) -> Any:
            if call.attempt > 1:
                others = tuple(pair for pair in call.metadata.pairs if pair[0] != name)
                call.metadata = Metadata((*others, (name, str(call.attempt - 1))))
            return proceed(call)

        return step
