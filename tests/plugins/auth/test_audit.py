"""
The audit trail.
"""

from __future__ import annotations

import json
import os
import stat
from math import inf

import pytest
from attrs import evolve
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock
from twisted.logger import capturedLogs

from rpcfw.errors import CallError, PermissionDenied, SettingsError, SetupError
from rpcfw.kernel.settings import options_of
from rpcfw.status import Status
from rpcfw.testing.candidates import a_call
from rpcfw.testing.contracts.filter import FilterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.caller_identity import CallerIdentity
from rpcfw.values.method import Shape
from rpcfw_auth.audit import Audit


def audit(clock=None, **options):
    return Audit(options_of(Audit.Options, **options), plugin_context(clock))


class TestAuditContract(FilterContract):
    def make(self):
        return audit(calls="all")


def run(filter, error=None, call=None):
    """
    Take a call through the filter that ends so.
    """

    async def rest(call):
        if error is not None:
            raise error
        return b""

    call = call or a_call(caller="shop" * 100, peer="10.0.0.7:4711", metadata={"password": "x"})
    call.identity = CallerIdentity(("hmac:shop",))
    try:
        filter.apply(call, rest).send(None)
    except (StopIteration, CallError):
        return


def refused():
    error = PermissionDenied("no")
    error.__cause__ = ValueError("the rule 'deny' holds")
    return error


LINE = {
    "time": "1970-01-01T00:00:00.000+00:00",
    "method": "demo.Greeter/say",
    "status": "PERMISSION_DENIED",
    "identity": ["hmac:shop"],
    "application": ("shop" * 100)[:100],
    "peer": "10.0.0.7:4711",
    "reason": "the rule 'deny' holds",
}


def test_refused_calls():
    """
    By default the calls that were refused are written, with the reason and without metadata.
    """
    with capturedLogs() as events:
        filter = audit()
        run(filter)
        run(filter, CallError(status=Status.NOT_FOUND))
        run(filter, refused())
        run(filter, CallError(status=Status.UNAUTHENTICATED))

    assert ["PERMISSION_DENIED", "UNAUTHENTICATED"] == [each["audit"]["status"] for each in events]
    assert LINE == json.loads(events[0]["line"])
    assert {"rpcfw.audit"} == {each["log_namespace"] for each in events}


@pytest.mark.parametrize(
    ("error", "deadline", "status"),
    [
        (ValueError("a mistake of the method"), inf, "UNKNOWN"),
        (CancelledError(), inf, "CANCELLED"),
        (CancelledError(), 0, "DEADLINE_EXCEEDED"),
    ],
)
def test_however_a_call_ends(error, deadline, status):
    """
    Of all calls none is left out, however it ends.
    """
    call = a_call()
    call.deadline = deadline
    with capturedLogs() as events:
        with pytest.raises(type(error)):
            run(audit(calls="all"), error, call)
        with pytest.raises(type(error)):
            run(audit(), error, call)
    assert [status] == [each["audit"]["status"] for each in events]


def test_streams():
    """
    A streaming method may refuse a call after it has begun. That is written when it does.
    """
    with capturedLogs() as events:
        for filter in audit(), audit(calls="all"):
            for status in Status.PERMISSION_DENIED, Status.OK:
                call = a_call()
                call.method = evolve(call.method, shape=Shape.SERVER_STREAM)
                run(filter, call=call)
                call.end(status)
    assert ["PERMISSION_DENIED", "PERMISSION_DENIED", "OK"] == [
        each["audit"]["status"] for each in events
    ]


def test_all_calls(tmp_path):
    """
    All calls can be written, to a file that only its owner may read, and that may be rotated.
    """
    path, clock = tmp_path / "audit.log", Clock()
    filter = audit(clock, calls="all", file=str(path))
    with pytest.raises(StopIteration):
        filter.start().send(None)
    run(filter)
    run(filter, CallError(status=Status.NOT_FOUND))
    run(filter, refused())
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert ["OK", "NOT_FOUND", "PERMISSION_DENIED"] == [each["status"] for each in lines]
    assert LINE == lines[2]
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    path.rename(tmp_path / "old.log")
    clock.advance(1)
    run(filter, refused())
    assert 1 == len(path.read_text().splitlines())
    with pytest.raises(StopIteration):
        filter.stop().send(None)


def test_a_full_disk(tmp_path, monkeypatch):
    """
    A line that is cut since the disk is full takes no other with it.
    """
    path = tmp_path / "audit.log"
    filter = audit(file=str(path))
    run(filter, refused())
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, line: write(file, line[:20]))
    run(filter, refused())
    monkeypatch.setattr(os, "write", write)
    run(filter, refused())
    run(filter, refused())
    first, cut, *others = path.read_text().splitlines()
    assert [LINE] * 3 == [json.loads(line) for line in (first, *others)]
    assert 20 == len(cut)


def test_no_regular_file(tmp_path):
    """
    A start does not wait for somebody who reads a FIFO, and no call for a slow one.
    """
    path = tmp_path / "audit.log"
    os.mkfifo(path)
    with pytest.raises(SetupError, match="cannot be opened"):
        audit(file=str(path)).start().send(None)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        with pytest.raises(SetupError, match="is not a regular file"):
            audit(file=str(path)).start().send(None)
    finally:
        os.close(reader)


def test_lines_are_bounded():
    """
    Peers cannot fill the disk at any rate. What is left out is counted.
    """
    clock = Clock()
    filter = audit(clock, max_lines="3")
    with capturedLogs() as events:
        for _ in range(10):
            run(filter, refused())
        clock.advance(1)
        run(filter, refused())
    assert [None, None, None, 7] == [each["audit"].get("left_out") for each in events]


def test_many_lines_hide_none_of_the_other_kind():
    """
    Whoever is refused very often hides no calls that were served, nor they what was refused.
    """
    filter = audit(Clock(), calls="all", max_lines="3")
    with capturedLogs() as events:
        for error in (refused, lambda: None):
            for _ in range(10):
                run(filter, error())
    statuses = [each["audit"]["status"] for each in events]
    assert 3 * ["PERMISSION_DENIED"] + 3 * ["OK"] == statuses


def test_a_file_that_cannot_be_written(tmp_path):
    """
    At the start that is an error; later the log says so, and calls go on.
    """
    folder = tmp_path / "folder"
    folder.mkdir()
    clock = Clock()
    filter = audit(clock, file=str(folder / "audit.log"))
    with pytest.raises(StopIteration):
        filter.start().send(None)
    (folder / "audit.log").unlink()
    folder.rmdir()
    clock.advance(1)
    with capturedLogs() as events:
        for _ in range(20):
            run(filter, refused())
    assert 5 == len(events)
    with pytest.raises(SetupError, match="cannot be opened: No such file"):
        filter.start().send(None)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"max_lines": "0"}, "max_lines: must be at least 1"),
        ({"file": "/nowhere/audit.log"}, "file: there is no folder /nowhere"),
    ],
)
def test_mistakes(options, problem):
    """
    Options that nothing could be written with are mistakes.
    """
    with pytest.raises(SettingsError, match=problem):
        audit(**options)
