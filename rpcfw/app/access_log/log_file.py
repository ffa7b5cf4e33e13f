"""
The file of the access log: written, rotated, and opened again.

Everything here may block, and runs in the thread of the log.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from rpcfw.app.access_log.rotation_lock import rotation_lock

__all__ = ["LogFile"]

#: How often it is looked whether another file is in the place of this one.
_LOOK_S = 1.0
_DAY_S = 86400


class LogFile:
    """
    A file that lines are added to.

    It is opened again once it was renamed or removed, as tools that rotate logs do. What is no
    regular file, as a pipe, is never rotated. Several processes may write one file: their lines
    stay whole, because each write is appended at once, and one of them rotates it.

    Args:
        path: its place.
        max_bytes: a new one is begun before it is larger; 0: it never is.
        daily: a new one is begun each day.
        max_files: earlier ones that are kept.
        time_of_day: seconds since 1970.
    """

    def __init__(
        self,
        path: Path,
        max_bytes: int,
        daily: bool,
        max_files: int,
        time_of_day: Callable[[], float],
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._daily = daily
        self._max_files = max_files
        self._time_of_day = time_of_day
        self._descriptor = -1
        self._inode = 0
        self._regular = False
        self._day = 0
        #: It ends in a part of a line.
        self._begun = False
        self._look_at = 0.0

    def open(self) -> None:
        """
        Open the file, if it is not open.

        Raises:
            OSError: it cannot be opened.
        """
        if self._descriptor >= 0:
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o640)
        status = os.fstat(self._descriptor)
        self._inode = status.st_ino
        self._regular = S_ISREG(status.st_mode)
        now = self._time_of_day()
        # A file that was written yesterday, and is continued, is rotated at the next line.
        self._day = int((status.st_mtime if status.st_size else now) // _DAY_S)
        self._look_at = now + _LOOK_S
        self._begun = False

    def close(self) -> None:
        """
        Close the file; what is written next opens it again.
        """
        if self._descriptor >= 0:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = -1

    def write(self, lines: bytes) -> None:
        """
        Add whole lines.

        Raises:
            OSError: they were not written, or not all of them.
        """
        self._follow()
        self.open()
        if self._is_full(len(lines)):
            self._rotate()
        rest = b"\n" + lines if self._begun else lines
        while rest:
            # Less is written if the disk is full; then the next call says so.
            written = os.write(self._descriptor, rest)
            self._begun = rest[written - 1 : written] != b"\n"
            rest = rest[written:]

    def _is_full(self, more: int) -> bool:
        # Asked for each time, since others may write the file too.
        size = os.fstat(self._descriptor).st_size if self._regular else 0
        if not size:
            return False
        if self._max_bytes and size + more > self._max_bytes:
            return True
        return self._daily and int(self._time_of_day() // _DAY_S) != self._day

    def _rotate(self) -> None:
        """
        Begin a new file, unless another process does that now, or has done it.
        """
        with rotation_lock(self._path) as free:
            if free and self._is_in_place():
                self._rename()
        self.close()
        self.open()

    def _rename(self) -> None:
        """
        Move the files on by one number; the last one goes.
        """
        names = [self._path, *(self._numbered(number + 1) for number in range(self._max_files))]
        for newer, older in zip(names[-2::-1], names[:0:-1], strict=True):
            with suppress(FileNotFoundError):
                newer.replace(older)
        if not self._max_files:
            self._path.unlink(missing_ok=True)

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _follow(self) -> None:
        """
        Close the file if another one is in its place, or none.
        """
        now = self._time_of_day()
        if self._descriptor < 0 or self._look_at - _LOOK_S <= now < self._look_at:
            return
        self._look_at = now + _LOOK_S
        if not self._is_in_place():
            self.close()

    def _is_in_place(self) -> bool:
        """
        Tell whether the open file is the one of this name.
        """
        try:
            return self._path.stat().st_ino == self._inode
        except OSError:
            return False
