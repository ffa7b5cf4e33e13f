"""
A program that calls providers in Java, again and again, until its standard input ends.
"""

from __future__ import annotations

import select
import sys
from pathlib import Path

import rpcfw
from tests.interop.dubbo_orders import OrderService


def main(ini: str) -> None:
    """
    Call, and print how many calls were made, and how many failed.
    """
    made = failed = 0
    reason = ""
    with rpcfw.blocking(Path(ini)) as application:
        orders = application.client(OrderService)
        while not select.select([sys.stdin], [], [], 0)[0]:
            try:
                orders.get(1)
            except rpcfw.CallError as error:
                failed += 1
                reason = str(error)
            made += 1
            if made % 100 == 0:
                sys.stdout.write(f"MADE {made}\n")
                sys.stdout.flush()
    sys.stdout.write(f"FAILED {failed} {reason}\n")


if __name__ == "__main__":
    main(sys.argv[1])
