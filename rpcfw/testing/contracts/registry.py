"""
The promises of `rpcfw.spi.registry` as tests, for every registry plugin to pass.

`WatchContract` is the part for watching (`registry_watch`), for registries whose
instances are written by somebody else. `RegistryContract` is all of it. Use::

    class TestMemory(RegistryContract, TestCase):
        def registry(self) -> Registry:
            return MemoryRegistry(MemoryOptions(name="here"), self.plugin_context)

with `twisted.trial.unittest.TestCase`. The suite does not know whether time is a
`twisted.internet.task.Clock` or real: it asks `pass_time` to let some time pass, and
looks again, until what it waits for is there or ``limit_s`` is over.

A hook that a place cannot offer stays as it is, and its tests are skipped.
"""

from __future__ import annotations

import json
from functools import partial
from unittest import SkipTest

from attrs import evolve
from twisted.internet.defer import Deferred

from rpcfw.spi.registry import Registry
from rpcfw.testing.contracts.registry_case import (
    ODD_IDS,
    ODD_SERVICES,
    ReceivedUpdates,
    an_instance,
)
from rpcfw.testing.contracts.registry_watch import WatchContract
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw.values.probe_report import MAX_REPORT_BYTES, PROBER_SERVICE, REPORT_TAG

__all__ = [
    "ODD_IDS",
    "ODD_SERVICES",
    "ReceivedUpdates",
    "RegistryContract",
    "WatchContract",
    "an_instance",
]


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
        End ``registry`` as a killed process does: it withdraws nothing.
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
        What a registry announces, its own watches receive.
        """
        updates = ReceivedUpdates()
        self.announcer.watch("demo.Greeter", updates)
        await self.put(an_instance())
        await self.sees(updates, an_instance())

    async def test_ignores_the_withdrawal_of_what_was_never_announced(self) -> None:
        """
        Withdrawing what is not announced does nothing, and harms no one of that id.
        """
        await self.put(an_instance())
        await self.done(self.watcher.withdraw(an_instance()))
        await self.done(self.announcer.withdraw(an_instance(id="b")))
        updates, _ = self.watched()
        await self.sees(updates, an_instance())

    async def test_withdraws_by_id(self) -> None:
        """
        What is withdrawn is whatever was announced under the id, weight or not.
        """
        updates, _ = self.watched()
        await self.put(an_instance(weight=10))
        await self.sees(updates, an_instance(weight=10))
        await self.take(an_instance(weight=99))
        await self.sees(updates)

    async def test_announces_what_was_withdrawn(self) -> None:
        """
        An instance may come back.
        """
        updates, _ = self.watched()
        await self.put(an_instance())
        await self.sees(updates, an_instance())
        await self.take(an_instance())
        await self.sees(updates)
        await self.put(an_instance())
        await self.sees(updates, an_instance())

    async def test_takes_the_report_of_a_prober(self) -> None:
        """
        A tag as long as a report may be arrives whole, and the next one takes its place.

        A prober speaks no wire.
        """
        updates, _ = self.watched(PROBER_SERVICE)
        prober = Instance(PROBER_SERVICE, "p", Address("tcp", "rack7", 1), (), weight=0)
        for letter in ("a", "é"):
            count = (MAX_REPORT_BYTES - 20) // len(letter.encode())
            report = json.dumps({"named": letter * count}, ensure_ascii=False)
            await self.put(evolve(prober, tags={REPORT_TAG: report}))
            await self.until(
                partial(_has_tag, updates, REPORT_TAG, report), f"the report of {letter!r}"
            )

    async def test_announces_from_several_processes(self) -> None:
        """
        Instances of one service that different processes announce are one list.
        """
        other = await self.started()
        await self.put(an_instance(id="a"))
        await self.done(other.announce(an_instance(id="b")))
        updates, _ = self.watched()
        await self.sees(updates, an_instance(id="a"), an_instance(id="b"))

    async def test_keeps_what_is_announced(self) -> None:
        """
        What is announced stays, however long the process lives.
        """
        await self.put(an_instance())
        updates, _ = self.watched()
        await self.sees(updates, an_instance())
        await self.pass_time(self.lease_over_s)
        assert [[an_instance()]] == [list(snapshot.instances) for snapshot in updates.snapshots]

    async def test_withdraws_when_it_stops(self) -> None:
        """
        A registry that stops takes its instances with it, and leaves others'.
        """
        leaving = self.registry()
        await self.done(leaving.start())
        await self.done(leaving.announce(an_instance(id="a")))
        await self.put(an_instance(id="b"))
        updates, _ = self.watched()
        await self.sees(updates, an_instance(id="a"), an_instance(id="b"))
        await self.done(leaving.stop())
        await self.sees(updates, an_instance(id="b"))

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
        updates, _ = self.watched()
        instances = [an_instance(id=f"i{number}") for number in range(self.many)]
        announced = [
            Deferred.fromCoroutine(self.announcer.announce(instance)) for instance in instances
        ]
        await self.until(lambda: all(one.called for one in announced), "all are announced")
        for one in announced:
            await one
        await self.sees(updates, *instances)

    async def test_puts_back_what_somebody_else_removed(self) -> None:
        """
        An announced instance that a third party removes comes back by itself.
        """
        await self.put(an_instance())
        await self.remove_behind(an_instance())
        # A registry that knows nothing from before; otherwise it may receive nothing new.
        self.watcher = await self.started()
        updates, _ = self.watched()
        await self.sees(updates, an_instance())

    async def test_loses_who_dies_without_a_word(self) -> None:
        """
        When a process is killed its instances vanish, and those of others stay.
        """
        dying = self.registry()
        await self.done(dying.start())
        await self.done(dying.announce(an_instance(id="a")))
        await self.put(an_instance(id="b"))
        updates, _ = self.watched()
        await self.sees(updates, an_instance(id="a"), an_instance(id="b"))
        await self.die(dying)
        await self.sees(updates, an_instance(id="b"))

    async def test_announces_once_the_place_is_there(self) -> None:
        """
        Announcing waits while the place is unreachable.
        """
        await self.leave()
        announcing = Deferred.fromCoroutine(self.announcer.announce(an_instance()))
        await self.pass_time(10 * self.step_s)
        assert not announcing.called
        await self.come_back()
        await self.until(lambda: announcing.called, "the announcement returns")
        await announcing
        updates, _ = self.watched()
        await self.sees(updates, an_instance())

    async def test_announces_although_nobody_waits(self) -> None:
        """
        Giving up the wait does not take the announcement back.
        """
        await self.leave()
        announcing = Deferred.fromCoroutine(self.announcer.announce(an_instance()))
        announcing.addErrback(lambda _: None)
        announcing.cancel()
        await self.come_back()
        updates, _ = self.watched()
        await self.sees(updates, an_instance())

    async def test_withdraws_at_once_from_a_place_that_is_away(self) -> None:
        """
        Withdrawing does not wait for an unreachable place, and the instance stays withdrawn.
        """
        await self.put(an_instance(id="a"))
        await self.put(an_instance(id="b"))
        updates, _ = self.watched()
        await self.sees(updates, an_instance(id="a"), an_instance(id="b"))
        await self.leave()
        await self.take(an_instance(id="a"))
        await self.come_back()
        await self.sees(updates, an_instance(id="b"))


def _has_tag(updates: ReceivedUpdates, name: str, value: str) -> bool:
    return [value] == [each.tags.get(name) for each in updates.last or ()]
