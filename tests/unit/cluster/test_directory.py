"""
A registry's word, taken with care.
"""

from __future__ import annotations

import gc

import pytest
from attrs import evolve
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from rpcfw.cluster.directory import Directory, DirectoryOptions
from rpcfw.cluster.snapshot_file import SnapshotFile
from rpcfw.kernel.settings import options_of
from rpcfw.spi.registry import Registry, Watch
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.testing.plugin_context import InlineThreads
from rpcfw.values.address import Address
from rpcfw.values.instance import Snapshot, instance_to_json

SERVICE = "demo.Greeter"


class Told(Registry, Watch):
    """
    A registry that says what the test says.
    """

    addresses = ()
    trouble = ""

    def __init__(self):
        self.name = "told"
        self.listener = None
        self.closed = 0

    async def announce(self, instance): ...

    async def withdraw(self, instance): ...

    async def services(self):
        return ()

    def watch(self, service, listener, on_refused):
        self.listener = listener
        self.refuse = on_refused
        return self

    def close(self):
        self.closed += 1

    def say(self, *ids):
        self.listener(Snapshot(SERVICE, tuple(an_instance(id=id) for id in ids)))


class World:
    """
    A directory with all around it.
    """

    def __init__(self, file=None, **texts):
        self.clock = Clock()
        self.registry = Told()
        self.lists = []
        options = options_of(DirectoryOptions, **texts)
        self.directory = Directory(
            self.registry, SERVICE, options, self.clock, file, self.lists.append
        )
        self.starting = spawn(self.directory.start())

    @property
    def ids(self):
        return sorted(instance.id for instance in self.lists[-1])


def test_additions_at_once_removals_later():
    """
    What is added counts at once, what is removed is dropped after the grace.
    """
    world = World(removal_grace="5s")
    world.registry.say("a", "b")
    world.registry.say("b", "c")
    assert ["a", "b", "c"] == world.ids
    world.clock.advance(4.9)
    assert ["a", "b", "c"] == world.ids
    world.clock.advance(0.2)
    assert ["b", "c"] == world.ids


def test_each_removal_has_its_own_grace():
    """
    Removals at different times are dropped at different times.
    """
    world = World(removal_grace="5s")
    world.registry.say("a", "b", "c")
    world.registry.say("b", "c")
    world.clock.advance(3)
    world.registry.say("c")
    world.clock.advance(2.1)
    assert ["b", "c"] == world.ids
    world.clock.advance(3)
    assert ["c"] == world.ids
    assert [] == world.clock.getDelayedCalls()


def test_what_comes_back_starts_afresh():
    """
    An instance that is announced again within the grace is not dropped by the old one.
    """
    world = World(removal_grace="5s")
    world.registry.say("a", "b")
    world.registry.say("b")
    world.clock.advance(4)
    world.registry.say("a", "b")
    world.clock.advance(4)
    world.registry.say("b")
    world.clock.advance(4.9)
    assert ["a", "b"] == world.ids
    world.clock.advance(0.2)
    assert ["b"] == world.ids


def test_no_grace():
    """
    Without a grace removals count at once.
    """
    world = World(removal_grace="0s")
    world.registry.say("a", "b")
    world.registry.say("b")
    assert ["b"] == world.ids


@pytest.mark.parametrize("grace", ["0.3s", "0.1s", "0.7s", "3.3s"])
def test_no_time_stands_still(grace):
    """
    The sweep comes to its end whatever floats make of the grace.
    """
    world = World(removal_grace=grace)
    world.clock.advance(1 / 3)
    world.registry.say("a", "b")
    world.registry.say("b")
    world.clock.advance(4)
    assert ["b"] == world.ids


def test_an_empty_list():
    """
    An empty list does not replace a good one, unless it may; an instance that was going goes.
    """
    world = World(removal_grace="5s")
    world.registry.say("a", "b")
    world.registry.say("b")
    world.registry.say()
    world.clock.advance(60)
    assert ["b"] == world.ids
    trusting = World(removal_grace="5s", accept_empty="yes")
    trusting.registry.say("a")
    trusting.registry.say()
    trusting.clock.advance(6)
    assert [] == trusting.ids


def test_who_waits_is_told_once_there_is_word():
    """
    A call waits for the registry's first word, an empty one too, and not longer.
    """
    world = World()
    waiting = spawn(world.directory.first_list())
    assert not waiting.called
    assert "no answer yet; is it running?" in world.directory.why_none
    world.registry.say()
    assert waiting.called
    assert "is a provider running" in world.directory.why_none


