"""
The delays between a link's attempts to connect.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rpcfw.kernel.settings import options_of
from rpcfw.transport.pool.options import LinkOptions
from rpcfw.transport.pool.retries import Retries
from tests.unit.transport.pool.test_link import RandomSource


def retries(clock: Clock) -> Retries:
    """
    Return the delays of a link with the default options and no jitter.
    """
    return Retries(options_of(LinkOptions), clock, RandomSource())


def test_delays_grow_until_a_success():
    """
    Each failure makes the next delay longer; a success starts with the first one again.
    """
    clock = Clock()
    delays = retries(clock)
    grown = [delays.fail() for _ in range(3)]
    assert delays.failed
    delays.succeed()

    assert not delays.failed
    assert [1.0, 1.6, 2.56] == pytest.approx(grown)
    assert 1.0 == delays.fail()


def test_attempts_out_of_turn_do_not_lengthen_the_delays():
    """
    Traffic to an unreachable server does not postpone the next regular attempt.
    """
    clock = Clock()
    delays = retries(clock)
    first = delays.fail()
    for _ in range(5):
        delays.out_of_turn = True
        assert first == delays.fail()

    assert first < delays.fail()


def test_an_attempt_out_of_turn_waits_for_the_first_delay():
    """
    However long the regular delay is, such an attempt may be made after the first one.
    """
    clock = Clock()
    delays = retries(clock)
    clock.advance(100)
    for _ in range(10):
        delays.fail()
    assert not delays.rested
    clock.advance(0.99)
    assert not delays.rested
    clock.advance(0.02)

    assert delays.rested
