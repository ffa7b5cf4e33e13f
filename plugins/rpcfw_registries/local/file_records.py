"""
Records of rules as files of a folder, which several processes of a machine share.

The folder holds two files for each scope. A file is replaced by renaming, so that a reader
sees the old or the new one. Who changes them holds a lock on a third file, ``.lock``.
Readers compare the state of a file several times a second: nothing tells them of a change on
every file system.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from twisted.internet.defer import Deferred

from rpcfw.errors import RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.rules import OnRefused, RuleWatch
from rpcfw.spi.runtime.background import loop_in_background
from rpcfw.spi.runtime.files import read_regular, replace_file
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.rule import SCOPE_KINDS, Scope
from rpcfw_registries.local.file_reading import Stamp
from rpcfw_registries.remote.paths import decoded, encoded
from rpcfw_registries.rules.records import MAX_HISTORY_BYTES, MAX_RECORD_BYTES
from rpcfw_registries.rules.store import NOTHING, RecordListener, RecordStore, Stored, stamp_of

__all__ = ["FileRecords", "read_all_records", "read_records", "remove_records", "write_records"]

#: How often files are looked at.
_POLL_S = 0.25
#: Names of files have at most 255 bytes.
_MAX_NAME = 150
#: The longest name of a scope has 256 characters.
_MAX_NAME_FILE = 4 << 10


class FileRecords(RecordStore):
    """
    The records in one folder. Nothing is made there before the first is written.
    """

    def __init__(self, folder: Path, plugin_context: PluginContext) -> None:
        self._folder = folder
        self._clock = plugin_context.clock
        self._threads = plugin_context.threads
        self._watches: list[_FileWatch] = []
        self._polling: Deferred[None] | None = None
        self._trouble = ""

    @property
    def trouble(self) -> str:
        return self._trouble

    async def read(self, scope: Scope) -> Stored:
        try:
            return await self._threads.call(read_records, self._folder, scope)
        except OSError as error:
            raise _error(self._folder, error) from error

    async def write(self, scope: Scope, documents: bytes, history: bytes, stamp: str) -> bool:
        record = Stored(documents, history, stamp)
        try:
            return await self._threads.call(write_records, self._folder, scope, record)
        except OSError as error:
            raise _error(self._folder, error) from error

    def watch(self, scope: Scope, listener: RecordListener, on_refused: OnRefused) -> RuleWatch:
        path = _path(self._folder, scope)
        watch = _FileWatch(path, listener, on_refused, self._closed)
        self._watches.append(watch)
        if self._polling is None:
            self._polling = loop_in_background(
                self._poll, f"looking at {self._folder}", self._clock
            )
        return watch

    def _closed(self, watch: _FileWatch) -> None:
        if watch in self._watches:
            self._watches.remove(watch)
        if not self._watches and self._polling is not None:
            # A listener may close its own watch.
            self._clock.callLater(0, self._stop)

    def _stop(self) -> None:
        polling = self._polling
        if not self._watches and polling is not None:
            self._polling = None
            polling.cancel()

    async def _poll(self) -> None:
        while True:
            watches = tuple(self._watches)
            looks = [(watch.path, watch.stamp) for watch in watches]
            found = await self._threads.call(_look_at, looks)
            self._trouble = next((reason for _, _, reason in found if reason), "")
            for watch, (stamp, data, reason) in zip(watches, found, strict=True):
                watch.take(stamp, data, reason)
            await sleep(self._clock, _POLL_S)


class _FileWatch(RuleWatch):
    def __init__(
        self,
        path: Path,
        listener: RecordListener,
        on_refused: OnRefused,
        closed: Callable[[_FileWatch], None],
    ) -> None:
        self.path = path
        #: Of the file that was read last; None: not read, `_ABSENT`: there was none.
        self.stamp: Stamp | None = None
        self._listener = listener
        self._on_refused = on_refused
        self._closed = closed
        self._reason = ""
        self._open = True

    def take(self, stamp: Stamp, data: bytes | None, reason: str) -> None:
        """
        Take what was found.
        """
        if not self._open:
            return
        if reason:
            if reason != self._reason:
                self._reason = reason
                self._on_refused(reason)
            return
        self._reason = ""
        if stamp != self.stamp:
            self.stamp = stamp
            self._listener(data)

    def close(self) -> None:
        if self._open:
            self._open = False
            self._closed(self)


#: The stamp of a file that is not there.
_ABSENT: Stamp = (0, 0, 0)


def _look_at(looks: Sequence[tuple[Path, Stamp | None]]) -> list[tuple[Stamp, bytes | None, str]]:
    """
    Read the files that have changed. In a thread.
    """
    return [_looked(path, last) for path, last in looks]


def _looked(path: Path, last: Stamp | None) -> tuple[Stamp, bytes | None, str]:
    try:
        status = path.stat()
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        return stamp, None if stamp == last else read_regular(path, MAX_RECORD_BYTES), ""
    except FileNotFoundError:
        return _ABSENT, None, ""
    except OSError as error:
        return _ABSENT, None, f"{path} cannot be read: {error.strerror}"


def read_records(folder: Path, scope: Scope) -> Stored:
    """
    Read what is stored for a scope. Blocks.
    """
    path = _path(folder, scope)
    try:
        documents = read_regular(path, MAX_RECORD_BYTES)
    except FileNotFoundError:
        return NOTHING
    try:
        history = read_regular(_history_path(path), MAX_HISTORY_BYTES)
    except FileNotFoundError:
        history = b""
    return Stored(documents, history, stamp_of(documents))


def read_all_records(
    folder: Path, max_scopes: int, max_bytes: int
) -> Iterator[tuple[Scope, Stored | str]]:
    """
    Read what is stored, up to these limits; say of the rest why it is not read. Blocks.
    """
    count = size = 0
    for path in sorted(folder.glob("*~*.json")):
        scope = _scope_of(path)
        if scope is None:
            continue
        try:
            stored = read_records(folder, scope)
        except OSError as error:
            yield scope, f"{path} cannot be read: {error.strerror or error}"
            continue
        its_size = len(stored.documents or b"") + len(stored.history)
        if count == max_scopes or size + its_size > max_bytes:
            yield scope, f"{path} is not read: there are more rules than the limits allow"
            continue
        count += 1
        size += its_size
        yield scope, stored


def write_records(folder: Path, scope: Scope, record: Stored) -> bool:
    """
    Replace what is stored, if it is what ``record.stamp`` is of. Blocks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        if read_records(folder, scope).stamp != record.stamp:
            return False
        path = _path(folder, scope)
        # The history first: it may have a change too many, and lacks none.
        replace_file(_history_path(path), record.history)
        if path != folder / _plain_name(scope):
            replace_file(_name_path(path), scope.name.encode())
        replace_file(path, record.documents or b"")
        return True


