"""
The right to rotate a file: one process has it at a time.

Theory of operation. Two processes that rotate one file would rename what the other one has just
begun, and lose old files early. So the lock is on a file of its own, beside the other one, which is
never renamed. It stays when the process ends, because to remove it would let two processes have
locks on two files of that name. The lock itself ends with the process, however that ends.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from errno import EACCES, EAGAIN
from pathlib import Path
from typing import ClassVar

from rpcfw.errors import SetupError

__all__ = ["FileLock"]

_MAX_PID = 20


class FileLock:
    """
    The lock of one file. What it does may block.

    Args:
        path: of the file that is rotated.
    """

    #: What this process has locked: a lock keeps out other processes only. With the number of the
    #: process, since one that is forked has a copy of this, and none of the locks.
    _held: ClassVar[set[tuple[int, str]]] = set()

    def __init__(self, path: Path) -> None:
        self._path = path
        self._key = 0, ""
        self._descriptor = -1

    def acquire(self) -> None:
        """
        Take the lock, if its file can be opened. If it cannot, neither can others be rotated.

        Raises:
            SetupError: somebody else has it.
        """
        place = os.path.realpath(self._path)
        key = os.getpid(), place
        if key in self._held:
            raise self._refusal("another application of this process")
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            descriptor = os.open(f"{place}.lock", flags, 0o640)
        except OSError:
            return  # who writes the log says why it cannot
        try:
            # A lock of the process, which those that it forks do not inherit.
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(descriptor, _MAX_PID, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            if error.errno in (EACCES, EAGAIN):
                named = f"process {owner}" if owner.isdigit() else "another process"
                raise self._refusal(named) from None
            return  # a file system without locks
        self._descriptor, self._key = descriptor, key
        self._held.add(key)
        with suppress(OSError):  # a full disk: then an error does not name this process
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, b"%d\n" % os.getpid(), 0)

    def release(self) -> None:
        """
        Let others have it.
        """
        if self._descriptor >= 0:
            self._held.discard(self._key)
            os.close(self._descriptor)
            self._descriptor = -1

    def _refusal(self, owner: str) -> SetupError:
        return SetupError(
            f"[access_log] file: {self._path} is written by {owner}, and both would rotate it; "
            "name another file for each process, or set max_file_size = 0B and rotate_daily = no "
            "and have it rotated by logrotate"
        )
