"""
The audit trail of the console: every change, with who made it, why, and what came of it.

It is written to the log and to a file. The last entries are kept in memory, to be shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timezone
from heapq import merge
from itertools import count
from operator import itemgetter
from pathlib import Path

import msgspec
from attrs import frozen

from rpcfw.spi.access.audit_trail import AuditTrail
from rpcfw.spi.plugin import PluginContext

__all__ = ["Audit", "AuditEntry"]

#: Entries that are shown, and what is read of the end of a file to find them.
_MAX_ENTRIES = 1000
_MAX_READ_BYTES = 1 << 20
#: Users are few, and each of them is known.
_MAX_LINES_PER_S = 1000
#: Of each text.
_MAX_CHARS = 1000


class AuditEntry(msgspec.Struct, frozen=True):
    """
    One change, or an attempt to make one.

    Args:
        time: as ISO 8601 has it.
        who: name of the user.
        role: of the user.
        address: of the browser.
        what: was changed.
        reason: as the user gave it.
        result: ``done``, or why not.
    """

    time: str = ""
    who: str = ""
    role: str = ""
    address: str = ""
    what: str = ""
    reason: str = ""
    result: str = ""


@frozen
class _Trails:
    log: AuditTrail
    file: AuditTrail | None


class Audit:
    """
    Writes and shows the trail.

    Args:
        file: that lines are added to; None: the log has them alone.
    """

    def __init__(self, file: Path | None, plugin_context: PluginContext) -> None:
        self._path = file
        self._time_of_day = plugin_context.time_of_day
        in_file = AuditTrail(file, _MAX_LINES_PER_S, plugin_context) if file else None
        self._trails = _Trails(AuditTrail(None, _MAX_LINES_PER_S, plugin_context), in_file)
        #: With a number each. What was refused is kept by itself: a viewer causes any amount of it.
        self._done: deque[tuple[int, AuditEntry]] = deque(maxlen=_MAX_ENTRIES)
        self._refused: deque[tuple[int, AuditEntry]] = deque(maxlen=_MAX_ENTRIES)
        self._numbers = count()

    def open(self) -> None:
        """
        Open the file, and read its last entries.

        Raises:
            SetupError: it cannot be opened.
        """
        if self._trails.file is not None and self._path is not None:
            self._trails.file.open()
            for entry in _last_entries(self._path):
                self._keep(entry)

    def close(self) -> None:
        """
        Close the file.
        """
        if self._trails.file is not None:
            self._trails.file.close()

    @property
    def entries(self) -> list[AuditEntry]:
        """
        The last entries, the newest first.
        """
        numbered = merge(self._done, self._refused, key=itemgetter(0))
        return [entry for _, entry in numbered][::-1]

    def write(self, entry: AuditEntry) -> None:
        """
        Add an entry; its time is now.
        """
        now = datetime.fromtimestamp(self._time_of_day(), timezone.utc)
        cut = {name: text[:_MAX_CHARS] for name, text in msgspec.structs.asdict(entry).items()}
        cut["time"] = now.isoformat(timespec="seconds")
        if entry.role:  # who has none could push out all others by failing to log in
            self._keep(AuditEntry(**cut))
        facts = {name: text for name, text in cut.items() if name != "time"}
        refused = entry.result != "done"
        for trail in (self._trails.log, self._trails.file):
            if trail is not None:
                trail.write(facts, refused=refused)

    def _keep(self, entry: AuditEntry) -> None:
        kept = self._refused if entry.result.startswith("refused") else self._done
        kept.append((next(self._numbers), entry))


def _last_entries(path: Path) -> Iterator[AuditEntry]:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _MAX_READ_BYTES))
        lines = file.read().split(b"\n")
    for line in lines[1 if size > _MAX_READ_BYTES else 0 :][-_MAX_ENTRIES - 1 :]:
        try:
            entry = msgspec.json.decode(line, type=AuditEntry)
        except (ValueError, RecursionError):  # the file may have lines of others
            continue
        if entry.role:
            yield entry
