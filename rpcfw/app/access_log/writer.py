"""
The thread that writes the access log.

Theory of operation. A call that has ended is put into a queue as a tuple, which is all that the
reactor's thread does. Four times a second, or when enough calls for one write are there, the
thread takes them, makes lines of them, and writes those, some at a time: a write lets the other
threads of Python run. If the queue is full, calls are dropped and counted, and a line says
how many. If the file cannot be written, the lines are lost and counted, the log of the process
says so, and the next lines are tried again. No call waits for any of that.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from rpcfw.app.access_log.lines import Lines
from rpcfw.app.access_log.log_file import LogFile
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.logged_call import LoggedCall

__all__ = ["LogWriter"]

#: A line is written after this time at the latest.
_PAUSE_S = 0.25
#: Lines of one write. More would keep the reactor's thread from running for longer.
_LINES = 250


class LogWriter:
    """
    Writes calls to a file, in a thread.

    Args:
        file: the log.
        lines: makes its lines.
        max_queue: calls that wait to be written.
        plugin_context: of the process.
    """

    log = Logger()

    def __init__(
        self, file: LogFile, lines: Lines, max_queue: int, plugin_context: PluginContext
    ) -> None:
        self._file = file
        self._lines = lines
        self._max_queue = max_queue
        self._wake_at = min(_LINES, max_queue // 4)
        self._context = plugin_context
        self._queue: deque[LoggedCall] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._reopen = False
        self._thread: threading.Thread | None = None
        counts = plugin_context.meter.counter(
            "rpcfw_access_log_lines_total", "lines of the access log", "result"
        )
        # Each is counted by one thread alone.
        self._written, self._lost = counts.of("written"), counts.of("lost")
        self._dropped = counts.of("dropped")
        self._dropped_reported = 0
        self._limited = LimitedLog(self.log, plugin_context.clock.seconds)

    def put(self, call: LoggedCall) -> None:
        """
        Have a call written. In the reactor's thread; it never waits.
        """
        queue = self._queue
        size = len(queue)
        if size >= self._max_queue:
            self._dropped.value += 1
            return
        queue.append(call)
        if size == self._wake_at:
            self._wake.set()

    async def start(self) -> None:
        """
        Open the file, and start the thread.
        """
        self._thread = threading.Thread(target=self._run, name="rpcfw access log", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """
        Return when everything is written.
        """
        self._stopping = True
        self._wake.set()
        if self._thread is not None:
            await self._context.threads.call(self._thread.join)

    def reopen(self) -> None:
        """
        Open the file again, soon: it may have been renamed.
        """
        self._reopen = True
        self._wake.set()

    # In the thread.

    def _run(self) -> None:
        self._attempt(self._file.open)
        stopping = False
        while not stopping:
            self._wake.wait(_PAUSE_S)
            self._wake.clear()
            stopping = self._stopping  # looked at first: what is in the queue then is written
            if self._reopen:
                self._reopen = False
                self._file.close()
                self._attempt(self._file.open)
            self._write_all()
        self._file.close()

    def _write_all(self) -> None:
        """
        Write what is in the queue.
        """
        queue, lines = self._queue, self._lines
        lines.offset_s = self._context.time_of_day() - self._context.clock.seconds()
        while queue:
            calls = [queue.popleft() for _ in range(min(_LINES, len(queue)))]
            try:
                batch = [lines.line(call) for call in calls]
            except Exception as error:  # noqa: BLE001  # a bug, which must not end the log
                self._lost.value += len(calls)
                self._tell("bug", "lines of the access log were lost by a bug: {bug!r}", bug=error)
            else:
                self._write(batch)
        dropped = int(self._dropped.value)
        if dropped > self._dropped_reported:
            count, self._dropped_reported = dropped - self._dropped_reported, dropped
            self._write([lines.dropped(self._context.clock.seconds(), count)])
            self._tell(
                "dropped",
                "{count} lines of the access log were dropped: [access_log] max_queue = {limit} "
                "calls waited to be written",
                count=count,
                limit=self._max_queue,
            )

    def _write(self, batch: list[str]) -> None:
        whole = "".join(batch).encode("utf-8", "backslashreplace")
        if self._attempt(self._file.write, whole):
            self._written.value += len(batch)
        else:
            self._lost.value += len(batch)

    def _attempt(self, function: Callable[..., None], *arguments: Any) -> bool:
        """
        Do something with the file; tell whether it was done.
        """
        try:
            function(*arguments)
        except OSError as error:
            self._tell("lost", "the access log cannot be written: {error}", error=error)
            return False
        return True

    def _tell(self, kind: str, format: str, **facts: Any) -> None:
        # The log of a process is not made for several threads.
        self._context.threads.post(lambda: self._limited.warn_of(kind, format, **facts))
