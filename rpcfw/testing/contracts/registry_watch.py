"""
The promises of `rpcfw.spi.registry` for watching, wherever the instances come from.
"""

from __future__ import annotations

from abc import abstractmethod
from unittest import SkipTest

from twisted.internet.defer import Deferred

from rpcfw.spi.registry import Registry, Watch
from rpcfw.testing.contracts.registry_case import (
    ODD_IDS,
    ODD_SERVICES,
    ReceivedUpdates,
    RegistryCase,
    an_instance,
)
from rpcfw.values.instance import Instance, Snapshot

__all__ = ["WatchContract"]


class WatchContract(RegistryCase):
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
        Put ``instance`` into the place; return once it is there.
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

    async def refuse(self) -> None:
        """
        Have the place refuse to be read, as it does without a permission.
        """
        raise SkipTest("this place refuses nothing")

    async def permit(self) -> None:
        """
        Have it refuse nothing any more.
        """
        raise AssertionError("who overrides `refuse` overrides this as well")

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

    def watched(self, service: str = "demo.Greeter") -> tuple[ReceivedUpdates, Watch]:
        """
        Watch ``service`` and return what its listener receives.
        """
        updates = ReceivedUpdates()
        return updates, self.watcher.watch(service, updates, updates.refusals.append)

    async def sees(self, updates: ReceivedUpdates, *instances: Instance) -> None:
        """
        Return once ``updates`` has exactly these instances last.
        """
        expected = sorted(instances, key=lambda instance: instance.id)
        await self.until(lambda: updates.last == expected, f"{expected} instead of {updates.last}")

    async def test_tells_what_was_there_before_the_watch(self) -> None:
        """
        A watch that comes after the instance tells it, whole.
        """
        await self.put(an_instance())
        updates, _ = self.watched()
        await self.sees(updates, an_instance())

    async def test_tells_what_comes_after_the_watch(self) -> None:
        """
        An instance that comes after the watch is reported.
        """
        updates, _ = self.watched()
        await self.sees(updates)
        await self.put(an_instance())
        await self.sees(updates, an_instance())

    async def test_tells_that_there_is_nothing(self) -> None:
        """
        An empty list is reported once, and not again and again.
        """
        updates, _ = self.watched()
        await self.sees(updates)
        await self.pass_time(10 * self.step_s)
        assert [Snapshot("demo.Greeter", ())] == updates.snapshots

    async def test_tells_what_goes(self) -> None:
        """
        An instance that is gone is not in the next list, and the other instances are.
        """
        one, other = an_instance(id="a"), an_instance(id="b")
        updates, _ = self.watched()
        await self.put(one)
        await self.put(other)
        await self.sees(updates, one, other)
        await self.take(one)
        await self.sees(updates, other)
        await self.take(other)
        await self.sees(updates)

    async def test_tells_what_has_changed(self) -> None:
        """
        The same id with another weight takes the place of the former.
        """
        updates, _ = self.watched()
        await self.put(an_instance(weight=10))
        await self.sees(updates, an_instance(weight=10))
        await self.put(an_instance(weight=0))
        await self.sees(updates, an_instance(weight=0))

    async def test_keeps_services_apart(self) -> None:
        """
        A watch reports its own service only.
        """
        updates, _ = self.watched("demo.Greeter")
        await self.sees(updates)
        await self.put(an_instance("demo.Other"))
        await self.put(an_instance("demo.GreeterToo"))
        others, _ = self.watched("demo.Other")
        await self.sees(others, an_instance("demo.Other"))
        assert [Snapshot("demo.Greeter", ())] == updates.snapshots

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
        updates, watch = self.watched()
        other, _ = self.watched()
        await self.sees(updates)
        watch.close()
        watch.close()
        await self.put(an_instance())
        await self.sees(other, an_instance())
        assert updates.last == []

    async def test_may_be_closed_by_its_listener(self) -> None:
        """
        A listener may close its own watch while it is called.
        """
        updates = ReceivedUpdates()
        watches: list[Watch] = []

        def listener(snapshot: Snapshot) -> None:
            updates(snapshot)
            if snapshot.instances:
                watches[0].close()

        watches.append(self.watcher.watch("demo.Greeter", listener))
        await self.put(an_instance())
        await self.sees(updates, an_instance())
        other, _ = self.watched()
        await self.put(an_instance(id="b"))
        await self.sees(other, an_instance(), an_instance(id="b"))
        assert [an_instance()] == updates.last

    async def test_takes_odd_names_of_services(self) -> None:
        """
        Any name without a slash or white space can be a service's.
        """
        for service in ODD_SERVICES:
            updates, _ = self.watched(service)
            await self.put(an_instance(service))
            await self.sees(updates, an_instance(service))
        assert set(ODD_SERVICES) <= set(await self.done(self.watcher.services()))

    async def test_takes_odd_ids(self) -> None:
        """
        Any id of the allowed characters can be an instance's.
        """
        updates, _ = self.watched()
        instances = [an_instance(id=id) for id in ODD_IDS]
        for instance in instances:
            await self.put(instance)
        await self.sees(updates, *instances)

    async def test_lists_services(self) -> None:
        """
        The services that have instances are listed, sorted.
        """
        for service in ("demo.B", "demo.A", "demo.C"):
            await self.put(an_instance(service))
            updates, _ = self.watched(service)
            await self.sees(updates, an_instance(service))
        services = await self.done(self.watcher.services())
        assert services == ("demo.A", "demo.B", "demo.C")

    async def test_skips_what_it_cannot_read(self) -> None:
        """
        A record that cannot be read is skipped, and the others are reported.
        """
        await self.store_unreadable("demo.Greeter")
        await self.put(an_instance())
        updates, _ = self.watched()
        await self.sees(updates, an_instance())

    async def test_is_silent_while_the_place_is_away(self) -> None:
        """
        While the place is unreachable nothing is reported: silence means "as before".
        """
        await self.put(an_instance())
        updates, _ = self.watched()
        await self.sees(updates, an_instance())
        before = len(updates.snapshots)
        await self.leave()
        await self.pass_time(10 * self.step_s)
        assert before == len(updates.snapshots)
        await self.come_back()

    async def test_follows_again_when_the_place_is_back(self) -> None:
        """
        When the place is reachable again, changes are reported as before.
        """
        await self.put(an_instance(id="a"))
        updates, _ = self.watched()
        await self.sees(updates, an_instance(id="a"))
        await self.leave()
        await self.pass_time(10 * self.step_s)
        await self.come_back()
        await self.put(an_instance(id="b"))
        await self.sees(updates, an_instance(id="a"), an_instance(id="b"))

    async def test_starts_while_the_place_is_away(self) -> None:
        """
        A registry starts without its place, and does then what it was asked for.
        """
        await self.put(an_instance())
        await self.leave()
        self.watcher = await self.started()
        updates, _ = self.watched()
        await self.pass_time(10 * self.step_s)
        assert updates.last is None
        await self.come_back()
        await self.sees(updates, an_instance())

    async def test_says_why_the_place_is_away(self) -> None:
        """
        While the place is unreachable, registry and watch say why; then no more.

        That is no refusal: a call that waits for the list may still get it.
        """
        await self.put(an_instance())
        await self.leave()
        self.watcher = await self.started()
        updates, watch = self.watched()
        await self.until(lambda: self.watcher.trouble, "it says why it is silent")
        assert watch.trouble
        assert updates.refusals == []
        await self.come_back()
        await self.sees(updates, an_instance())
        await self.until(lambda: not self.watcher.trouble, "it has no trouble any more")
        assert watch.trouble == ""

    async def test_says_that_a_watch_is_refused(self) -> None:
        """
        A refusal is reported with its reason, and the list once there is none any more.
        """
        await self.put(an_instance())
        await self.refuse()
        self.watcher = await self.started()
        updates, watch = self.watched()
        await self.until(lambda: updates.refusals, "the refusal is reported")
        assert watch.trouble == updates.refusals[0]
        assert updates.snapshots == []
        late, _ = self.watched()
        await self.until(lambda: late.refusals, "a later watch gets it too")
        await self.permit()
        await self.sees(updates, an_instance())
        await self.sees(late, an_instance())
        assert watch.trouble == ""

    async def test_is_silent_once_closed_though_it_is_refused(self) -> None:
        """
        A watch that was closed reports no refusal.
        """
        await self.refuse()
        self.watcher = await self.started()
        closed, watch = self.watched()
        watch.close()
        updates, _ = self.watched()
        await self.until(lambda: updates.refusals, "the refusal is reported")
        assert closed.refusals == []
        await self.permit()
        await self.sees(updates)
