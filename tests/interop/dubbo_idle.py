"""
A program that makes a call to the order service for each line of standard input.
"""

from __future__ import annotations

import sys
from pathlib import Path

import rpcfw
from tests.interop.dubbo_orders import OrderService


def main(ini: str) -> None:
    """
    Print what each call returns.
    """
    with rpcfw.blocking(Path(ini)) as application:
        orders = application.client(OrderService)
        for line in sys.stdin:
            print(orders.say(line.strip()), flush=True)  # noqa: T201 - a program


if __name__ == "__main__":
    main(sys.argv[1])
