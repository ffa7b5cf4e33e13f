"""
Buys tea, from a provider in Java or in Python.
"""

from __future__ import annotations

import sys
from pathlib import Path

from out_of_stock import OutOfStock
from stock_api import StockService, Warehouse

import rpcfw
from rpcfw_dubbo.exceptions import java_exception


def main(ini: Path) -> None:
    """
    Make some calls.
    """
    with rpcfw.blocking(ini) as app:
        stock = app.client(StockService)
        tea = stock.find("tea")
        print(f"{tea.count} of tea in {tea.warehouse.name}, {tea.price} each")
        print(f"{len(stock.all(Warehouse.SOUTH))} article in SOUTH")
        print(f"milk: {stock.find('milk')}")
        print(f"bought 3, {stock.reserve('tea', 3)} left")
        try:
            stock.reserve("tea", 100)
        except rpcfw.CallError as error:
            reason = java_exception(error, OutOfStock)
            if isinstance(reason, OutOfStock):
                print(f"{reason}, {reason.left} left")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