def test_who_waits_is_told_of_a_refusal():
    """
    A call does not wait for a list that the registry refuses to tell, until it tells it.
    """
    world = World()
    waiting = spawn(world.directory.first_list())
    assert not waiting.called
    world.registry.trouble = "not permitted"
    world.registry.refuse("not permitted")
    assert waiting.called
    assert spawn(world.directory.first_list()).called
    assert not world.directory.has_list
    assert "not permitted" in world.directory.why_none
    world.registry.say("a")
    assert ["a"] == world.ids


def test_a_refusal_takes_nothing_away():
    """
    A list that is known stays in use when the registry refuses to tell more.
    """
    world = World()
    world.registry.say("a")
    world.registry.refuse("not permitted")
    assert ["a"] == world.ids


def test_why_nothing_is_known():
    """
    The registry is named, with its address and what it says is wrong, in one line.
    """
    world = World()
    world.registry.name = "zookeeper"
    world.registry.addresses = (Address("tcp", "zk1", 2181), Address("tcp", "zk2", 2181))
    world.registry.trouble = "no rights\nto read"

    for why in (world.directory.why_silent, world.directory.why_none):
        assert "the registry (zookeeper at tcp:zk1:2181, tcp:zk2:2181)" in why
        assert ": no rights to read" in why


def waiters() -> list[Waiter]:
    """
    Return those that are kept by anybody, here or in other tests.
    """
    gc.collect()
    return [each for each in gc.get_objects() if type(each) is Waiter]


def test_who_gives_up_leaves_nothing():
    """
    Calls that give up the wait leave nothing behind, however long the registry is silent.
    """
    world = World()
    before = waiters()  # kept here, so no later one has the id of one of them
    for _ in range(3):
        waiting = spawn(world.directory.first_list())
        waiting.addErrback(lambda failure: failure.trap(CancelledError))
        waiting.cancel()
        assert waiting.called

    assert {id(each) for each in before} == {id(each) for each in waiters()}


def test_a_stop():
    """
    A stop closes the watch, drops the timer, and lets nobody wait.
    """
    world = World()
    waiting = spawn(world.directory.first_list())
    world.directory.stop()
    assert waiting.called
    assert spawn(world.directory.first_list()).called
    assert 1 == world.registry.closed


class SlowThreads:
    """
    Threads that are done when the test says.
    """

    def __init__(self):
        self.held = Deferred()

    def call(self, function, *args):
        return self.held.addCallback(lambda _: function(*args))

    def post(self, function, *args):
        raise AssertionError


def test_a_stop_before_the_file_was_read(tmp_path):
    """
    A directory that is stopped while it reads its file never begins to watch.
    """
    threads = SlowThreads()
    world = World(SnapshotFile(str(tmp_path), threads))
    world.directory.stop()
    threads.held.callback(None)
    assert world.starting.called
    assert None is world.registry.listener


def test_the_last_list_is_kept(tmp_path):
    """
    The last good list is read back, and replaced as soon as the registry speaks.
    """
    first = World(SnapshotFile(str(tmp_path), InlineThreads()))
    first.registry.say("a", "b")
    first.registry.say()
    second = World(SnapshotFile(str(tmp_path), InlineThreads()), removal_grace="0s")
    assert ["a", "b"] == second.ids
    assert second.directory.has_list
    second.registry.say("c")
    assert ["c"] == second.ids


def test_a_file_is_not_trusted(tmp_path):
    """
    Lines that are no records, or of another service, are skipped; no file is no list.
    """
    file = SnapshotFile(str(tmp_path), InlineThreads())
    assert () == spawn(file.load(SERVICE)).result
    good = an_instance(id="good")
    other = evolve(good, service="demo.Other")
    lines = [b"rubbish", instance_to_json(good), b'{"id": 5}', instance_to_json(other), b"\xff"]
    (tmp_path / f"{SERVICE}.jsonl").write_bytes(b"\n".join(lines))
    assert (good,) == spawn(file.load(SERVICE)).result


def test_a_folder_that_cannot_be_written(tmp_path):
    """
    A list that cannot be kept is a warning, not an error of the client.
    """
    (tmp_path / "file").write_text("in the way")
    world = World(SnapshotFile(str(tmp_path / "file"), InlineThreads()))
    world.registry.say("a")
    world.registry.say("a", "b")
    assert ["a", "b"] == world.ids
