"""
A single attempt that counts itself.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from rpcfw.spi.filter import CallStep
from rpcfw.values.call import Call

__all__ = ["once"]


def once(attempt: CallStep) -> CallStep:
    """
    Return a step that makes one attempt, and counts it in the call.
    """

    def step(call: Call) -> Coroutine[Any, Any, Any]:
        call.attempt += 1
        return attempt(call)

    return step
