"""
The registry of a lab: one for all its processes, which can be out of reach.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rpcfw.errors import RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, OnRefused, Registry, Watch, ignore
from rpcfw.spi.rules import Rules
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.event import Event
from rpcfw.values.instance import Instance, Snapshot
from rpcfw_registries.local.memory_records import MemoryRecords, RecordTable
from rpcfw_registries.rules.stored import StoredRules

__all__ = ["LabRegistry", "RegistryPlace"]


class RegistryPlace:
    """
    The data that the registries of one lab share.
    """

    def __init__(self) -> None:
        self.away = False
        #: Why nothing can be watched, though it is in reach; empty if it can.
        self.refusal = ""
        self._instances: dict[tuple[str, str], Instance] = {}
        self._watches: list[_LabWatch] = []
        self._back = Event()
        self._late: list[Callable[[], None]] = []
        #: The records of rules.
        self.rules = RecordTable()

    def instances(self, service: str) -> tuple[Instance, ...]:
        """
        Return what is announced of a service.
        """
        return tuple(one for one in self._instances.values() if one.service == service)

    def services(self) -> tuple[str, ...]:
        """
        Return the names of what is announced, sorted.
        """
        return tuple(sorted({service for service, _ in self._instances}))

    def put(self, instance: Instance) -> None:
        """
        Announce an instance, as a provider outside of the lab would.
        """
        self._instances[instance.service, instance.id] = instance
        self.tell(instance.service)

    def take(self, instance: Instance) -> None:
        """
        Remove an instance, as the end of its lease would.
        """
        if self._instances.pop((instance.service, instance.id), None) is not None:
            self.tell(instance.service)

    def leave(self) -> None:
        """
        Be out of reach.
        """
        self.away = self.rules.away = True

    def come_back(self) -> None:
        """
        Be reachable again: pending requests are done, and watches report.
        """
        self.away = self.rules.away = False
        self.rules.changed()
        late, self._late = self._late, []
        for step in late:
            step()
        self._back.set()
        self._tell_all()

    def refuse(self, reason: str) -> None:
        """
        Refuse every watch, as a registry does that wants a user and password.
        """
        self.refusal = reason
        self._tell_all()

    def permit(self) -> None:
        """
        Refuse no watch any longer.
        """
        self.refusal = ""
        self._tell_all()

    @property
    def trouble(self) -> str:
        """
        Why it cannot be asked; empty if it can.
        """
        return "the lab's registry is out of reach" if self.away else ""

    def when_back(self, step: Callable[[], None]) -> None:
        """
        Do something once it is in reach.
        """
        self._late.append(step)

    def tell(self, service: str) -> None:
        """
        Send the list of a service to its watches.
        """
        for watch in tuple(self._watches):
            if watch.service == service:
                watch.tell()

    def _tell_all(self) -> None:
        for watch in tuple(self._watches):
            watch.tell()

    async def reached(self) -> None:
        """
        Return once it is in reach.
        """
        while self.away:
            self._back.clear()
            await self._back.wait()

    def watch(
        self, service: str, clock: Clock, listener: Listener, on_refused: OnRefused = ignore
    ) -> Watch:
        """
        Tell ``listener`` of a service, now and after each change.
        """
        watch = _LabWatch(self, self._watches, service, clock, listener, on_refused)
        self._watches.append(watch)
        watch.tell()
        return watch


class _LabWatch(Watch):
    def __init__(
        self,
        place: RegistryPlace,
        watches: list[_LabWatch],
        service: str,
        clock: Clock,
        listener: Listener,
        on_refused: OnRefused,
    ) -> None:
        self.service = service
        self._place = place
        self._watches = watches
        self._clock = clock
        self._listener = listener
        self._on_refused = on_refused
        self._reported: tuple[Instance, ...] | None = None

    @property
    def trouble(self) -> str:
        return self._place.trouble or self._place.refusal

    def tell(self) -> None:
        self._clock.callLater(0, self._tell_now)

    def close(self) -> None:
        if self in self._watches:
            self._watches.remove(self)

    def _tell_now(self) -> None:
        if self not in self._watches or self._place.away:
            return
        if self._place.refusal:
            self._on_refused(self._place.refusal)
            return
        instances = self._place.instances(self.service)
        if instances != self._reported:
            self._reported = instances
            self._listener(Snapshot(self.service, instances))


class LabRegistry(Registry):
    """
    The registry of one process of a lab.

    Args:
        place: what all of them share; stands where a plugin's options do.
        plugin_context: of the process.
    """

    def __init__(self, place: RegistryPlace, plugin_context: PluginContext) -> None:
        super().__init__(place, plugin_context)
        self._place = place
        self._announced: dict[tuple[str, str], Instance] = {}
        self._watches: list[Watch] = []
        records = MemoryRecords(place.rules, plugin_context.clock)
        self._rules = StoredRules(records, plugin_context)

    @property
    def trouble(self) -> str:
        return self._place.trouble

    def rules(self) -> Rules:
        return self._rules

    @property
    def announced(self) -> tuple[Instance, ...]:
        """
        What this process has announced.
        """
        return tuple(self._announced.values())

    async def stop(self) -> None:
        for watch in self._watches:
            watch.close()
        for instance in self.announced:
            await self.withdraw(instance)

    async def announce(self, instance: Instance) -> None:
        key = instance.service, instance.id
        self._announced[key] = instance
        if not self._place.away:
            self._place.put(instance)
            return
        # Whoever gives up the wait has announced it all the same.
        self._place.when_back(partial(self._put, instance))
        await self._place.reached()

    def _put(self, instance: Instance) -> None:
        if self._announced.get((instance.service, instance.id)) is instance:
            self._place.put(instance)

    async def withdraw(self, instance: Instance) -> None:
        announced = self._announced.pop((instance.service, instance.id), None)
        # Out of reach, the lease ends it: soon enough is now.
        if announced is not None:
            self._place.take(announced)

    def watch(self, service: str, listener: Listener, on_refused: OnRefused = ignore) -> Watch:
        watch = self._place.watch(service, self.plugin_context.clock, listener, on_refused)
        self._watches.append(watch)
        return watch

    async def services(self) -> tuple[str, ...]:
        if self._place.away:
            raise RegistryError("the lab's registry is unreachable")
        return self._place.services()
