"""
Lines at our own pace.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel, capturedLogs, formatEvent

from rpcfw.spi.runtime.rate_limit import LimitedLog, RateLimit


def test_a_kind_is_due_once_in_the_interval():
    """
    What comes again too soon is withheld, and the next line says how often that was.
    """
    clock = Clock()
    limit = RateLimit(clock.seconds, 60.0)

    assert [0, None, None] == [limit.due("down") for _ in range(3)]
    clock.advance(60)
    assert 2 == limit.due("down")
    clock.advance(60)
    assert 0 == limit.due("down")


def test_kinds_do_not_count_for_each_other():
    """
    One kind does not keep another from being told.
    """
    limit = RateLimit(Clock().seconds)

    assert [0, 0] == [limit.due("one"), limit.due("other")]


def test_a_burst_is_told_whole():
    """
    The first few of a kind are told, so that somebody can see what they have in common.
    """
    limit = RateLimit(Clock().seconds, burst=3)

    assert [0, 0, 0, None, None] == [limit.due("down") for _ in range(5)]


def test_ever_new_kinds_are_withheld_together():
    """
    Kinds made of what others say take a bounded memory and make a bounded number of lines.
    """
    limit = RateLimit(Clock().seconds)

    told = [limit.due(f"thing {number}") for number in range(2000)]

    assert (101, 1899) == (told.count(0), told.count(None))


def test_old_kinds_make_room():
    """
    Kinds of an earlier interval are forgotten when new ones come.
    """
    clock = Clock()
    limit = RateLimit(clock.seconds, 60.0)
    for number in range(100):
        limit.due(f"old {number}")

    clock.advance(60)

    assert [0, 0] == [limit.due("new"), limit.due("newer")]


def test_a_log_says_how_much_was_withheld():
    """
    A line tells how many of its kind were left out before it.
    """
    clock = Clock()
    log = LimitedLog(Logger(), clock.seconds, 10.0, burst=1)

    with capturedLogs() as logs:
        for port in range(4):
            log.warn_of("lost", "lost {peer}", peer=f"10.0.0.1:{port}")
        log.warn_of("full", "no room")
        clock.advance(10)
        log.warn_of("lost", "lost {peer}", peer="10.0.0.1:4")

    assert [
        "lost 10.0.0.1:0",
        "no room",
        "lost 10.0.0.1:4 (3 lines of this kind were withheld)",
    ] == [formatEvent(event) for event in logs]
    assert {LogLevel.warn} == {event["log_level"] for event in logs}
