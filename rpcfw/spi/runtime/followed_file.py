"""
A small file that people change while the process runs: keys, rules, a token.

It is looked at when it is used, once a second at most. What was read last stays in use if the
file is removed or cannot be understood, and a line in the log says why.

A file that was written to in the last half second is not read yet: it may be half written, and
the first half of a file of rules is one, too, without the last of them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from twisted.logger import Logger

from rpcfw.errors import SetupError
from rpcfw.spi.runtime.files import read_regular
from rpcfw.spi.runtime.rate_limit import LimitedLog

__all__ = ["FollowedFile", "file_problem"]

T = TypeVar("T")

_INTERVAL_S = 1.0
#: Whoever writes a file pauses for less.
_SETTLED_S = 0.5
_MAX_BYTES = 1 << 20


class FollowedFile(Generic[T]):
    """
    What a file says now.

    Args:
        path: its place.
        parse: makes the value of its bytes. What it raises as `ValueError` is shown to people,
            so that may not quote a secret.
        seconds: what time it is, by a monotonic clock.
        time_of_day: seconds since 1970, as the file's time of change has them.
    """

    log = Logger()

    def __init__(
        self,
        path: Path,
        parse: Callable[[bytes], T],
        seconds: Callable[[], float],
        time_of_day: Callable[[], float],
    ) -> None:
        self.path = path
        self._parse = parse
        self._seconds = seconds
        self._time_of_day = time_of_day
        self._log = LimitedLog(self.log, seconds)
        self._value: T | None = None
        self._known: tuple[int, ...] | None = None
        self._due = 0.0

    def read(self) -> T:
        """
        Read the file now.

        Raises:
            SetupError: it cannot be used.
        """
        known = self._stamp()
        try:
            value = self._parse(read_regular(self.path, _MAX_BYTES))
        except OSError as error:
            raise SetupError(f"{self.path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise SetupError(f"{self.path}: {error}") from error
        self._known, self._value = known, value
        self._due = self._seconds() + _INTERVAL_S
        return value

    def current(self) -> T:
        """
        Return the value, read again if the file has changed.

        Raises:
            SetupError: it could never be used.
        """
        value = self._value
        if value is None:
            return self.read()
        if self._seconds() < self._due:
            return value
        self._due = self._seconds() + _INTERVAL_S
        stamp = self._stamp()
        if stamp == self._known:
            return value
        # A time in the future is that of another clock, and says nothing.
        if stamp is not None and 0 <= self._time_of_day() - stamp[0] / 1e9 < _SETTLED_S:
            self._due = self._seconds() + _SETTLED_S
            return value
        return self._read_again(value)

    def reload(self) -> T:
        """
        Return the value, read again now: somebody says that the file has changed, and is whole.

        Raises:
            SetupError: it could never be used.
        """
        return self.read() if self._value is None else self._read_again(self._value)

    def _read_again(self, before: T) -> T:
        try:
            value = self.read()
        except SetupError as error:
            self._log.warn_of("unusable", "what was read last stays in use: {error}", error=error)
            return before
        self.log.info("read {file} again", file=str(self.path))
        return value

    def _stamp(self) -> tuple[int, ...] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def file_problem(path: Path, parse: Callable[[bytes], object]) -> str:
    """
    Return why a file cannot be used; empty if it can.
    """
    try:
        FollowedFile(path, parse, float, float).read()
    except SetupError as error:
        return str(error)
    return ""
