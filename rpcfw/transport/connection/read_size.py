"""
How much is asked of a socket at once.

Once a read came back full, more is asked: a large message then comes in few reads, and
small ones cost no large buffers. But a machine takes what was read as a whole. Where that
took long, as with thousands of tiny frames, less is asked, so that others have their turn.
"""

from __future__ import annotations

__all__ = ["READ_BYTES", "SMALL_READ_BYTES", "read_size"]

READ_BYTES = 64 << 10
SMALL_READ_BYTES = 8 << 10
_LARGE_READ_BYTES = 1 << 20
#: A machine that worked on a read for so long is given less.
_LONG_S = 0.004
#: Small reads go on while each takes this long.
_STILL_LONG_S = _LONG_S / 8


def read_size(before: int, size: int, took_s: float, *, large: bool) -> int:
    """
    Return how much to ask for next.

    Args:
        before: what was asked for.
        size: what came.
        took_s: how long the machine worked on it.
        large: it was of few messages.
    """
    full_and_long = before == SMALL_READ_BYTES <= size and took_s >= _STILL_LONG_S
    if took_s >= _LONG_S or full_and_long:
        return SMALL_READ_BYTES
    return _LARGE_READ_BYTES if large and size >= READ_BYTES else READ_BYTES
