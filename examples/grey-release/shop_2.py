"""
Version 2 of the shop. It has a mistake, so that there is something to see and to roll back.
"""

from __future__ import annotations

import rpcfw


class Shop(rpcfw.Service, name="demo.Shop"):
    """
    Sells products.
    """

    @rpcfw.method(idempotent=True)
    async def get(self, id: int) -> str:
        """
        Return which version has answered, in the place of a product.
        """
        if id % 5 == 0:
            raise rpcfw.ApplicationError(rpcfw.Status.INTERNAL, f"product {id} has no price")
        return "2.0"
