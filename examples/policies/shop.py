"""
The service that the policies are tried with.
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
        Return the name of a product.
        """
        return f"product {id}"
