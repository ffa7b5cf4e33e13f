"""
Calls as a connection's driver counts them, on both ends.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import Unimplemented
from rpcfw.spi.events import CallEnded
from rpcfw.spi.inspection import Calls
from rpcfw.status import Status
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.connection.inspection import calls_of
from tests.unit.transport.ends import Ear, Ends, UnaryEar, head


def opened(ends: Ends) -> Ear:
    """
    Open a streaming call that both ends hear of.
    """
    ear = Ear()
    ends.near.open_stream(head(), "", ear)
    ends.turn()
    ends.far.listeners[1] = Ear()
    return ear


def test_a_good_answer_is_a_success_on_both_ends():
    """
    Nothing but the begin of a good call is counted; how it ended follows from that.
    """
    ends = Ends()
    ends.ask()
    assert Calls(1, 0, 0) == calls_of(ends.near)
    ends.turn()

    assert Calls(1, 1, 0) == calls_of(ends.near) == calls_of(ends.far)


def test_a_status_is_a_failure_on_both_ends():
    """
    Once, whoever looks: the end that says it, and the end that hears it.
    """
    ends = Ends(answers=False)
    ends.ask()
    ends.turn()
    ends.far.finish(1, Status.NOT_FOUND, "nobody")
    ends.turn()

    assert Calls(1, 0, 1) == calls_of(ends.near) == calls_of(ends.far)


def test_a_stream_that_ends_well():
    """
    Its status OK is no failure.
    """
    ends = Ends(answers=False)
    opened(ends)
    ends.near.end(1)
    ends.far.start_response(1, head().metadata)
    ends.far.send(1, b"answer")
    ends.far.listeners.pop(1)
    ends.far.finish(1, Status.OK)
    ends.turn()

    assert Calls(1, 1, 0) == calls_of(ends.near) == calls_of(ends.far)


def test_a_call_that_is_given_up():
    """
    It failed at the end that gave it up, and at the one that is told so.
    """
    ends = Ends(answers=False)
    opened(ends)
    ends.near.cancel(1)
    ends.near.cancel(1)
    ends.turn()

    assert Calls(1, 0, 1) == calls_of(ends.near) == calls_of(ends.far)


def test_a_call_whose_connection_ends():
    """
    It has failed.
    """
    ends = Ends(answers=False)
    ends.ask()
    ends.near.close("enough")

    assert Calls(1, 0, 1) == calls_of(ends.near)


def test_a_one_way_call_ends_where_it_was_sent():
    """
    Its caller counts it as well done, and the server too, however it went there.
    """
    ends = Ends(answers=False)
    ends.near.send_one_way(head(one_way=True), b"abc", "")
    ends.turn()
    ends.far.finish_one_way(1)
    ends.turn()

    assert Calls(1, 1, 0) == calls_of(ends.near) == calls_of(ends.far)


@pytest.mark.parametrize("status", [Status.OK, Status.ABORTED])
def test_an_end_without_the_message_that_was_awaited(status: Status):
    """
    A unary call that ends so has failed, once, whatever its status says.
    """
    ends = Ends(answers=False)
    ear = UnaryEar()
    ends.near.request(head(), b"abc", "", ear)
    Driver.ACTIONS[CallEnded](ends.near, CallEnded(1, status))

    (error,) = ear.heard
    assert isinstance(error, Unimplemented) is (status is Status.OK)
    assert Calls(1, 0, 1) == calls_of(ends.near)
