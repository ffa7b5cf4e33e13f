"""
Several things at a time, each of which is done even if another fails.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from rpcfw.spi.runtime.waiting import spawn

__all__ = ["together"]


async def together(*tasks: Coroutine[Any, Any, None]) -> None:
    """
    Await all tasks. The first error is raised.
    """
    running = [spawn(task) for task in tasks]
    try:
        for each in running:
            await each
    finally:
        for each in running:
            each.addErrback(lambda _: None)
