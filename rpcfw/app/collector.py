"""
How often Python's garbage collector looks for circles of references.

A call leaves no circle, so a process that serves calls has little for the collector to
find. What it does have is many objects that live for a while: open streams, messages
that wait. A full collection looks at all of them and holds the reactor meanwhile, a
second for two million. By Python's own thresholds a server with many open streams does
one each second; by those here one in many seconds.
"""

from __future__ import annotations

import gc

__all__ = ["raise_gc_thresholds"]


def raise_gc_thresholds(thresholds: tuple[int, ...]) -> None:
    """
    Raise the collector's thresholds; one that is higher already stays.

    Args:
        thresholds: three, as `gc.set_threshold` takes them. Empty changes nothing.
    """
    if thresholds:
        gc.set_threshold(*map(max, thresholds, gc.get_threshold()))
