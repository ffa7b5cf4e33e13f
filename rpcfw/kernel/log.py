"""
The log: one line for each event, and one for many that say the same.

Everything here logs through `twisted.logger`; this file decides what a person sees.
"""

from __future__ import annotations

from typing import Any, TextIO

from attrs import define
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LogBeginner,
    LogEvent,
    Logger,
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
from rpcfw.spi.clock import Clock

__all__ = ["LEVELS", "OneLineObserver", "RateLimited", "begin_logging", "rate_limited"]

#: What ``--log-level`` takes.
LEVELS = ("debug", "info", "warn", "error", "critical")

#: Texts remembered by one `RateLimited`: enough for one per peer of a large service.
_MOST_TEXTS = 1024

_FRAMES = 3


@define
class _Said:
    until: float
    dropped: int = 0


class RateLimited:
    """
    Logs the same text once in a while, with the number of those that were dropped.

    Args:
        log: where to.
        clock: what time it is.
        every_s: how long a text is not repeated.
    """

    def __init__(self, log: Logger, clock: Clock, every_s: float) -> None:
        self._log = log
        self._seconds = clock.seconds
        self._every_s = every_s
        self._said: dict[str, _Said] = {}

    def warn(self, format: str, **fields: Any) -> None:
        self._emit(LogLevel.warn, format, fields)

    def error(self, format: str, **fields: Any) -> None:
        self._emit(LogLevel.error, format, fields)

    def _emit(self, level: Any, format: str, fields: dict[str, Any]) -> None:
        text = formatEvent({"log_format": format, **fields})
        now = self._seconds()
        said = self._said.get(text)
        if said is not None and now < said.until:
            said.dropped += 1
            return
        dropped = 0 if said is None else said.dropped
        self._remember(text, now)
        count = " ({more} more like this)" if dropped else ""
        self._log.emit(level, format + count, more=dropped, **fields)

    def _remember(self, text: str, now: float) -> None:
        self._said.pop(text, None)
        if len(self._said) >= _MOST_TEXTS:
            del self._said[next(iter(self._said))]
        self._said[text] = _Said(now + self._every_s)


def rate_limited(log: Logger, clock: Clock, every_s: float = 60.0) -> RateLimited:
    """
    Return a log that does not repeat itself within ``every_s``.
    """
    return RateLimited(log, clock, every_s)


@implementer(ILogObserver)
class OneLineObserver:
    """
    Writes each event as one line: time, level, where from, text.

    Of an error's trace the innermost frames stand in the line; with ``traces`` the
    whole follows in indented lines.
    """

    def __init__(self, stream: TextIO, *, traces: bool = False) -> None:
        self._stream = stream
        self._traces = traces

    def __call__(self, event: LogEvent) -> None:
        failure = event.get("log_failure")
        text = formatEvent(event)
        if isinstance(failure, Failure):
            text = f"{text}: {_brief(failure)}" if text else _brief(failure)
        level = getattr(event.get("log_level"), "name", "info")
        origin = event.get("log_namespace", "-")
        line = " ".join(f"{formatTime(event.get('log_time'))} {level} {origin}: {text}".split())
        if self._traces and isinstance(failure, Failure):
            trace = failure.getTraceback().rstrip().replace("\n", "\n    ")
            line = f"{line}\n    {trace}"
        self._stream.write(f"{line}\n")
        self._stream.flush()


def begin_logging(level: str, stream: TextIO, beginner: LogBeginner = globalLogBeginner) -> None:
    """
    Send what this process logs, from ``level`` up, to ``stream``. For commands.

    Raises:
        SettingsError: there is no such level.
    """
    if level not in LEVELS:
        raise SettingsError(f"unknown log level {level!r}; {suggestion(level, LEVELS)}")
    lowest = LogLevel.levelWithName(level)
    observer = FilteringLogObserver(
        OneLineObserver(stream, traces=level == "debug"),
        [LogLevelFilterPredicate(defaultLogLevel=lowest)],
    )
    beginner.beginLoggingTo([observer], redirectStandardIO=False)


def _brief(failure: Failure) -> str:
    said = f"{type(failure.value).__name__}: {failure.getErrorMessage()}"
    frames = [f"{name} in {file}:{line}" for name, file, line, *_ in failure.frames[-_FRAMES:]]
    return f"{said} ({' > '.join(frames)})" if frames else said
