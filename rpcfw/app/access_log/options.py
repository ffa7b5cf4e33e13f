"""
What ``[access_log]`` may say.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from rpcfw.app.access_log.lines import FIELDS
from rpcfw.app.access_log.rotation_lock import lock_file
from rpcfw.filters.access_log import Wanted
from rpcfw.kernel.nearest import suggestion
from rpcfw.spi.options import below_minimum, option, options
from rpcfw.status import Status
from rpcfw.values.slowness import Slowness
from rpcfw.values.units import Bytes, Seconds, Share, TimeLimit

__all__ = ["AccessLogOptions"]

_FAILED, _SLOW = "failed", "slow"

#: With less, a busy process would do little else than rename files.
_MIN_FILE_BYTES = 1 << 10


@options
class AccessLogOptions:
    """
    The access log, and which calls are slow.
    """

    file: Path | None = option("", "the access log, a line for each call; empty: none is written")
    sides: tuple[Literal["server", "client"], ...] = option(
        "server", "whose calls are logged: those that are served, those that are made, or both"
    )
    format: Literal["text", "json"] = option("text", "form of a line: name=value, or JSON")
    fields: tuple[str, ...] = option(
        "time, side, status, service, method, peer, caller, took_ms, limit_ms, attempts, "
        "request_bytes, response_bytes, request_messages, response_messages, slow, phases_ms, "
        "message, hints, call, trace_id",
        "what a line has, in this order; empty values are left out. Also: identity, span_id",
    )
    sample: Share = option("100%", "share of the calls that get a line")
    always: tuple[str, ...] = option(
        "failed, slow",
        "calls that get a line whatever the sample: failed, slow, or names of statuses",
    )
    slow_after: TimeLimit = option("1s", "a call that takes this long is slow; none: no limit")
    slow_share: Share = option(
        "75%", "a call that takes this share of its time limit is slow; 0%: no limit"
    )
    log_slow: bool = option(
        "no", "whether the log of the process has a line for each slow call of these sides"
    )
    max_recent: int = option(
        "100", "failed calls, and slow ones, of each side that are kept to be shown; 0: none"
    )
    recent_time: Seconds = option("10min", "how long they are shown")
    max_file_size: Bytes = option("100MiB", "size at which a new file is begun; 0B: no limit")
    rotate_daily: bool = option("no", "whether a new file is begun at midnight, in UTC")
    max_files: int = option("5", "earlier files that are kept, as NAME.1 and so on")
    max_queue: int = option("10000", "lines that wait to be written; more are dropped and counted")

    @property
    def slowness(self) -> Slowness:
        """
        Which calls are slow.
        """
        return Slowness(self.slow_after, self.slow_share)

    @property
    def wanted(self) -> Wanted:
        """
        Which calls get a line.
        """
        names = set(self.always)
        statuses = {status for status in Status if status.name in names}
        if _FAILED in names:
            statuses |= set(Status) - {Status.OK}
        return Wanted(self.sample, frozenset(statuses), _SLOW in names)

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find names that nobody knows, files that cannot be written, and numbers that are too small.
        """
        yield from _unknown("fields", self.fields, FIELDS)
        if not self.fields:
            yield "fields", "name at least one"
        known = (_FAILED, _SLOW, *(status.name for status in Status))
        yield from _unknown("always", self.always, known)
        rotates = bool(self.max_file_size) or self.rotate_daily
        if self.file is not None and (reason := _cannot_write(self.file, rotates)):
            yield "file", reason
        if self.slow_after <= 0:
            yield "slow_after", "must be more than 0s; none: no limit"
        yield from below_minimum(self, {"max_recent": 0, "max_files": 0, "max_queue": 1})
        if 0 < self.max_file_size < _MIN_FILE_BYTES:
            yield "max_file_size", f"must be at least {_MIN_FILE_BYTES} bytes; 0B: no limit"


def _unknown(option: str, names: Iterable[str], known: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        if name not in known:
            yield option, f"{name!r} is unknown; {suggestion(name, known)}"


def _cannot_write(file: Path, rotates: bool) -> str:
    """
    Return why a file cannot be written; empty if it can.
    """
    if file.is_dir():
        return f"{file} is a folder; name a file in it"
    folder = file.parent
    if not folder.is_dir():
        return f"there is no folder {folder}"
    if not os.access(file if file.exists() else folder, os.W_OK):
        return f"{file} cannot be written by the user of this process"
    if not rotates:
        return ""
    # All lines would be lost from the first rotation on.
    lock = lock_file(file)
    if lock.exists() and not os.access(lock, os.R_OK | os.W_OK):
        return f"the user of this process cannot open {lock}; remove it, or let the user write it"
    if file.is_file() and not os.access(folder, os.W_OK):
        return (
            f"the user of this process cannot begin new files in {folder}; let it write there, or "
            "set max_file_size = 0B and rotate_daily = no"
        )
    return ""
