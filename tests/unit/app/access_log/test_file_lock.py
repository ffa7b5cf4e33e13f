"""
One process at a time rotates a file.
"""

from __future__ import annotations

import os

import pytest

from rpcfw.app.access_log.file_lock import FileLock
from rpcfw.app.access_log.log_file import LogFile
from rpcfw.errors import SetupError


def in_another_process(path, tmp_path):
    """
    Return why another process does not get the lock; empty if it gets it, and ends with it.
    """
    said = tmp_path / "said"
    child = os.fork()
    if not child:
        try:
            FileLock(path).acquire()
            said.write_text("")
        except SetupError as error:
            said.write_text(str(error))
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    return said.read_text()


def test_another_process(tmp_path):
    """
    It is refused, with the number of the process that has the file, until that lets it go.
    """
    path = tmp_path / "access.log"
    lock = FileLock(path)
    lock.acquire()

    refusal = in_another_process(path, tmp_path)
    assert f"[access_log] file: {path} is written by process {os.getpid()}, " in refusal
    assert "name another file for each process" in refusal

    lock.release()
    assert "" == in_another_process(path, tmp_path)


def test_a_process_that_was_killed(tmp_path):
    """
    Its lock has ended with it, whatever its file says.
    """
    path = tmp_path / "access.log"
    assert "" == in_another_process(path, tmp_path)
    assert (tmp_path / "access.log.lock").read_text().strip().isdigit()

    lock = FileLock(path)
    lock.acquire()
    assert f"process {os.getpid()}" in in_another_process(path, tmp_path)
    lock.release()


def test_another_application_of_the_process(tmp_path):
    """
    It is refused too, also by another name of the file.
    """
    path, link = tmp_path / "access.log", tmp_path / "link"
    link.symlink_to(path)
    lock = FileLock(path)
    lock.acquire()

    with pytest.raises(SetupError, match="another application of this process"):
        FileLock(link).acquire()

    lock.release()
    again = FileLock(link)
    again.acquire()
    again.release()


def test_a_folder_that_there_is_not(tmp_path):
    """
    Nobody is refused: who writes the log reports it, and tries again.
    """
    lock = FileLock(tmp_path / "gone" / "access.log")
    lock.acquire()
    lock.release()


@pytest.mark.parametrize(
    ("max_bytes", "daily", "locks"), [(1024, False, True), (0, True, True), (0, False, False)]
)
def test_only_who_rotates_needs_it(tmp_path, max_bytes, daily, locks):
    """
    A file that others rotate may be written by several processes.
    """
    path = tmp_path / "access.log"
    file = LogFile(path, max_bytes, daily, 5, lambda: 0.0)

    file.reserve()

    assert locks == bool(in_another_process(path, tmp_path))
    file.release()


def test_a_pipe_is_not_locked(tmp_path):
    """
    What is no regular file is never rotated, so it needs no lock.
    """
    path = tmp_path / "pipe"
    os.mkfifo(path)

    LogFile(path, 1024, False, 5, lambda: 0.0).reserve()

    assert [path] == list(tmp_path.iterdir())
