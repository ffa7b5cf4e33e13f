"""
A folder with the last good state of several things, one file for each.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from twisted.logger import Logger

from rpcfw.spi.runtime.clock import Threads
from rpcfw.spi.runtime.files import read_regular, replace_file

__all__ = ["SnapshotFolder"]

T = TypeVar("T")


class SnapshotFolder:
    """
    Reads and writes its files in threads. A file is put in its place whole, by a rename.

    Others may be able to write into the folder. A file that is too large, is not a regular
    file or belongs to somebody else is not read.

    Args:
        folder: made if it is not there.
        suffix: of the names of files.
        threads: file work runs in one.
        max_bytes: of a file that is read.
    """

    log = Logger()

    def __init__(self, folder: Path, suffix: str, threads: Threads, max_bytes: int) -> None:
        self._folder = folder
        self._suffix = suffix
        self._threads = threads
        self._max_bytes = max_bytes
        self._saving: set[str] = set()
        self._newest: dict[str, Callable[[], bytes]] = {}

    def path(self, name: str) -> Path:
        """
        Return the file of a thing.
        """
        return self._folder / f"{quote(name, safe='')}{self._suffix}"

    async def load(self, name: str, read: Callable[[bytes], T]) -> T | None:
        """
        Return what was last saved; None if it cannot be had.

        Args:
            read: makes it from the bytes of the file, in a thread.
        """
        return await self._threads.call(self._read, self.path(name), read)

    def save(self, name: str, content: Callable[[], bytes], what: str) -> None:
        """
        Keep a state, soon; one that comes while another is written replaces it after.

        Args:
            content: makes the bytes of the file.
            what: it is, for the log, before the name.
        """
        self._newest[name] = content
        if name not in self._saving:
            self._saving.add(name)
            self._write_newest(name, what)

    def _write_newest(self, name: str, what: str) -> None:
        content = self._newest.pop(name)()
        writing = self._threads.call(self._write, self.path(name), content)
        writing.addErrback(
            lambda failure: self.log.warn(
                "{what} {name} could not be kept: {reason}",
                what=what,
                name=name,
                reason=failure.getErrorMessage(),
            )
        )
        writing.addBoth(self._wrote, name, what)

    def _wrote(self, _: object, name: str, what: str) -> None:
        if name in self._newest:
            self._write_newest(name, what)
        else:
            self._saving.discard(name)

    def _read(self, path: Path, read: Callable[[bytes], T]) -> T | None:
        try:
            content = read_regular(path, self._max_bytes, ours=True)
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = error.strerror
            self.log.warn(
                "the snapshot {path} is not used: {reason}", path=str(path), reason=reason
            )
            return None
        return read(content)

    @staticmethod
    def _write(path: Path, content: bytes) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, content)
