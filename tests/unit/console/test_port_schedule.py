"""
Which admin port is asked when.
"""

from __future__ import annotations

from functools import partial
from heapq import heappop, heappush

import pytest

from rpcfw.console.port_schedule import PortSchedule
from rpcfw.values.address import Address


def port(number):
    return Address("tcp", "10.0.0.5", number)


def asked_at(schedule, addresses, seconds, takes_s):
    """
    Return when each port was asked, in rounds of 5 s.

    Args:
        takes_s: returns how long a port takes, and whether it answers.
    """
    found, ending = {}, []
    for now in (tenth / 10 for tenth in range(seconds * 10)):
        while ending and ending[0][0] <= now:
            _, number, answered = heappop(ending)
            schedule.ended(port(number), answered=answered)
        if now % 5 == 0:
            schedule.begin(addresses, now)
        while (address := schedule.next(now)) is not None:
            found.setdefault(address, []).append(now)
            time, answered = takes_s(address)
            heappush(ending, (now + time, address.port, answered))
    return found


def test_a_port_that_answers():
    """
    It is asked in each round.
    """
    found = asked_at(PortSchedule(5.0), [port(1)], 20, lambda _: (0.1, True))
    assert {port(1): [0.0, 5.0, 10.0, 15.0]} == found


def test_a_port_that_does_not_answer():
    """
    It is asked less and less often, and once in a minute at least.
    """
    found = asked_at(PortSchedule(5.0), [port(1)], 240, lambda _: (0.1, False))
    assert [0.0, 5.0, 15.0, 35.0, 75.0, 135.0, 195.0] == found[port(1)]


@pytest.mark.parametrize(
    ("ports", "size", "due"),
    [(1, 4 << 20, 5.0), (1000, 100 << 10, 5.0), (1000, 1 << 20, 31.25), (1000, 4 << 20, 125.0)],
)
def test_large_answers(ports, size, due):
    """
    Of many ports, those whose answers take long to be read are asked less often than others.
    """
    schedule = PortSchedule(5.0)
    addresses = [port(number) for number in range(ports)]
    schedule.begin(addresses, 0.0)
    large = schedule.next(0.0)
    schedule.ended(large, answered=True, size=size)
    while (other := schedule.next(0.0)) is not None:
        schedule.ended(other, answered=True, size=1 << 10)

    schedule.begin(addresses, due - 1.0)
    asked = {*iter(partial(_asked, schedule), None)}
    assert large not in asked
    schedule.begin(addresses, due)
    asked = {*iter(partial(_asked, schedule), None)}
    assert large in asked


def _asked(schedule):
    """
    Return a port that is due, which answers at once.
    """
    address = schedule.next(0.0)
    if address is not None:
        schedule.ended(address, answered=True, size=1 << 10)
    return address


def test_a_pause_is_at_least_the_interval():
    """
    An interval that is longer than the longest pause is kept.
    """
    schedule = PortSchedule(300.0)
    for now in (0.0, 300.0, 600.0):
        schedule.begin([port(1)], now)
        assert port(1) == schedule.next(now)
        schedule.ended(port(1), answered=False)
        schedule.begin([port(1)], now + 100)
        assert schedule.next(now + 100) is None


def test_an_answer_ends_the_pause():
    """
    A process that was started again is asked in each round again.
    """
    answers = iter([False, False, False, True, True, True])
    found = asked_at(PortSchedule(5.0), [port(1)], 50, lambda _: (0.1, next(answers)))
    assert [0.0, 5.0, 15.0, 35.0, 40.0, 45.0] == found[port(1)]


def test_thousands_that_do_not_answer():
    """
    Ports that answer are asked in each round, whatever number of others hangs.
    """
    ports = [port(number) for number in range(1, 5002)]

    def takes_s(address):
        return (0.1, True) if address.port == 5001 else (2.0, False)

    schedule = PortSchedule(5.0)
    schedule.begin([port(5001)], 0.0)
    schedule.next(0.0)
    schedule.ended(port(5001), answered=True)
    found = asked_at(schedule, ports, 60, takes_s)
    assert [float(now) for now in range(5, 60, 5)] == found[port(5001)]
    assert max(len(times) for times in found.values()) == len(found[port(5001)])


def test_connections_at_a_time():
    """
    However many ports there are, only so many connections are open.
    """
    schedule = PortSchedule(5.0)
    schedule.begin([port(number) for number in range(1, 1000)], 0.0)
    begun = [schedule.next(0.0) for _ in range(100)]
    assert [48, 52] == [len([*filter(None, begun)]), begun.count(None)]
    schedule.ended(begun[0], answered=True)
    assert schedule.next(0.0) is not None
    assert schedule.next(0.0) is None


def test_new_ports_come_before_silent_ones():
    """
    A process that has just come is not behind those that were silent for long.
    """
    schedule = PortSchedule(1.0)
    silent = [port(number) for number in range(1, 100)]
    for now in (0.0, 1.0, 3.0):
        schedule.begin(silent, now)
        while (address := schedule.next(now)) is not None:
            schedule.ended(address, answered=False)
    schedule.begin([*silent, port(500)], 100.0)
    assert port(500) == schedule.next(100.0)


def test_ports_that_are_gone():
    """
    A port that nobody names any longer is forgotten, also while it is asked.
    """
    schedule = PortSchedule(5.0)
    schedule.begin([port(1), port(2)], 0.0)
    first = schedule.next(0.0)
    schedule.begin([], 5.0)
    assert schedule.next(5.0) is None
    assert not schedule.idle
    schedule.ended(first, answered=False)
    assert schedule.idle


def test_hosts_are_asked_in_turn():
    """
    A host that announces many ports does not hold up those of other hosts.
    """
    schedule = PortSchedule(5.0)
    other = Address("tcp", "10.0.0.6", 1)
    schedule.begin([*(port(number) for number in range(1, 200)), other], 0.0)
    assert [port(1), other, port(2)] == [schedule.next(0.0) for _ in range(3)]
