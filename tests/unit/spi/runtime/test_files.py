"""
Files where others can write too.
"""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from rpcfw.spi.runtime.files import open_regular, read_regular, replace_file


def test_a_regular_file_is_read(tmp_path):
    """
    A file is read whole, also behind a symbolic link: mounted config maps are made of them.
    """
    file = tmp_path / "file"
    file.write_bytes(b"text")
    (tmp_path / "link").symlink_to(file)

    assert b"text" == read_regular(file)
    assert b"text" == read_regular(tmp_path / "link")


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    """
    A FIFO that nobody writes to, a device that never ends, a socket and a folder.
    """
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "fifo")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "socket"))

    for path in (tmp_path / "fifo", tmp_path / "link", tmp_path / "socket", Path("/dev/zero")):
        with pytest.raises(OSError, match="not a regular file"):
            open_regular(path)
    with pytest.raises(OSError, match="it is a directory"):
        open_regular(tmp_path)


def test_a_file_that_is_too_large_is_refused(tmp_path):
    """
    Nothing over the limit is taken.
    """
    file = tmp_path / "file"
    file.write_bytes(b"12345")

    assert b"12345" == read_regular(file, 5)
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_regular(file, 4)


def test_a_file_of_another_user_is_no_file_of_ours(tmp_path, monkeypatch):
    """
    Where a file has to be ours, one that somebody else put there is refused.
    """
    file = tmp_path / "file"
    file.write_bytes(b"text")
    monkeypatch.setattr(os, "fstat", lambda descriptor: Owned(file.stat()))

    assert b"text" == read_regular(file)
    with pytest.raises(OSError, match="belongs to another user"):
        read_regular(file, ours=True)


class Owned:
    """
    What the system tells of a file, but for its owner.
    """

    st_uid = os.geteuid() + 1

    def __init__(self, status: os.stat_result) -> None:
        self._status = status

    def __getattr__(self, name: str) -> object:
        return getattr(self._status, name)


def test_a_file_is_replaced_whole(tmp_path):
    """
    What is written takes the place of what was there, is its owner's alone, and leaves nothing.
    """
    file = tmp_path / "file"
    file.write_bytes(b"old")

    replace_file(file, b"new")

    assert b"new" == file.read_bytes()
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    assert [file] == list(tmp_path.iterdir())


def test_nothing_is_written_through_a_link(tmp_path):
    """
    A link that somebody put where the file shall be is replaced, and not followed.
    """
    other, file = tmp_path / "other", tmp_path / "file"
    other.write_bytes(b"precious")
    file.symlink_to(other)

    replace_file(file, b"new")

    assert b"precious" == other.read_bytes()
    assert not file.is_symlink()


def test_a_write_that_fails_leaves_all_as_it_was(tmp_path, monkeypatch):
    """
    A disk that is full costs the new file, never the old one.
    """
    file = tmp_path / "file"
    file.write_bytes(b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        replace_file(file, b"new")

    assert b"old" == file.read_bytes()
    assert [file] == list(tmp_path.iterdir())
