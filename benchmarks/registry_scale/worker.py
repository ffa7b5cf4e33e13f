"""
A process of the benchmark: it takes a line of JSON, does it, and answers with a line.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor

__all__ = ["answer", "run"]


def answer(**fields: Any) -> None:
    """
    Answer the last order.
    """
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def run(orders: dict[str, Callable[[dict[str, Any]], None]]) -> None:
    """
    Run the reactor, and call what each order names, until the orders end.
    """

    def read() -> None:
        for line in sys.stdin:
            order = json.loads(line)
            reactor.callFromThread(orders[order["do"]], order)  # type: ignore[attr-defined]
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    reactor.run()  # type: ignore[attr-defined]  # it has it
