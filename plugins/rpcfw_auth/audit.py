"""
The filter ``audit``: a line for each call that was refused, or for every call.

A line is a JSON object. It goes to a file that only the user of the process may read, or to the
log. It has no message and no metadata: they may be private.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, ClassVar, Literal

import msgspec
from twisted.logger import Logger

from rpcfw.errors import CallError
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.waiting import CANCELLED
from rpcfw.status import Status
from rpcfw.values.call import Call
from rpcfw_auth.audit_file import AuditFile

__all__ = ["Audit"]

#: Not named after the class, so that handlers of logs can find it.
_TRAIL = Logger(namespace="rpcfw.audit")
_REFUSALS = frozenset((Status.UNAUTHENTICATED, Status.PERMISSION_DENIED))
#: A caller names itself. So much of its name is written.
_MAX_CHARS = 100


@options
class AuditOptions:
    """
    What the INI may say.
    """

    calls: Literal["refused", "all"] = option(
        "refused", "which calls are written: those that were refused, or all"
    )
    file: Path | None = option("", "file that lines are added to; empty: the log of the process")
    max_lines: int = option(
        "1000", "maximum number of lines in a second; the next line says how many were left out"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what nothing could be written with.
        """
        if self.max_lines < 1:
            yield "max_lines", f"must be at least 1, not {self.max_lines}"
        if self.file is not None and not self.file.parent.is_dir():
            yield "file", f"there is no folder {self.file.parent}"


class Audit(Filter):
    """
    Writes who called what, how it ended, and why it was refused.

    Put it before all that refuses: ``insert = audit after ACCESS_LOG``.
    """

    Options: ClassVar[type] = AuditOptions

    def __init__(self, options: AuditOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._all = options.calls == "all"
        self._trail = (
            AuditFile(options.file, plugin_context.clock.seconds) if options.file else None
        )
        self._budget = _Budget(options.max_lines, plugin_context)

    async def start(self) -> None:
        if self._trail is not None:
            self._trail.open()

    async def stop(self) -> None:
        if self._trail is not None:
            self._trail.close()

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        try:
            response = await proceed(call)
        except CallError as error:
            self._ended(call, error.status, str(error.__cause__ or ""))
            raise
        except CANCELLED:
            # At its deadline, too; its caller gets that status.
            late = call.deadline <= self.plugin_context.clock.seconds()
            self._ended(call, Status.DEADLINE_EXCEEDED if late else Status.CANCELLED)
            raise
        except BaseException:
            self._ended(call, Status.UNKNOWN)
            raise
        if call.method.server_streams:
            # Its method has only begun, and may still refuse the call.
            call.on_end(lambda status: self._ended(call, status))
        else:
            self._ended(call, Status.OK)
        return response

    def _ended(self, call: Call, status: Status, reason: str = "") -> None:
        if self._all or status in _REFUSALS:
            self._write(call, status, reason)

    def _write(self, call: Call, status: Status, reason: str) -> None:
        left_out = self._budget.spend()
        if left_out is None:
            return
        now = datetime.fromtimestamp(self.plugin_context.time_of_day(), timezone.utc)
        line: dict[str, Any] = {
            "time": now.isoformat(timespec="milliseconds"),
            "method": call.method.path,
            "status": status.name,
            "identity": call.identity.names,
            "application": call.caller[:_MAX_CHARS],
            "peer": call.peer,
        }
        if reason:
            line["reason"] = reason
        if left_out:
            line["left_out"] = left_out
        if self._trail is None:
            _TRAIL.info("{line}", line=msgspec.json.encode(line).decode(), audit=line)
        else:
            self._trail.write(msgspec.json.encode(line) + b"\n")


class _Budget:
    """
    Limits the lines of a second, since peers cause them.
    """

    def __init__(self, max_lines: int, plugin_context: PluginContext) -> None:
        self._max_lines = max_lines
        self._seconds = plugin_context.clock.seconds
        self._since = self._seconds()
        self._written = 0
        self._left_out = 0

    def spend(self) -> int | None:
        """
        Return how many lines were left out since the last one; None to leave this one out.
        """
        now = self._seconds()
        if now - self._since >= 1:
            self._since, self._written = now, 0
        if self._written >= self._max_lines:
            self._left_out += 1
            return None
        self._written += 1
        left_out, self._left_out = self._left_out, 0
        return left_out
