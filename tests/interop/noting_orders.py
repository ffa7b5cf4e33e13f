"""
The order service, which says on standard output that it was called.
"""

from __future__ import annotations

import sys

import rpcfw
from tests.interop import dubbo_orders


class OrderService(dubbo_orders.OrderService, name="com.acme.OrderService"):
    noted = False

    @rpcfw.method(idempotent=True)
    async def say(self, name: str) -> str:
        if not self.noted:
            self.noted = True
            sys.stdout.write("CALLED\n")
            sys.stdout.flush()
        return f"hi {name}"
