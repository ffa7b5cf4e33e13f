"""
Version 1 of the shop.
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
        return "1.0"