def remove_records(folder: Path, scope: Scope, stamp: str) -> bool:
    """
    Remove what is stored, if it is still what ``stamp`` is of. Blocks.
    """
    with _locked(folder):
        if read_records(folder, scope).stamp != stamp:
            return False
        path = _path(folder, scope)
        # The documents last: without them, the others are of nothing.
        for each in (_history_path(path), _name_path(path), path):
            each.unlink(missing_ok=True)
        return True


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    # Others may write into the folder: no link leads to a file elsewhere.
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(folder / ".lock", flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _plain_name(scope: Scope) -> str:
    return f"{scope.kind}~{encoded(scope.name)}.json"


def _path(folder: Path, scope: Scope) -> Path:
    name = encoded(scope.name)
    if len(name) <= _MAX_NAME:
        return folder / _plain_name(scope)
    hashed = sha256(scope.name.encode()).hexdigest()
    return folder / f"{scope.kind}~{name[:_MAX_NAME]}~{hashed}.json"


def _scope_of(path: Path) -> Scope | None:
    """
    Return the scope that a file is of; None if it is of none, or nobody has noted its long name.
    """
    kind, _, name = path.stem.partition("~")
    if kind not in SCOPE_KINDS:
        return None
    try:
        scope = Scope(kind, read_regular(_name_path(path), _MAX_NAME_FILE).decode())
    except FileNotFoundError:
        scope = Scope(kind, decoded(name))
    except ValueError:
        return None
    return scope if path == _path(path.parent, scope) else None


def _history_path(path: Path) -> Path:
    return path.with_suffix(".history")


def _name_path(path: Path) -> Path:
    """
    Return the file with a name that is too long for the name of a file.
    """
    return path.with_suffix(".name")


def _error(folder: Path, error: OSError) -> RegistryError:
    return RegistryError(f"the rules in {folder} cannot be used: {error.strerror or error}")
