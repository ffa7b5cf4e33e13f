"""
Calls com.acme.stock.StockService, a service in Java, over Dubbo's protocol.

Written by `rpcfw java-stubs` from the definition of version 1.0.0, application java-stock.
Do not edit: write it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

import rpcfw
from rpcfw.errors import Unimplemented
from rpcfw_hessian import Int, java

__all__ = [
    "Stock",
    "StockService",
    "Warehouse",
]


@java("com.acme.stock.Stock")
@dataclass
class Stock:
    """
    ``com.acme.stock.Stock`` in Java.
    """

    article: str | None = None
    count: Int = 0
    counted_at: datetime | None = None
    price: Decimal | None = None
    warehouse: Warehouse | None = None


@java("com.acme.stock.Warehouse")
class Warehouse(Enum):
    """
    ``com.acme.stock.Warehouse`` in Java.
    """

    NORTH = "NORTH"
    SOUTH = "SOUTH"


class StockService(rpcfw.Service, name="com.acme.stock.StockService"):
    """
    ``com.acme.stock.StockService`` in Java.
    """

    # In Java: List<Stock> all(Warehouse)
    @rpcfw.method(idempotent=True)
    async def all(self, arg0: Warehouse | None) -> list[Stock] | None:
        raise Unimplemented("com.acme.stock.StockService/all is declared but not written")

    # In Java: Stock find(String)
    @rpcfw.method(idempotent=True)
    async def find(self, arg0: str | None) -> Stock | None:
        raise Unimplemented("com.acme.stock.StockService/find is declared but not written")

    # In Java: int reserve(String, int)
    @rpcfw.method
    async def reserve(self, arg0: str | None, arg1: Int) -> Int:
        raise Unimplemented("com.acme.stock.StockService/reserve is declared but not written")
