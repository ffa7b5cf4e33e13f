"""
The vocabulary of outcomes.
"""

from __future__ import annotations

import pytest

from rpcfw.status import WIRE_HINTS, Hint, Status


def test_the_numbers_are_grpcs():
    """
    Statuses cross to gRPC unchanged: the seventeen numbers are its own.
    """
    expected = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ]

    assert list(enumerate(expected)) == [(int(one), one.name) for one in Status]


@pytest.mark.parametrize("status", list(Status))
def test_a_known_number(status):
    """
    A number from a wire is its status.
    """
    assert Status.from_wire(int(status)) is status


@pytest.mark.parametrize("number", [-1, 17, 255, 2**63])
def test_an_unknown_number(number):
    """
    A number that nobody knows is UNKNOWN, not an error.
    """
    assert Status.from_wire(number) is Status.UNKNOWN


def test_never_sent_stays_here():
    """
    That a call was never sent is this process's knowledge: no peer can claim it.
    """
    assert not WIRE_HINTS & Hint.NEVER_SENT
    assert Hint.NOT_BEGUN | Hint.SAFE_TO_REPEAT | Hint.FINAL == WIRE_HINTS


def test_what_is_printed():
    """
    A status is shown by its name on every Python, and hints by theirs; numbers when asked for.
    """
    status, hints = Status.UNAVAILABLE, Hint.NOT_BEGUN | Hint.FINAL

    assert "UNAVAILABLE UNAVAILABLE UNAVAILABLE" == f"{status} {status!s} {status:s}"
    assert "14 014 e" == f"{status:d} {status:03d} {status:x}"
    assert "NOT_BEGUN|FINAL NONE 10" == f"{hints} {Hint.NONE} {hints:d}"
