"""
The bound on the connections of a port for browsers and probes.
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


def test_each_host_has_a_limit_of_its_own():
    """
    When all slots of a host are taken, a connection of that host is closed, and of no other.
    """
    slots = ConnectionSlots(10, max_per_host=2)
    other, first, second = Connection(slots), Connection(slots), Connection(slots)
    slots.enter(other, "other")
    for each in (first, second):
        slots.enter(each, "one")

    assert slots.enter(Connection(slots), "one")

    assert [False, True, False] == [each.aborted for each in (other, first, second)]


def test_no_other_host_pays():
    """
    A host all of whose connections are being answered has no further one, though others wait.
    """
    slots = ConnectionSlots(10, max_per_host=1)
    other = Connection(slots)
    slots.enter(other, "other")
    slots.enter(Connection(slots, waits_for_peer=False), "one")

    assert not slots.enter(Connection(slots), "one")
    assert not other.aborted


def test_a_proxy_has_no_limit_of_its_own():
    """
    The connections of a proxy are bounded with all others alone.
    """
    slots = ConnectionSlots(3, max_per_host=1, uncounted={"proxy"})
    wires = [Connection(slots) for _ in range(4)]

    assert all(slots.enter(each, "proxy") for each in wires)
    assert [True, False, False, False] == [each.aborted for each in wires]


def test_who_has_waited_longest_is_closed():
    """
    A connection that was answered just now has not waited for as long as a newer one.
    """
    slots = ConnectionSlots(2)
    answered, newer = Connection(slots), Connection(slots)
    slots.enter(answered)
    slots.enter(newer)
    slots.waits(answered)

    assert slots.enter(Connection(slots))

    assert newer.aborted
    assert not answered.aborted
