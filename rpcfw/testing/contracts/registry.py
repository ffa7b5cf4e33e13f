"""
The promises of `rpcfw.spi.registry` as tests, for every registry plugin to pass.

`WatchContract` is the reading half, for registries that something else fills;
`RegistryContract` has both. Use::

    class TestMemory(RegistryContract, TestCase):
        def registry(self) -> Registry:
            return MemoryRegistry(MemoryOptions(name="here"), self.plugin_context)

with `twisted.trial.unittest.TestCase`. The suite does not know whether time is a
`twisted.internet.task.Clock` or real: it asks `pass_time` to let some go by, and
looks again, until what it waits for is there or ``limit_s`` is over.

A hook that a place cannot offer stays as it is, and its tests are skipped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar
from unittest import SkipTest

from attrs import evolve
from twisted.internet.defer import Deferred

from rpcfw.spi.registry import Registry, Watch
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance, Snapshot

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase
else:
    TestCase = object

__all__ = ["ODD_IDS", "ODD_SERVICES", "RegistryContract", "Told", "WatchContract", "an_instance"]

T = TypeVar("T")

#: Names that a place with paths or patterns of its own may stumble over.
ODD_SERVICES = ("demo.Größe", "服务", "..", "a%2Fb", "com.x.Y:1.0:group", "zookeeper", "*", "a=b,c")
ODD_IDS = ("tcp:10.0.0.1:2200", "..", ".", "-a_b.c:D9")


def an_instance(service: str = "demo.Greeter", id: str = "a", **fields: Any) -> Instance:
    """
    Return an instance in which nothing is left at its default.
    """
    plain = Instance(
        service,
        id,
        Address("tcp", "10.0.0.5", 2200),
        protocols=("native", "grpc"),
        weight=70,
        group="blue",
        version="1.2",
        zone="east",
        started_at=1234.5,
        tags={"owner": "equipe-é"},
    )
    return evolve(plain, **fields)


class Told:
    """
    A listener that remembers what it was told.
    """

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []

    def __call__(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    @property
    def last(self) -> list[Instance] | None:
        """
        The last list, by id; None before the first.
        """
        if not self.snapshots:
            return None
        return sorted(self.snapshots[-1].instances, key=lambda instance: instance.id)


class _Steps(ABC, TestCase):
    """
    Waiting, whatever time is.
    """

    #: How long a promise may take to come true.
    limit_s: float = 20.0
    #: How often to look.
    step_s: float = 0.05
    #: Longer than a lease or session of the place lasts without being renewed.
    lease_over_s: float = 5.0

    @abstractmethod
    async def pass_time(self, seconds: float) -> None:
        """
        Let ``seconds`` go by: advance the Clock, or await real time.
        """

    async def until(self, seen: Callable[[], object], what: str) -> None:
        """
        Return once ``seen()`` is true; fail if it never is.
        """
        waited_s = 0.0
        while not seen():
            if waited_s > self.limit_s:
                self.fail(f"not within {self.limit_s:g}s: {what}")
            await self.pass_time(self.step_s)
            waited_s += self.step_s

    async def done(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """
        Return what ``coroutine`` returns, letting time pass until it does.
        """
        ended: Deferred[T] = Deferred.fromCoroutine(coroutine)
        await self.until(lambda: ended.called, f"{coroutine!r} returns")
        return await ended


class WatchContract(_Steps):
    """
    What holds for watching, wherever the instances come from.
    """

    @abstractmethod
    def registry(self) -> Registry:
        """
        Return one more registry of the same place, made but not started.

        Each test has a place of its own, with nothing in it.
        """

    @abstractmethod
    async def put(self, instance: Instance) -> None:
        """
        Have ``instance`` stand in the place; return once it does.
        """

    @abstractmethod
    async def take(self, instance: Instance) -> None:
        """
        Have it gone; return once it is.
        """

    async def store_unreadable(self, service: str) -> None:
        """
        Put a record under ``service`` that is none.
        """
        raise SkipTest("nothing unreadable can get into this place")

    async def leave(self) -> None:
        """
        Make the place unreachable.
        """
        raise SkipTest("this place is never away")

    async def come_back(self) -> None:
        """
        Make the place reachable again.
        """
        raise AssertionError("who overrides `leave` overrides this as well")

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        self.watcher = await self.started()

    async def started(self) -> Registry:
        """
        Return one more registry of the place, started, to be stopped after the test.
        """
        registry = self.registry()
        await self.done(registry.start())
        self.addCleanup(lambda: Deferred.fromCoroutine(self.done(registry.stop())))
        return registry

    def watched(self, service: str = "demo.Greeter") -> tuple[Told, Watch]:
        """
        Watch ``service`` and return what will be told.
        """
        told = Told()
        return told, self.watcher.watch(service, told)

    async def sees(self, told: Told, *instances: Instance) -> None:
        """
        Return once ``told`` was told exactly these last.
        """
        expected = sorted(instances, key=lambda instance: instance.id)
        await self.until(lambda: told.last == expected, f"{expected} instead of {told.last}")

    async def test_tells_what_was_there_before_the_watch(self) -> None:
        """
        A watch that comes after the instance tells it, whole.
        """
        await self.put(an_instance())
        told, _ = self.watched()
        await self.sees(told, an_instance())

    async def test_tells_what_comes_after_the_watch(self) -> None:
        """
        An instance that comes after the watch is told.
        """
        told, _ = self.watched()
        await self.sees(told)
        await self.put(an_instance())
        await self.sees(told, an_instance())

    async def test_tells_that_there_is_nothing(self) -> None:
        """
        An empty list is told once, and not again and again.
        """
        told, _ = self.watched()
        await self.sees(told)
        await self.pass_time(10 * self.step_s)
        assert [Snapshot("demo.Greeter", ())] == told.snapshots

    async def test_tells_what_goes(self) -> None:
        """
        An instance that is gone is not in the next list, and its fellows are.
        """
        one, other = an_instance(id="a"), an_instance(id="b")
        told, _ = self.watched()
        await self.put(one)
        await self.put(other)
        await self.sees(told, one, other)
        await self.take(one)
        await self.sees(told, other)
        await self.take(other)
        await self.sees(told)

    async def test_tells_what_has_changed(self) -> None:
        """
        The same id with another weight takes the place of the former.
        """
        told, _ = self.watched()
        await self.put(an_instance(weight=10))
        await self.sees(told, an_instance(weight=10))
        await self.put(an_instance(weight=0))
        await self.sees(told, an_instance(weight=0))

    async def test_keeps_services_apart(self) -> None:
        """
        A watch is told of its own service alone.
        """
        told, _ = self.watched("demo.Greeter")
        await self.sees(told)
        await self.put(an_instance("demo.Other"))
        await self.put(an_instance("demo.GreeterToo"))
        others, _ = self.watched("demo.Other")
        await self.sees(others, an_instance("demo.Other"))
        assert [Snapshot("demo.Greeter", ())] == told.snapshots

    async def test_tells_every_watch(self) -> None:
        """
        Several watches on one service do not disturb each other.
        """
        first, watch = self.watched()
        second, _ = self.watched()
        await self.put(an_instance())
        await self.sees(first, an_instance())
        await self.sees(second, an_instance())
        watch.close()
        await self.take(an_instance())
        await self.sees(second)
        assert [an_instance()] == first.last

    async def test_is_silent_once_closed(self) -> None:
        """
        A closed watch tells nothing, and closing it again does no harm.
        """
        told, watch = self.watched()
        other, _ = self.watched()
        await self.sees(told)
        watch.close()
        watch.close()
        await self.put(an_instance())
        await self.sees(other, an_instance())
        assert told.last == []

    async def test_may_be_closed_by_its_listener(self) -> None:
        """
        A listener may close its own watch while it is told.
        """
        told = Told()
        watches: list[Watch] = []

        def listener(snapshot: Snapshot) -> None:
            told(snapshot)
            if snapshot.instances:
                watches[0].close()

        watches.append(self.watcher.watch("demo.Greeter", listener))
        await self.put(an_instance())
        await self.sees(told, an_instance())
        other, _ = self.watched()
        await self.put(an_instance(id="b"))
        await self.sees(other, an_instance(), an_instance(id="b"))
        assert [an_instance()] == told.last

    async def test_takes_odd_names_of_services(self) -> None:
        """
        Any name without a slash or white space can be a service's.
        """
        for service in ODD_SERVICES:
            told, _ = self.watched(service)
            await self.put(an_instance(service))
            await self.sees(told, an_instance(service))
        assert set(ODD_SERVICES) <= set(await self.done(self.watcher.services()))

    async def test_takes_odd_ids(self) -> None:
        """
        Any id of the allowed characters can be an instance's.
        """
        told, _ = self.watched()
        instances = [an_instance(id=id) for id in ODD_IDS]
        for instance in instances:
            await self.put(instance)
        await self.sees(told, *instances)

    async def test_lists_services(self) -> None:
        """
        The services that have instances are listed, sorted.
        """
        for service in ("demo.B", "demo.A", "demo.C"):
            await self.put(an_instance(service))
            told, _ = self.watched(service)
            await self.sees(told, an_instance(service))
        services = await self.done(self.watcher.services())
        assert services == ("demo.A", "demo.B", "demo.C")

    async def test_skips_what_it_cannot_read(self) -> None:
        """
        A record that is none is skipped, and its neighbours are told.
        """
        await self.store_unreadable("demo.Greeter")
        await self.put(an_instance())
        told, _ = self.watched()
        await self.sees(told, an_instance())

    async def test_is_silent_while_the_place_is_away(self) -> None:
        """
        When the place goes nothing is told: silence means "as before".
        """
        await self.put(an_instance())
        told, _ = self.watched()
        await self.sees(told, an_instance())
        before = len(told.snapshots)
        await self.leave()
        await self.pass_time(10 * self.step_s)
        assert before == len(told.snapshots)
        await self.come_back()

    async def test_follows_again_when_the_place_is_back(self) -> None:
        """
        After the place was away, what comes next is told as before.
        """
        await self.put(an_instance(id="a"))
        told, _ = self.watched()
        await self.sees(told, an_instance(id="a"))
        await self.leave()
        await self.pass_time(10 * self.step_s)
        await self.come_back()
        await self.put(an_instance(id="b"))
        await self.sees(told, an_instance(id="a"), an_instance(id="b"))

    async def test_starts_while_the_place_is_away(self) -> None:
        """
        A registry starts without its place, and does then what it was asked for.
        """
        await self.put(an_instance())
        await self.leave()
        self.watcher = await self.started()
        told, _ = self.watched()
        await self.pass_time(10 * self.step_s)
        assert told.last is None
        await self.come_back()
        await self.sees(told, an_instance())

    async def test_says_why_the_place_is_away(self) -> None:
        """
        While the place is away the registry says why, in one sentence; then no more.
        """
        await self.put(an_instance())
        await self.leave()
        self.watcher = await self.started()
        told, _ = self.watched()
        await self.until(lambda: self.watcher.trouble, "it says why it is silent")
        await self.come_back()
        await self.sees(told, an_instance())
        await self.until(lambda: not self.watcher.trouble, "it has no trouble any more")


class RegistryContract(WatchContract):
    """
    What holds for a registry that also announces.
    """

    #: How many instances of one service are announced at once in a test.
    many: int = 300

    async def remove_behind(self, instance: Instance) -> None:
        """
        Remove a record without asking who announced it; return once it is gone.
        """
        raise SkipTest("nobody can remove anything behind this registry's back")

    async def die(self, registry: Registry) -> None:
        """
        Have ``registry`` end as a process does that is killed: without a word.
        """
        raise SkipTest("the place ends with the process")

    async def setUp(self) -> None:  # type: ignore[override]  # trial awaits it
        await super().setUp()
        self.announcer = await self.started()

    async def put(self, instance: Instance) -> None:
        await self.done(self.announcer.announce(instance))

    async def take(self, instance: Instance) -> None:
        await self.done(self.announcer.withdraw(instance))

    async def test_sees_its_own_announcements(self) -> None:
        """
        What a registry announces, its own watches are told.
        """
        told = Told()
        self.announcer.watch("demo.Greeter", told)
        await self.put(an_instance())
        await self.sees(told, an_instance())

    async def test_ignores_the_withdrawal_of_what_was_never_announced(self) -> None:
        """
        Withdrawing what is not announced does nothing, and harms no one of that id.
        """
        await self.put(an_instance())
        await self.done(self.watcher.withdraw(an_instance()))
        await self.done(self.announcer.withdraw(an_instance(id="b")))
        told, _ = self.watched()
        await self.sees(told, an_instance())

    async def test_withdraws_by_id(self) -> None:
        """
        What is withdrawn is whatever was announced under the id, weight or not.
        """
        told, _ = self.watched()
        await self.put(an_instance(weight=10))
        await self.sees(told, an_instance(weight=10))
        await self.take(an_instance(weight=99))
        await self.sees(told)

    async def test_announces_what_was_withdrawn(self) -> None:
        """
        An instance may come back.
        """
        told, _ = self.watched()
        await self.put(an_instance())
        await self.sees(told, an_instance())
        await self.take(an_instance())
        await self.sees(told)
        await self.put(an_instance())
        await self.sees(told, an_instance())

    async def test_announces_from_several_processes(self) -> None:
        """
        Instances of one service that different processes announce are one list.
        """
        other = await self.started()
        await self.put(an_instance(id="a"))
        await self.done(other.announce(an_instance(id="b")))
        told, _ = self.watched()
        await self.sees(told, an_instance(id="a"), an_instance(id="b"))

    async def test_keeps_what_is_announced(self) -> None:
        """
        What is announced stays, however long the process lives.
        """
        await self.put(an_instance())
        told, _ = self.watched()
        await self.sees(told, an_instance())
        await self.pass_time(self.lease_over_s)
        assert [[an_instance()]] == [list(snapshot.instances) for snapshot in told.snapshots]

    async def test_withdraws_when_it_stops(self) -> None:
        """
        A registry that stops takes its instances with it, and leaves others'.
        """
        leaving = self.registry()
        await self.done(leaving.start())
        await self.done(leaving.announce(an_instance(id="a")))
        await self.put(an_instance(id="b"))
        told, _ = self.watched()
        await self.sees(told, an_instance(id="a"), an_instance(id="b"))
        await self.done(leaving.stop())
        await self.sees(told, an_instance(id="b"))

    async def test_lets_everybody_go_when_it_stops(self) -> None:
        """
        Who waits for an announcement that cannot be made goes on when the registry stops.
        """
        await self.leave()
        stopping = self.registry()
        await self.done(stopping.start())
        announcing = Deferred.fromCoroutine(stopping.announce(an_instance()))
        await self.done(stopping.stop())
        await self.until(lambda: announcing.called, "the announcement is given up")
        await announcing
        await self.come_back()

    async def test_announces_many(self) -> None:
        """
        Many instances at once arrive all.
        """
        told, _ = self.watched()
        instances = [an_instance(id=f"i{number}") for number in range(self.many)]
        announced = [
            Deferred.fromCoroutine(self.announcer.announce(instance)) for instance in instances
        ]
        await self.until(lambda: all(one.called for one in announced), "all are announced")
        for one in announced:
            await one
        await self.sees(told, *instances)

    async def test_puts_back_what_somebody_else_removed(self) -> None:
        """
        An announced instance that a third party removes comes back by itself.
        """
        await self.put(an_instance())
        await self.remove_behind(an_instance())
        # A registry that knows nothing from before; else it may be told nothing new.
        self.watcher = await self.started()
        told, _ = self.watched()
        await self.sees(told, an_instance())

    async def test_loses_who_dies_without_a_word(self) -> None:
        """
        When a process is killed its instances vanish, and those of others stay.
        """
        dying = self.registry()
        await self.done(dying.start())
        await self.done(dying.announce(an_instance(id="a")))
        await self.put(an_instance(id="b"))
        told, _ = self.watched()
        await self.sees(told, an_instance(id="a"), an_instance(id="b"))
        await self.die(dying)
        await self.sees(told, an_instance(id="b"))

    async def test_announces_once_the_place_is_there(self) -> None:
        """
        Announcing waits for a place that is away.
        """
        await self.leave()
        announcing = Deferred.fromCoroutine(self.announcer.announce(an_instance()))
        await self.pass_time(10 * self.step_s)
        assert not announcing.called
        await self.come_back()
        await self.until(lambda: announcing.called, "the announcement returns")
        await announcing
        told, _ = self.watched()
        await self.sees(told, an_instance())

    async def test_announces_although_nobody_waits(self) -> None:
        """
        Giving up the wait does not take the announcement back.
        """
        await self.leave()
        announcing = Deferred.fromCoroutine(self.announcer.announce(an_instance()))
        announcing.addErrback(lambda _: None)
        announcing.cancel()
        await self.come_back()
        told, _ = self.watched()
        await self.sees(told, an_instance())

    async def test_withdraws_at_once_from_a_place_that_is_away(self) -> None:
        """
        Withdrawing does not wait for a place that is away, and it is gone for good.
        """
        await self.put(an_instance(id="a"))
        await self.put(an_instance(id="b"))
        told, _ = self.watched()
        await self.sees(told, an_instance(id="a"), an_instance(id="b"))
        await self.leave()
        await self.take(an_instance(id="a"))
        await self.come_back()
        await self.sees(told, an_instance(id="b"))
