"""
A filter as anybody may write one: it counts the attempts that were not the first.

Chosen by name like any plugin; the demo's consumer has ``insert = tries after ATTEMPTS``.
"""

from __future__ import annotations

from typing import Any

from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.metrics import Counter, Meter
from rpcfw.values.call import Call

__all__ = ["Tries", "repeats"]


def repeats(meter: Meter) -> Counter:
    """
    Return what the filter counts in.
    """
    return meter.counter("rpcfw_demo_repeats_total", "attempts that were not the first").of()


class Tries(Filter):
    """
    Counts the attempts that repeat a call.
    """

    def __init__(self, options: Any, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._repeats = repeats(plugin_context.meter)

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        if call.attempt > 1:
            self._repeats.value += 1
        return await proceed(call)
