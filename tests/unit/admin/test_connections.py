"""
The bound on the connections of the admin port.
"""

from __future__ import annotations

from rpcfw.admin.connections import ConnectionSlots


class Connection:
    def __init__(self, slots, *, waits_for_peer=True):
        self.slots = slots
        self.waits_for_peer = waits_for_peer
        self.aborted = False

    def abort(self):
        self.aborted = True
        self.slots.leave(self)


def test_the_slowest_request_is_closed():
    """
    When all slots are taken, the oldest connection without a whole request is closed.
    """
    slots = ConnectionSlots(3)
    answering = Connection(slots, waits_for_peer=False)
    slow, newer = Connection(slots), Connection(slots)
    assert all(map(slots.enter, (answering, slow, newer)))

    assert slots.enter(Connection(slots))

    assert slow.aborted
    assert not answering.aborted
    assert not newer.aborted
    assert 3 == len(slots)


def test_no_answer_is_cut_off():
    """
    When all connections are being answered, a further one is refused.
    """
    slots = ConnectionSlots(1)
    answering = Connection(slots, waits_for_peer=False)
    slots.enter(answering)

    assert not slots.enter(Connection(slots))
    assert not answering.aborted


def test_a_slot_is_given_back():
    """
    A connection that is gone makes a slot free; that can be told twice.
    """
    slots = ConnectionSlots(1)
    first = Connection(slots, waits_for_peer=False)
    slots.enter(first)
    slots.leave(first)
    slots.leave(first)

    assert slots.enter(Connection(slots))


def test_all_are_closed_at_the_end():
    """
    Closing the port aborts what is open.
    """
    slots = ConnectionSlots(2)
    both = Connection(slots), Connection(slots, waits_for_peer=False)
    for each in both:
        slots.enter(each)

    slots.close()

    assert all(each.aborted for each in both)
    assert 0 == len(slots)
