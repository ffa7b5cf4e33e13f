"""
The thread that writes the access log.
"""

from __future__ import annotations

import json
from threading import Event

import pytest
from twisted.internet.task import Clock

from rpcfw.app.access_log.lines import JSONLines
from rpcfw.app.access_log.writer import LogWriter
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.plugin_context import plugin_context
from tests.unit.app.access_log.calls import a_logged_call, succeeded

#: For what comes at once, on a machine that is busy.
_LIMIT_S = 60


class MemoryFile:
    """
    Keeps what is written; a test may hold it up.
    """

    def __init__(self):
        self.lines = []
        self.opened = 0
        self.closed = Event()
        self.reopened = Event()
        self.ready = Event()
        self.ready.set()
        self.error = None

    def open(self):
        self.opened += 1
        if self.opened > 1:
            self.reopened.set()

    def close(self):
        self.closed.set()

    def write(self, lines):
        assert self.ready.wait(_LIMIT_S)
        if self.error is not None:
            raise self.error
        self.lines += lines.decode().splitlines()


class Posted:
    """
    Threads of a process: what is posted is done by the test.
    """

    def __init__(self, inline):
        self.inline = inline
        self.posted = []

    def call(self, function, *args):
        return self.inline.call(function, *args)

    def post(self, function, *args):
        self.posted.append(function)


class Written:
    """
    A writer to a file in memory.
    """

    def __init__(self, max_queue=1000, stop_s=_LIMIT_S):
        around = plugin_context(Clock())
        self.threads = Posted(around.threads)
        self.context = plugin_context(around.clock, threads=self.threads)
        self.file = MemoryFile()
        self.writer = LogWriter(
            self.file, lambda: JSONLines(("took_ms", "caller")), max_queue, self.context, stop_s
        )

    def start(self):
        spawn(self.writer.start())

    def stop(self):
        spawn(self.writer.stop())

    @property
    def counts(self):
        (family,) = (
            each for each in self.context.meter if each.name == "rpcfw_access_log_lines_total"
        )
        return {labels[0]: int(member.value) for labels, member in family}

    @property
    def read(self):
        return [json.loads(line) for line in self.file.lines]


def test_a_stop_loses_nothing():
    """
    What was put is written, in its order, once the writer has stopped.
    """
    written = Written()
    written.start()
    for number in range(950):
        written.writer.put(a_logged_call(took_s=number / 1000))
    written.stop()
    assert list(range(950)) == [line["took_ms"] for line in written.read]
    assert {"written": 950, "lost": 0, "dropped": 0} == written.counts
    assert written.file.closed.is_set()


def test_the_order_of_calls():
    """
    Calls that succeed and others are written in the order in which they ended.
    """
    written = Written()
    success = written.writer.successes("server")
    written.start()
    for number in range(100):
        call = a_logged_call(took_s=number / 1000)
        if number % 3:
            success(*succeeded(call))
        else:
            written.writer.put(call)
    written.stop()
    assert list(range(100)) == [round(line["took_ms"]) for line in written.read]


@pytest.mark.parametrize("fast", [False, True])
def test_a_full_queue(fast):
    """
    Calls that find the queue full are dropped and counted, and a line says how many.
    """
    written = Written(max_queue=10)
    success = written.writer.successes("server")
    for _ in range(25):
        call = a_logged_call()
        if fast:
            success(*succeeded(call))
        else:
            written.writer.put(call)
    written.start()
    written.stop()
    assert 11 == len(written.file.lines)
    assert 15 == written.read[-1]["dropped"]
    assert 15 == written.counts["dropped"]
    assert 1 == len(written.threads.posted)


def test_a_slow_disk():
    """
    A write that hangs holds up nobody who puts calls.
    """
    written = Written(max_queue=10)
    written.file.ready.clear()
    written.start()
    for _ in range(100):
        written.writer.put(a_logged_call())
    assert written.counts["dropped"] >= 100 - 20
    written.file.ready.set()
    written.stop()
    counts = written.counts
    dropped = sum(line.get("dropped", 0) for line in written.read)
    assert 100 == counts["dropped"] + sum("took_ms" in line for line in written.read)
    assert counts["dropped"] == dropped


def test_a_file_that_cannot_be_written():
    """
    Lines that cannot be written are lost and counted, and reported in the reactor's thread.
    """
    written = Written()
    written.file.error = PermissionError(13, "Permission denied")
    written.writer.put(a_logged_call())
    written.start()
    written.stop()
    assert {"written": 0, "lost": 1, "dropped": 0} == written.counts
    assert 1 == len(written.threads.posted)


def test_a_bug_loses_its_lines_alone():
    """
    A call that cannot be formatted ends neither the log, nor a call, nor loses other lines.
    """
    written = Written()
    success = written.writer.successes("server")
    bad = a_logged_call(caller=object())
    written.writer.put(bad)
    success(*succeeded(bad))
    written.writer.put(a_logged_call())
    written.start()
    written.stop()
    assert {"written": 1, "lost": 2, "dropped": 0} == written.counts
    assert written.file.closed.is_set()


def test_open_again():
    """
    The file is opened again when that is asked for.
    """
    written = Written()
    written.start()
    written.writer.reopen()
    assert written.file.reopened.wait(_LIMIT_S)
    written.stop()


def test_a_disk_that_hangs_does_not_hold_up_a_stop():
    """
    A stop waits for the file as long as it may, and no longer.
    """
    written = Written(stop_s=0.01)
    written.file.ready.clear()
    written.writer.put(a_logged_call())
    written.start()
    written.stop()
    assert [] == written.file.lines
    written.file.ready.set()
