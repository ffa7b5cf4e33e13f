"""
The file of the audit trail.

It is opened again once it was renamed or removed, as tools that rotate logs do.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from errno import ENOSPC
from pathlib import Path
from stat import S_ISREG

from twisted.logger import Logger

from rpcfw.errors import SetupError
from rpcfw.spi.runtime.rate_limit import LimitedLog

__all__ = ["AuditFile"]

_REOPEN_S = 1.0


class AuditFile:
    """
    A file that lines are added to. Only the user of the process may read it.

    Args:
        path: its place.
        seconds: what time it is.
    """

    log = Logger()

    def __init__(self, path: Path, seconds: Callable[[], float]) -> None:
        self._path = path
        self._seconds = seconds
        self._log = LimitedLog(self.log, self._seconds)
        self._descriptor = -1
        self._inode = 0
        #: It ends in a part of a line.
        self._begun = False
        self._look_at = 0.0

    def open(self) -> None:
        """
        Open the file, if it is not open.

        Raises:
            SetupError: it cannot be opened.
        """
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            # Non-blocking, because to open a FIFO waits for who reads it.
            self._descriptor = os.open(self._path, flags | os.O_NONBLOCK, 0o600)
            status = os.fstat(self._descriptor)
        except OSError as error:
            raise SetupError(f"{self._path} cannot be opened: {error.strerror}") from error
        if not S_ISREG(status.st_mode):
            self.close()
            raise SetupError(f"{self._path} is not a regular file; lines cannot be added to it")
        self._inode, self._begun = status.st_ino, False
        self._look_at = self._seconds() + _REOPEN_S

    def close(self) -> None:
        """
        Close it.
        """
        if self._descriptor >= 0:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1

    def write(self, line: bytes) -> None:
        """
        Add a line. If that fails the log says so, and calls go on.
        """
        try:
            self._follow()
            whole = b"\n" + line if self._begun else line
            # Less is written if the disk is full. The next line must not be joined to this one.
            self._begun = os.write(self._descriptor, whole) < len(whole)
            if self._begun:
                raise OSError(ENOSPC, os.strerror(ENOSPC))
        except (OSError, SetupError) as error:
            self._log.warn_of("lost", "a line of the audit trail is lost: {error}", error=error)

    def _follow(self) -> None:
        """
        Open the file again if another one is in its place, or none.
        """
        if self._descriptor >= 0 and self._seconds() < self._look_at:
            return
        self._look_at = self._seconds() + _REOPEN_S
        try:
            same = self._path.stat().st_ino == self._inode
        except OSError:
            same = False
        if self._descriptor < 0 or not same:
            self.close()
            self.open()
