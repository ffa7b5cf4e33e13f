"""
The file of the access log.
"""

from __future__ import annotations

import os
import stat
import threading
from errno import ENOLCK
from pathlib import Path

import pytest

from rpcfw.app.access_log.log_file import LogFile
from rpcfw.app.access_log.rotation_lock import rotation_lock

DAY_S = 86400.0


class Log:
    """
    A file on a clock of the test.
    """

    def __init__(self, folder, max_bytes=0, daily=False, max_files=2):
        self.now = 10 * DAY_S + 100
        self.folder = folder
        self.path = folder / "a.log"
        self.file = LogFile(self.path, max_bytes, daily, max_files, lambda: self.now)

    def write(self, *lines):
        for line in lines:
            self.file.write(line.encode() + b"\n")

    def read(self):
        files = sorted(each for each in self.folder.iterdir() if each.suffix != ".lock")
        return {each.name: each.read_text().split() for each in files}


def test_lines_are_added(tmp_path):
    """
    What is in the file already stays. Others of this machine may not read it.
    """
    log = Log(tmp_path)
    log.write("one", "two")
    assert 0 == stat.S_IMODE(log.path.stat().st_mode) & 0o007
    log.file.close()
    log.write("three")
    assert {"a.log": ["one", "two", "three"]} == log.read()


def test_a_full_file_is_rotated(tmp_path):
    """
    A new file is begun before one is too large; so many old ones are kept.
    """
    log = Log(tmp_path, max_bytes=8)
    log.write("aaa", "bbb", "ccc", "ddd", "eee", "fff", "ggg")
    assert {"a.log": ["ggg"], "a.log.1": ["eee", "fff"], "a.log.2": ["ccc", "ddd"]} == log.read()


def test_none_is_kept(tmp_path):
    """
    With none to keep, a full file is begun anew.
    """
    log = Log(tmp_path, max_bytes=8, max_files=0)
    log.write("aaa", "bbb", "ccc")
    assert {"a.log": ["ccc"]} == log.read()


def test_a_new_day(tmp_path):
    """
    Each day has its file, also if the process was started in between.
    """
    log = Log(tmp_path, daily=True)
    log.write("monday")
    log.now += DAY_S
    log.write("tuesday", "still")
    assert {"a.log": ["tuesday", "still"], "a.log.1": ["monday"]} == log.read()
    log.file.close()
    os.utime(log.path, (log.now, log.now))
    log.now += DAY_S
    log.write("wednesday")
    assert ["wednesday"] == log.read()["a.log"]


def test_a_renamed_file_is_followed(tmp_path):
    """
    Within a second after somebody renames the file, lines go to a new one.
    """
    log = Log(tmp_path)
    log.write("one")
    log.path.rename(tmp_path / "old")
    log.write("two")
    log.now += 1.5
    log.write("three")
    assert {"a.log": ["three"], "old": ["one", "two"]} == log.read()


def test_a_folder_that_is_gone(tmp_path):
    """
    Without its folder a line is lost; once that is back, the next one is written.
    """
    folder = tmp_path / "logs"
    folder.mkdir()
    log = Log(folder)
    log.write("one")
    log.path.unlink()
    folder.rmdir()
    log.now += 2
    with pytest.raises(OSError, match="No such file"):
        log.write("two")
    folder.mkdir()
    log.write("three")
    assert {"a.log": ["three"]} == log.read()


def test_a_full_disk(tmp_path, monkeypatch):
    """
    A line that was written in part does not spoil the next one.
    """
    log, real, free = Log(tmp_path), os.write, [3]

    def write(descriptor, data):
        if not free:
            return real(descriptor, data)
        count = free.pop()
        if not count:
            raise OSError(28, "No space left on device")
        free.append(0)
        return real(descriptor, data[:count])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space left"):
        log.write("a long line")
    log.write("next")
    assert "a l\nnext\n" == log.path.read_text()


def test_a_pipe_is_never_rotated(tmp_path):
    """
    A log that goes to another program is not renamed under it.
    """
    log = Log(tmp_path, max_bytes=4)
    os.mkfifo(log.path)
    got = []
    reading = threading.Thread(target=lambda: got.append(log.path.read_bytes()), daemon=True)
    reading.start()
    log.write("aaa", "bbb", "ccc")
    log.file.close()
    reading.join(30)
    assert [b"aaa\nbbb\nccc\n"] == got
    assert [log.path] == list(tmp_path.iterdir())


def test_another_process_rotates(tmp_path):
    """
    Who finds a full file that another process has renamed goes on in the new one.
    """
    one, other = Log(tmp_path, max_bytes=8), Log(tmp_path, max_bytes=8)
    one.write("aaa")
    other.write("bbb")
    one.write("ccc")
    other.write("ddd", "eee")
    one.write("fff")
    assert {"a.log": ["eee", "fff"], "a.log.1": ["ccc", "ddd"], "a.log.2": ["aaa", "bbb"]} == (
        one.read()
    )


def test_nobody_waits_while_another_process_rotates(tmp_path):
    """
    Lines are written all the same, and the file is rotated when it can be.
    """
    log = Log(tmp_path, max_bytes=8)
    log.write("aaa", "bbb")
    with rotation_lock(log.path) as free:
        assert free
        log.write("ccc")
    assert {"a.log": ["aaa", "bbb", "ccc"]} == log.read()
    log.write("ddd")
    assert {"a.log": ["ddd"], "a.log.1": ["aaa", "bbb", "ccc"]} == log.read()


def test_a_process_that_was_forked_during_a_rotation_keeps_no_lock(tmp_path):
    """
    A child has a copy of what is open, and may live for long.
    """
    reading, writing = os.pipe()
    with rotation_lock(tmp_path / "a.log"):
        child = os.fork()
        if not child:
            os.close(writing)
            os.read(reading, 1)  # until the test has ended
            os._exit(0)
    with rotation_lock(tmp_path / "a.log") as free:
        assert free
    os.close(writing)
    os.close(reading)
    os.waitpid(child, 0)


def test_processes_that_write_one_file_lose_nothing(tmp_path):
    """
    Each line is there once and whole, whoever rotates the file.
    """
    children = []
    for name in "abc":
        child = os.fork()
        if not child:
            log = Log(tmp_path, max_bytes=500, max_files=1000)
            for number in range(300):
                log.write(f"{name}{number}")
            os._exit(0)
        children.append(child)
    assert [0, 0, 0] == [os.waitpid(child, 0)[1] for child in children]

    written = Log(tmp_path).read()

    assert sorted(f"{name}{number}" for name in "abc" for number in range(300)) == sorted(
        line for lines in written.values() for line in lines
    )
    assert len(written) > 2


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    """
    The file is rotated as one that no other process writes, and no descriptor stays open.
    """

    def refuse(descriptor, operation):
        raise OSError(ENOLCK, "No locks available")

    monkeypatch.setattr("rpcfw.app.access_log.rotation_lock.fcntl.flock", refuse)
    log = Log(tmp_path, max_bytes=8)
    log.write("aaa")
    before = sum(1 for _ in Path("/proc/self/fd").iterdir())
    log.write("bbb", "ccc", "ddd", "eee")

    assert {"a.log": ["eee"], "a.log.1": ["ccc", "ddd"], "a.log.2": ["aaa", "bbb"]} == log.read()
    assert before >= sum(1 for _ in Path("/proc/self/fd").iterdir())
