"""
The order service, which says on standard output who has called it, each time that it gets SIGUSR1.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter

import rpcfw
from rpcfw_hessian import Long
from tests.interop import dubbo_orders


class OrderService(dubbo_orders.OrderService, name="com.acme.OrderService"):
    def __init__(self) -> None:
        #: Calls by the names of applications, since the last signal.
        self._calls = Counter[str]()
        signal.signal(signal.SIGUSR1, self._report)

    @rpcfw.method(idempotent=True)
    async def say(self, name: str) -> str:
        self._calls[rpcfw.context().caller] += 1
        return f"hi {name}"

    @rpcfw.method(idempotent=True)
    async def get(self, id: Long) -> dubbo_orders.Order | None:
        self._calls[rpcfw.context().caller] += 1
        return await super().get(id)

    def _report(self, *_: object) -> None:
        calls, self._calls = self._calls, Counter()
        # Not through sys.stdout: the next signal may come while it still writes, and a second
        # call of a buffered writer on top of the first is an error.
        os.write(sys.stdout.fileno(), json.dumps(calls).encode() + b"\n")
