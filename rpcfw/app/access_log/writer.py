"""
The thread that writes the access log.

Theory of operation. What the reactor's thread puts into a queue is a line, of a call that has
succeeded in time; or the facts of another call, since their lines take long to make. Four times
a second, or when enough for one write is there, the thread takes all, makes the lines that are
missing, and writes them, some at a time. If the queue is full, calls are dropped and counted, and
a line says how many. If the file cannot be written, the lines are lost and counted, the log of
the process says so, and the next lines are tried again. No call waits for any of that.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from rpcfw.app.access_log.lines import Lines
from rpcfw.app.access_log.log_file import LogFile
from rpcfw.app.access_log.success_lines import SuccessLines
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.call import Call
from rpcfw.values.logged_call import LoggedCall
from rpcfw.values.phases import Phases

__all__ = ["LogWriter"]

#: A line is written after this time at the latest.
_PAUSE_S = 0.25
#: Lines of one write. More would keep the reactor's thread from running for longer.
_LINES = 500
#: A disk that hangs holds the stop of the process up for so long.
_STOP_S = 5.0


class LogWriter:
    """
    Writes calls to a file, in a thread.

    Args:
        file: the log.
        make_lines: makes what makes its lines.
        max_queue: calls that wait to be written.
        plugin_context: of the process.
        stop_s: how long a stop waits for the file.
    """

    log = Logger()

    def __init__(
        self,
        file: LogFile,
        make_lines: Callable[[], Lines],
        max_queue: int,
        plugin_context: PluginContext,
        stop_s: float = _STOP_S,
    ) -> None:
        self._file = file
        self._make_lines = make_lines
        self._lines = make_lines()
        self._max_queue = max_queue
        self._wake_at = min(_LINES, max_queue // 4)
        self._context = plugin_context
        self._stop_s = stop_s
        self._queue: deque[bytes | LoggedCall | Exception] = deque()
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
        size = len(self._queue)
        if size >= self._max_queue:
            self._dropped.value += 1
            return
        self._queue.append(call)
        if size == self._wake_at:
            self._wake.set()

    def successes(self, side: str) -> Callable[[Call, float, float, Phases], None]:
        """
        Return what has a call of a side written that succeeded in time, as `put` does.

        It is called with the call, when it began and ended, and its phases.
        """
        queue, max_queue, wake_at = self._queue, self._max_queue, self._wake_at
        line_of = SuccessLines(side, self._make_lines(), self._context).line

        def put(call: Call, began: float, ended_at: float, phases: Phases) -> None:
            size = len(queue)
            if size >= max_queue:
                self._dropped.value += 1
                return
            try:
                queue.append(line_of(call, began, ended_at, phases))
            except Exception as error:  # noqa: BLE001  # a bug, which must not end the call
                queue.append(error)
            if size == wake_at:
                self._wake.set()

        return put

    async def start(self) -> None:
        """
        Start the thread, which opens the file.
        """
        self._thread = threading.Thread(target=self._run, name="rpcfw access log", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """
        Return when everything is written, or after a while if the file takes nothing.
        """
        self._stopping = True
        self._wake.set()
        thread = self._thread
        if thread is None:
            return
        # It is a daemon, so one that is given up does not hold the end of the process up.
        await self._context.threads.call(thread.join, self._stop_s)
        if thread.is_alive():
            self.log.warn(
                "{count} lines of the access log are lost: the file did not take them within "
                "{limit_s:g} s",
                count=len(self._queue),
                limit_s=self._stop_s,
            )

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
            entries = [queue.popleft() for _ in range(min(_LINES, len(queue)))]
            batch = [each if type(each) is bytes else self._line(each) for each in entries]
            self._write([line for line in batch if line])
        dropped = int(self._dropped.value)
        if dropped > self._dropped_reported:
            count, self._dropped_reported = dropped - self._dropped_reported, dropped
            self._write([lines.dropped(self._context.clock.seconds(), count).encode()])
            self._tell(
                "dropped",
                "{count} lines of the access log were dropped: [access_log] max_queue = {limit} "
                "calls waited to be written",
                count=count,
                limit=self._max_queue,
            )

    def _line(self, entry: Any) -> bytes:
        """
        Return the line of a call of which there is none yet; empty if it cannot be made.
        """
        try:
            if isinstance(entry, Exception):
                raise entry
            return self._lines.line(entry).encode("utf-8", "backslashreplace")
        except Exception as error:  # noqa: BLE001  # a bug, which must not end the log
            self._lost.value += 1
            self._tell("bug", "a line of the access log was lost by a bug: {bug!r}", bug=error)
            return b""

    def _write(self, batch: list[bytes]) -> None:
        if self._attempt(self._file.write, b"".join(batch)):
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
