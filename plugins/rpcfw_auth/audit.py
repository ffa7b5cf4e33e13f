"""
The filter ``audit``: a line for each call that was refused, or for every call.

A line is a JSON object. It goes to a file that only the user of the process may read, or to the
log. It has no message and no metadata: they may be private.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

from rpcfw.errors import CallError
from rpcfw.spi.access.audit_trail import AuditTrail
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.waiting import CANCELLED
from rpcfw.status import Status
from rpcfw.values.call import Call

__all__ = ["Audit"]

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
        "1000",
        "maximum number of lines in a second, counted separately for calls that were refused; the "
        "next line says how many were left out",
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
    protects: ClassVar[bool] = True

    def __init__(self, options: AuditOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._all = options.calls == "all"
        self._trail = AuditTrail(options.file, options.max_lines, plugin_context)

    async def start(self) -> None:
        self._trail.open()

    async def stop(self) -> None:
        self._trail.close()

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        try:
            response = await proceed(call)
        except CallError as error:
            self._ended(call, error.status, str(error.__cause__ or ""))
            raise
        except CANCELLED:
            # At its deadline, too; its caller gets that status.
            self._ended(call, call.status_if_cancelled(self.plugin_context.clock.seconds()))
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
        facts: dict[str, Any] = {
            "method": call.method.path,
            "status": status.name,
            "identity": call.identity.names,
            "application": call.caller[:_MAX_CHARS],
            "peer": call.peer,
        }
        if reason:
            facts["reason"] = reason
        self._trail.write(facts, refused=status in _REFUSALS)
