"""
A program that calls the order service of a registry again and again, until it is terminated.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Any

import rpcfw
from tests.interop.dubbo_orders import OrderService


def say(*words: object) -> None:
    """
    Print a line at once.
    """
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(ini: str) -> None:
    """
    Print a line for each hundred calls, and in the end how many failed.
    """
    ended: list[Any] = []
    made, failed, reason = 0, 0, ""
    with rpcfw.blocking(Path(ini)) as application:
        signal.signal(signal.SIGTERM, lambda *_: ended.append(True))
        orders = application.client(OrderService)
        say("READY", orders.say("bob"))
        while not ended:
            try:
                assert orders.get(made).id == made
            except rpcfw.CallError as error:
                failed += 1
                reason = str(error)
            made += 1
            if made % 100 == 0:
                say("MADE", made)
    say("FAILED", failed, reason)


if __name__ == "__main__":
    main(sys.argv[1])
