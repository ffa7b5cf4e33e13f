"""
Calls that wait for a connection: in their order, and out of the queue at any time.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import Overloaded
from rpcfw.transport.pool import queue as queue_module
from rpcfw.transport.pool.queue import CallQueue, PendingCall, Waiting


class Pending(PendingCall):
    """
    A call that notes where it begins.
    """

    def __init__(self, name, begun):
        self.name = name
        self.begun = begun

    def begin(self, driver):
        if len(self.begun) >= driver:
            raise Overloaded("full")
        self.begun.append(self.name)

    def give_up(self, begun):
        self.begun.append(f"{self.name} given up")


class Compared(Waiting):
    """
    A place in the queue that counts how often it is compared with another.
    """

    compared = 0

    __hash__ = Waiting.__hash__

    def __eq__(self, other):
        Compared.compared += 1
        return self is other


@pytest.fixture
def begun():
    """
    The names of the calls that were begun.
    """
    return []


def waiting_calls(begun, count):
    queue = CallQueue()
    places = [queue.join(Pending(number, begun)) for number in range(count)]
    for place in places:
        place.addErrback(lambda _: None)  # cancelled by a test
    return queue, places


def test_first_come_first_served(begun):
    """
    Calls are begun in the order in which they came, until the connection is full.
    """
    queue, places = waiting_calls(begun, 4)
    places[1].cancel()
    assert not queue.serve(2)
    assert [0, 2] == begun
    assert queue.serve(9)
    assert [0, 2, 3] == begun
    assert 0 == len(queue)


def test_calls_give_up_in_any_order_at_the_same_cost(begun, monkeypatch):
    """
    To take one out no others are looked at: in an overload thousands wait.
    """
    monkeypatch.setattr(queue_module, "Waiting", Compared)
    Compared.compared = 0
    queue, places = waiting_calls(begun, 100)
    for place in reversed(places):
        place.cancel()
    assert 0 == len(queue)
    assert 0 == Compared.compared
