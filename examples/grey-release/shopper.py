"""
Asks for the products 1 to 200 each second, and prints which of them version 1 did not answer.

``python shopper.py registry.address=10.0.0.1:2210`` changes an option of consumer.ini.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from pathlib import Path

from shop_1 import Shop

import rpcfw

CONSUMER = Path(__file__).with_name("consumer.ini")


async def ask_for_all(shop: Shop) -> dict[str, list[int]]:
    """
    Return the products by who answered: a version, or the status of a call that failed.
    """
    found: dict[str, list[int]] = defaultdict(list)
    for id in range(1, 201):
        try:
            found[await shop.get(id)].append(id)
        except rpcfw.CallError as error:
            found[error.status.name].append(id)
    return found


async def main() -> None:
    """
    Go on until a signal.
    """
    async with rpcfw.Application.from_ini(CONSUMER, sets=sys.argv[1:]) as app:
        shop = app.client(Shop)
        while True:
            found = await ask_for_all(shop)
            print(f"version 1.0: {len(found.pop('1.0', []))} products", *found.items(), flush=True)
            await asyncio.sleep(1)


if __name__ == "__main__":
    asyncio.run(main())
