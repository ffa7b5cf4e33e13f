"""
One instance that is announced and withdrawn while its registry is slow, away or refuses.
"""

from __future__ import annotations

import pytest
from attrs import evolve
from twisted.internet.defer import CancelledError
from twisted.logger import LogLevel, capturedLogs

from rpcfw.errors import RegistryError
from rpcfw.server.announcement import Announcement
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw.testing.contracts.registry import an_instance

INSTANCE = an_instance(id="a", weight=100)


class SlowRegistry:
    """
    Answers an announcement when it is told to.
    """

    def __init__(self):
        self.calls = []
        self.waiter = None
        self.answers = 0

    async def announce(self, instance):
        self.calls.append(("announce", instance.weight))
        self.waiter = Waiter()
        await self.waiter

    async def withdraw(self, instance):
        self.calls.append(("withdraw", instance.weight))

    def answered(self, announcement):
        self.answers += 1


@pytest.fixture
def registry():
    return SlowRegistry()


@pytest.fixture
def announcement(registry):
    return Announcement(registry, INSTANCE, registry.answered)


def test_an_answer(registry, announcement):
    """
    It is announced when the registry says so, not before.
    """
    begun = spawn(announcement.begin())
    assert (True, False, False) == (announcement.wanted, announcement.announced, begun.called)
    registry.waiter.callback(None)
    assert (True, True, 1) == (begun.called, announcement.announced, registry.answers)


def test_a_refusal(registry, announcement):
    """
    Who begins gets the error of the registry.
    """
    begun = spawn(announcement.begin())
    registry.waiter.errback(RegistryError("no permission"))
    begun.addErrback(lambda failure: failure.value)
    assert "no permission" in str(begun.result)
    assert not announcement.announced


def test_who_begins_may_give_up(registry, announcement):
    """
    It is announced even if nobody waits for that any longer.
    """
    begun = spawn(announcement.begin())
    begun.addErrback(lambda failure: None)
    begun.cancel()
    registry.waiter.callback(None)
    assert announcement.announced


def test_offline_while_the_registry_is_away(registry, announcement):
    """
    A wait for the registry is given up for a withdrawal, and nothing is announced later.
    """
    begun = spawn(announcement.begin())
    announcement.want(False)
    assert begun.called  # there is nothing to wait for
    assert [("announce", 100), ("withdraw", 100)] == registry.calls
    assert (False, False) == (announcement.wanted, announcement.announced)
    announcement.want(True)
    registry.waiter.callback(None)
    assert ("announce", 100) == registry.calls[-1]
    assert announcement.announced


def test_other_facts(registry, announcement):
    """
    Other facts are announced at once if it is announced, else when it is online again.
    """
    spawn(announcement.begin())
    registry.waiter.callback(None)
    announcement.replace(evolve(INSTANCE, weight=30))
    registry.waiter.callback(None)
    announcement.want(False)
    announcement.replace(evolve(INSTANCE, weight=50))
    assert [("announce", 100), ("announce", 30), ("withdraw", 30)] == registry.calls
    announcement.want(True)
    assert ("announce", 50) == registry.calls[-1]


def test_a_stop(registry, announcement):
    """
    It is withdrawn, whatever is under way.
    """
    spawn(announcement.begin()).addErrback(lambda failure: None)
    stopped = spawn(announcement.stop())
    assert stopped.called
    assert [("announce", 100), ("withdraw", 100)] == registry.calls
    assert not announcement.announced


def test_a_bug_in_a_registry(registry, announcement):
    """
    Who begins gets an error at once, and what is wanted later is asked for all the same.
    """
    with capturedLogs() as logged:
        begun = spawn(announcement.begin())
        registry.waiter.errback(KeyError("no session"))
        begun.addErrback(lambda failure: failure.value)
        assert "failed by a bug: KeyError" in str(begun.result)
        registry.withdraw = None  # to call it raises a TypeError
        announcement.want(False)
    assert 2 == len([event for event in logged if event["log_level"] is LogLevel.critical])
    announcement.want(True)
    registry.waiter.callback(None)
    assert announcement.announced


def test_a_registry_that_cancels_its_own_work(registry, announcement):
    """
    What is wanted later is asked for all the same.
    """
    begun = spawn(announcement.begin())
    registry.waiter.errback(CancelledError())
    begun.addErrback(lambda failure: failure.value)
    assert "failed by a bug: CancelledError" in str(begun.result)
    announcement.want(False)
    assert ("withdraw", 100) == registry.calls[-1]
    announcement.want(True)
    registry.waiter.callback(None)
    assert announcement.announced
