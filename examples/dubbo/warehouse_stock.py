"""
Serves the Java interface ``com.acme.stock.StockService``; see ``provider.ini``.
"""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

from out_of_stock import OutOfStock
from stock_api import Stock, StockService, Warehouse


class WarehouseStock(StockService):
    """
    Keeps the stock in memory.
    """

    def __init__(self) -> None:
        now = datetime.now(timezone.utc)
        self._stock = {
            "tea": Stock("tea", 12, now, Decimal("4.20"), Warehouse.NORTH),
            "coffee": Stock("coffee", 7, now, Decimal("6.50"), Warehouse.SOUTH),
        }

    async def find(self, article: str | None) -> Stock | None:
        return self._stock.get(article or "")

    async def all(self, warehouse: Warehouse | None) -> list[Stock] | None:
        return [each for each in self._stock.values() if each.warehouse is warehouse]

    async def reserve(self, article: str | None, count: int) -> int:
        found = self._stock.get(article or "")
        left = found.count if found else 0
        if found is None or count > left:
            raise OutOfStock(f"{count} of {article} are too many", left)
        found.count -= count
        return found.count
