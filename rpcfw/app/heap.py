"""
Memory that is freed, and kept for the next large message.

The C library gives large blocks back to the system as soon as they are freed, and the
system clears new pages for the next ones. A process that moves messages of a
mebibyte spends half of its time on that.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping

__all__ = ["keep_freed"]

#: From glibc's malloc.h, as mallopt(3) describes them.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
#: Larger blocks are the system's in any case.
_MAX_BLOCK_BYTES = 32 << 20
#: Somebody has decided already.
_CHOSEN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def keep_freed(size_bytes: int, environ: Mapping[str, str] = os.environ) -> bool:
    """
    Have the process keep so much freed memory instead of giving it back.

    Args:
        size_bytes: 0 leaves it all as it is.
        environ: where the C library's own settings would stand; they go first.

    Returns:
        Whether it is kept; False also where the C library is not glibc.
    """
    if not size_bytes or any(name in environ for name in _CHOSEN):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    kept = mallopt(_M_TRIM_THRESHOLD, min(size_bytes, 2**31 - 1))
    taken = mallopt(_M_MMAP_THRESHOLD, min(size_bytes, _MAX_BLOCK_BYTES))
    return bool(kept and taken)
