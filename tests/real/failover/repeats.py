"""
A filter that notes the attempts which repeat a call, chosen by name like any plugin.
"""

from __future__ import annotations

import time
from typing import Any

from rpcfw.spi.filter import CallStep, Filter
from rpcfw.values.call import Call
from tests.real.failover.service import Work

__all__ = ["Repeats"]


class Repeats(Filter):
    """
    Counts them: those of our own service, not of the registry's.
    """

    count = 0
    #: When the last of them was made, by the clock of the machine.
    last_at = 0.0

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        if call.attempt > 1 and call.method.service == Work.service_name:
            Repeats.count += 1
            Repeats.last_at = time.monotonic()
        return await proceed(call)
