"""
Waiting for a registry, and no longer than a person would.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from rpcfw.errors import DeadlineExceeded, RegistryError
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import with_deadline

__all__ = ["answer_within"]

T = TypeVar("T")


async def answer_within(
    limit_s: float, registry: Registry, timers: Timers, asked: Coroutine[Any, Any, T]
) -> T:
    """
    Return what a registry was asked for.

    Raises:
        RegistryError: it did not answer within the limit.
    """
    try:
        return await with_deadline(asked, timers, timers.seconds() + limit_s)
    except DeadlineExceeded:
        reason = " ".join(registry.trouble.split()) or "is it running?"
        raise RegistryError(
            f"the registry ({registry}) did not answer within {limit_s:g} s: {reason}"
        ) from None
