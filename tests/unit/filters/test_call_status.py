"""
The status of a call whose step has raised an error.
"""

from __future__ import annotations

import asyncio

import pytest
from twisted.internet.defer import CancelledError

from rpcfw.errors import Unavailable
from rpcfw.filters.call_status import status_of
from rpcfw.status import Status
from rpcfw.testing.candidates import a_call


@pytest.mark.parametrize("cancelled", [CancelledError(), asyncio.CancelledError()])
@pytest.mark.parametrize(
    ("now", "status"), [(4.9, Status.CANCELLED), (5.0, Status.DEADLINE_EXCEEDED)]
)
def test_a_cancelled_call_at_its_deadline_has_exceeded_it(cancelled, now, status):
    """
    Before its deadline, somebody has given the call up.
    """
    call = a_call()
    call.deadline = 5.0

    assert status is status_of(call, cancelled, now)


@pytest.mark.parametrize(
    ("error", "status"),
    [(Unavailable("x"), Status.UNAVAILABLE), (KeyError("a bug"), Status.UNKNOWN)],
)
def test_another_error_has_its_own_status(error, status):
    """
    An error that is not one of a call is UNKNOWN, whenever it was raised.
    """
    assert status is status_of(a_call(), error, 1e9)
