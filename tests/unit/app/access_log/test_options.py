"""
What ``[access_log]`` may say.
"""

from __future__ import annotations

import os

import pytest

from rpcfw.app.plan import read_plan
from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import Sources
from rpcfw.status import Status


def read(**options):
    sets = [f"access_log.{name}={value}" for name, value in options.items()]
    return read_plan(Sources.load((), {}, sets)).access_log


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("fields", "time, metod", "did you mean 'method'?"),
        ("fields", "", "name at least one"),
        ("always", "fail", "did you mean 'failed'?"),
        ("file", "/nowhere/at/all/a.log", "there is no folder"),
        ("file", "/", "is a folder"),
        ("max_queue", "0", "must be at least 1"),
        ("max_files", "-1", "must be at least 0"),
        ("max_file_size", "1B", "must be at least 1024 bytes"),
        ("slow_after", "0s", "must be more than 0s"),
        ("sides", "servers", "server"),
    ],
)
def test_mistakes_are_found_before_the_start(name, value, reason):
    """
    A mistake in the section is reported with what was expected.
    """
    with pytest.raises(SettingsError, match=f"(?s)access_log.*{name}") as caught:
        read(**{name: value})
    assert reason in str(caught.value)


@pytest.mark.parametrize("rotation", [{}, {"max_file_size": "0B", "rotate_daily": "yes"}])
def test_a_folder_in_which_files_cannot_be_rotated(tmp_path, monkeypatch, rotation):
    """
    It is refused before the start. Without rotation, it is enough that the file can be written.
    """
    file = tmp_path / "access.log"
    file.touch()
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)

    with pytest.raises(SettingsError, match=f"cannot begin new files in {tmp_path}") as caught:
        read(file=file, **rotation)
    assert "max_file_size = 0B" in str(caught.value)
    assert file == read(file=file, max_file_size="0B").file


def test_a_lock_that_cannot_be_opened(tmp_path, monkeypatch):
    """
    It is that of another user: the file could not be rotated, and its lines would be lost.
    """
    file, lock = tmp_path / "access.log", tmp_path / "access.log.lock"
    file.touch()
    lock.touch()
    monkeypatch.setattr(os, "access", lambda path, mode: path != lock)

    with pytest.raises(SettingsError, match=f"cannot open {lock}"):
        read(file=file)
    assert file == read(file=file, max_file_size="0B").file


def test_which_calls_are_always_logged():
    """
    ``always`` names groups of calls, or statuses.
    """
    wanted = read(always="failed, slow", sample="5%").wanted
    assert (0.05, True) == (wanted.share, wanted.slow)
    assert set(Status) - {Status.OK} == wanted.statuses
    wanted = read(always="UNAVAILABLE, OK").wanted
    assert ({Status.UNAVAILABLE, Status.OK}, False) == (wanted.statuses, wanted.slow)
