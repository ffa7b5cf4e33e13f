"""
The right to rotate a file: one process has it at a time.

Theory of operation. Two processes that rotate one file at once would rename what the other one has
just begun. So the lock is on a file of its own, beside the other one, which is never renamed. It
stays there, because to remove it would let two processes have locks on two files of that name.
Nobody waits for the lock: who does not get it writes on, and finds the new file soon.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import EAGAIN
from pathlib import Path

__all__ = ["lock_file", "rotation_lock"]


def lock_file(path: Path) -> Path:
    """
    Return the file that is locked while another one is rotated.
    """
    return Path(f"{os.path.realpath(path)}.lock")


@contextmanager
def rotation_lock(path: Path) -> Iterator[bool]:
    """
    Take the lock of a file while the block runs; the value tells whether it was free.

    Raises:
        OSError: the file of the lock cannot be opened.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(lock_file(path), flags, 0o640)
    try:
        yield _take(descriptor)
    finally:
        # By name and not by the close alone: a process that was forked meanwhile has a copy.
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno != EAGAIN  # another error: a file system without locks
    return True
