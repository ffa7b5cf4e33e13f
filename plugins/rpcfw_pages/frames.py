"""
Where the threads of this process are.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from types import FrameType

__all__ = ["Place", "Stack", "stacks"]

#: Of a deeper stack, as of a recursion, the innermost frames are shown.
_MAX_FRAMES = 200

#: File, line and name of a function.
Place = tuple[str, int, str]
#: The innermost frame first.
Stack = tuple[Place, ...]


def stacks(leave_out: int = 0) -> Iterator[tuple[int, str, Stack]]:
    """
    Yield number, name and stack of each thread. No file is read for this.

    Args:
        leave_out: number of a thread that is not shown.
    """
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for number, frame in sys._current_frames().items():  # noqa: SLF001 - documented as it is
        if number != leave_out:
            yield number, names.get(number, "unknown"), tuple(_places(frame))


def _places(frame: FrameType | None) -> Iterator[Place]:
    count = 0
    while frame is not None and count < _MAX_FRAMES:
        code = frame.f_code
        name: str = getattr(code, "co_qualname", code.co_name)  # 3.11
        yield code.co_filename, frame.f_lineno, name
        frame, count = frame.f_back, count + 1
