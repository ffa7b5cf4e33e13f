"""
A file that people change while the process runs.
"""

from __future__ import annotations

import os

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from rpcfw.errors import SetupError
from rpcfw.spi.runtime.followed_file import FollowedFile, file_problem


def parse(content):
    if b"bad" in content:
        raise ValueError("line 1: expected better")
    return content.decode()


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file"
    path.write_text("first")
    return path


def test_changes_are_seen(path):
    """
    A change is seen within a second, also one of a file that was put in its place.
    """
    clock = Clock()
    followed = FollowedFile(path, parse, clock.seconds, float)
    assert "first" == followed.read()
    path.write_text("second")
    assert "first" == followed.current()
    clock.advance(1)
    assert "second" == followed.current()
    other = path.with_name("other")
    other.write_text("third!")
    other.replace(path)
    clock.advance(1)
    assert "third!" == followed.current()


def test_a_half_written_file(path):
    """
    A file is read once nobody has written to it for half a second; so no half of it is used.
    """
    clock, changed_at = Clock(), 1_700_000_000.0
    followed = FollowedFile(path, parse, clock.seconds, lambda: changed_at + clock.seconds() - 1)
    assert "first" == followed.read()
    path.write_text("sec")
    os.utime(path, (changed_at, changed_at))
    clock.advance(1)
    assert "first" == followed.current()
    path.write_text("second")
    os.utime(path, (changed_at + 0.4, changed_at + 0.4))
    clock.advance(0.5)
    assert "first" == followed.current()
    clock.advance(0.5)
    assert "second" == followed.current()


def test_what_was_read_last_stays(path):
    """
    A file that is gone or wrong changes nothing. The log says so, a few times a minute.
    """
    clock = Clock()
    followed = FollowedFile(path, parse, clock.seconds, float)
    with capturedLogs() as events:
        for content in ("bad", None):
            followed.current()
            path.unlink() if content is None else path.write_text(content)
            for _ in range(20):
                clock.advance(1)
                assert "first" == followed.current()
        path.write_text("second")
        clock.advance(1)
        assert "second" == followed.current()
    lines = [formatEvent(event) for event in events]
    assert f"what was read last stays in use: {path}: line 1: expected better" == lines[0]
    assert f"read {path} again" == lines[-1]
    assert 6 == len(lines)


def test_nothing_to_begin_with(path):
    """
    Without a first value there is none, and the error says why.
    """
    path.write_text("bad")
    with pytest.raises(SetupError, match="line 1: expected better"):
        FollowedFile(path, parse, Clock().seconds, float).current()
    assert file_problem(path, parse) == f"{path}: line 1: expected better"
    assert file_problem(path.with_name("none"), parse).endswith("No such file or directory")
    path.write_bytes(b"x" * ((1 << 20) + 1))
    assert "larger than 1048576 bytes" in file_problem(path, parse)
    path.write_text("good")
    assert "" == file_problem(path, parse)
