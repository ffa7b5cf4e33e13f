"""
A rolling restart: a part of all instances, at a steady rate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.registry_scale.scale import Scale

__all__ = ["schedule"]


def schedule(clock: Any, scale: Scale, restart: Callable[[int], None]) -> int:
    """
    Restart instances by their numbers, spread over all of them; return how many.
    """
    count = int(scale.instances * scale.restarted)
    step = max(1, scale.instances // max(1, count))
    for turn in range(count):
        clock.callLater(turn * scale.restart_s / count, restart, turn * step)
    return count
