"""
The last good list on disk, in a folder that others can write to.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import capturedLogs, formatEvent

from rpcfw.cluster.snapshot_file import SnapshotFile
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.values.instance import Instance, instance_to_json


class AtOnce:
    """
    Threads that do what they are asked to where they are asked.
    """

    def call(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return maybeDeferred(function, *args)

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        function(*args)


def load(folder: Path) -> tuple[tuple[Instance, ...], list[str]]:
    """
    Return what is read of demo.Greeter, and what is logged meanwhile.
    """
    found: list[tuple[Instance, ...]] = []
    with capturedLogs() as logs:
        spawn(SnapshotFile(str(folder), AtOnce()).load("demo.Greeter")).addCallback(found.append)
    return found[0], [formatEvent(event) or "" for event in logs]


def test_a_list_comes_back(tmp_path):
    """
    What was saved is read again, and is readable by its owner alone.
    """
    instances = (an_instance(id="a"), an_instance(id="b"))
    folder = tmp_path / "new"

    SnapshotFile(str(folder), AtOnce()).save("demo.Greeter", instances)

    assert (instances, []) == load(folder)
    assert 0o700 == folder.stat().st_mode & 0o777
    assert {0o600} == {file.stat().st_mode & 0o777 for file in folder.iterdir()}


def test_no_name_can_be_prepared(tmp_path):
    """
    Links at every name that a process of this id might take lead nowhere.
    """
    precious = tmp_path / "precious"
    precious.write_bytes(b"precious")
    folder = tmp_path / "snapshots"
    folder.mkdir()
    for name in ("demo.Greeter.jsonl", f"demo.Greeter.{os.getpid()}.new"):
        (folder / name).symlink_to(precious)

    SnapshotFile(str(folder), AtOnce()).save("demo.Greeter", (an_instance(id="a"),))

    assert b"precious" == precious.read_bytes()
    assert ["a"] == [instance.id for instance in load(folder)[0]]


def test_a_corrupt_file_warns_once(tmp_path):
    """
    However many lines are no records: one warning, and the other lines are used.
    """
    good = instance_to_json(an_instance(id="a"))
    (tmp_path / "demo.Greeter.jsonl").write_bytes(b"\x1b[2J\xff\n" * 1000 + good + b"\n")

    instances, logged = load(tmp_path)

    assert ["a"] == [instance.id for instance in instances]
    assert 1 == len(logged)
    assert "1000 lines of the snapshot" in logged[0]
    assert "the first is line 1: " in logged[0]


def test_a_file_of_nothing_but_mistakes_is_left(tmp_path):
    """
    Mistakes are not gathered without bound: a file may have millions of lines.
    """
    (tmp_path / "demo.Greeter.jsonl").write_bytes(b"\n" * 20_000)

    _, logged = load(tmp_path)

    assert 1 == len(logged)
    assert "10000 or more lines of the snapshot" in logged[0]


@pytest.mark.parametrize("kind", ["fifo", "folder", "device"])
def test_what_is_no_file_holds_nobody_up(tmp_path, kind):
    """
    A FIFO, a folder or a device in the place of a snapshot is told of, and not used.
    """
    place = tmp_path / "demo.Greeter.jsonl"
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("/dev/zero")

    instances, logged = load(tmp_path)

    assert () == instances
    assert 1 == len(logged)
    assert "is not used: it is " in logged[0]


def test_no_file_is_nothing_to_tell_of(tmp_path):
    """
    The first start has no snapshot.
    """
    assert ((), []) == load(tmp_path)
