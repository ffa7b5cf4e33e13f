"""
Running the reactor for peers that are applications of rpcfw.
"""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from typing import Any

from rpcfw.app.reactors import chosen
from rpcfw.spi.runtime.waiting import spawn

__all__ = ["run_reactor"]


def run_reactor(main: Coroutine[Any, Any, None], *, stays: bool) -> None:
    """
    Run the reactor that the application chooses, until ``main`` has ended.
    """
    reactor: Any = chosen("auto")

    def ended(result: Any) -> None:
        if result is not None:
            result.printTraceback(sys.stderr)
        if result is not None or not stays:
            reactor.stop()

    reactor.callWhenRunning(lambda: spawn(main).addBoth(ended))
    reactor.run()
