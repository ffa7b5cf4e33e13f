"""
The audit trail: JSON objects, one a line, in a file or in the log of the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import msgspec
from twisted.logger import Logger

from rpcfw.spi.access.audit_file import AuditFile
from rpcfw.spi.plugin import PluginContext

__all__ = ["AUDIT_LOG", "AuditTrail"]

#: The name of its lines in a log. Not that of a class, so that handlers of logs can find it.
AUDIT_LOG = "rpcfw.audit"

_LOG = Logger(namespace=AUDIT_LOG)


class AuditTrail:
    """
    Writes what happened, and who did it.

    Args:
        file: that lines are added to; None: the log.
        max_lines: in a second, since peers cause them. The next line says how many are left out.
            What was refused is counted by itself: it must hide nothing else, and not be hidden.
    """

    def __init__(self, file: Path | None, max_lines: int, plugin_context: PluginContext) -> None:
        self._file = AuditFile(file, plugin_context.clock.seconds) if file else None
        self._time_of_day = plugin_context.time_of_day
        self._budgets = {of: _Budget(max_lines, plugin_context) for of in (True, False)}

    def open(self) -> None:
        """
        Open the file.

        Raises:
            SetupError: it cannot be opened.
        """
        if self._file is not None:
            self._file.open()

    def close(self) -> None:
        """
        Close the file.
        """
        if self._file is not None:
            self._file.close()

    def write(self, facts: Mapping[str, Any], *, refused: bool) -> None:
        """
        Add a line with the time and these facts.

        Args:
            refused: they are about what was refused.
        """
        left_out = self._budgets[refused].spend()
        if left_out is None:
            return
        now = datetime.fromtimestamp(self._time_of_day(), timezone.utc)
        line: dict[str, Any] = {"time": now.isoformat(timespec="milliseconds"), **facts}
        if left_out:
            line["left_out"] = left_out
        if self._file is None:
            _LOG.info("{line}", line=msgspec.json.encode(line).decode(), audit=line)
        else:
            self._file.write(msgspec.json.encode(line) + b"\n")


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
