"""
The log: one line for each event.

Everything here logs through `twisted.logger`; this file decides what a person sees.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TextIO

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogBeginner,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    formatEvent,
    formatTime,
    globalLogBeginner,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from rpcfw.errors import SettingsError
from rpcfw.kernel.nearest import suggestion
from rpcfw.printable import printable, printable_lines
from rpcfw.spi.access.audit_trail import AUDIT_LOG
from rpcfw.values.call import serving

__all__ = ["LEVELS", "OneLineObserver", "begin_logging"]

#: What ``--log-level`` takes.
LEVELS = ("debug", "info", "warn", "error", "critical")

_FRAMES = 3


@implementer(ILogObserver)
class OneLineObserver:
    """
    Writes each event as one line: time, level, where from, text.

    Parts of the text come from others: nothing in them ends the line or drives a terminal.
    Of an error's trace the innermost frames are in the line; with ``traces`` the
    whole follows in indented lines. What is logged while a call is served that is recorded ends
    with the id of its trace, also in the threads and tasks that serve it; so does an event that
    has a `trace_id`, as those of a client about one of its calls.
    """

    def __init__(self, stream: TextIO, *, traces: bool = False) -> None:
        self._stream = stream
        self.traces = traces

    def __call__(self, event: LogEvent) -> None:
        failure = event.get("log_failure")
        text = formatEvent(event)
        if isinstance(failure, Failure):
            text = f"{text}: {_brief(failure)}" if text else _brief(failure)
        trace_id = event.get("trace_id") or _trace_id()
        if trace_id:
            text = f"{text} (trace {trace_id})"
        level = getattr(event.get("log_level"), "name", "info")
        origin = event.get("log_namespace", "-")
        line = " ".join(f"{formatTime(event.get('log_time'))} {level} {origin}: {text}".split())
        line = printable(line)
        if self.traces and isinstance(failure, Failure):
            trace = printable_lines(failure.getTraceback().rstrip()).replace("\n", "\n    ")
            line = f"{line}\n    {trace}"
        self._stream.write(f"{line}\n")
        self._stream.flush()


def _trace_id() -> str:
    """
    Return the trace of the call that the running code serves, if it is recorded.
    """
    call = serving.get()
    return "" if call is None else call.trace_id


def begin_logging(
    level: str, stream: TextIO, beginner: LogBeginner = globalLogBeginner
) -> Callable[[str], None]:
    """
    Send what this process logs, from ``level`` up, to ``stream``. For commands.

    The audit trail is always sent: a rule that sets a level must not hide who calls.

    Returns:
        What sets another level.

    Raises:
        SettingsError: there is no such level.
    """
    if level not in LEVELS:
        raise SettingsError(f"unknown log level {level!r}; {suggestion(level, LEVELS)}")
    lines, lowest = OneLineObserver(stream), LogLevelFilterPredicate()

    def log_at(level: str) -> None:
        lines.traces = level == "debug"
        lowest.setLogLevelForNamespace("", LogLevel.levelWithName(level))

    log_at(level)
    lowest.setLogLevelForNamespace(AUDIT_LOG, LogLevel.info)
    observer = FilteringLogObserver(lines, [lowest])
    beginner.beginLoggingTo([observer], redirectStandardIO=False)
    return log_at


def _brief(failure: Failure) -> str:
    summary = f"{type(failure.value).__name__}: {failure.getErrorMessage()}"
    frames = [f"{name} in {file}:{line}" for name, file, line, *_ in failure.frames[-_FRAMES:]]
    return f"{summary} ({' > '.join(frames)})" if frames else summary
