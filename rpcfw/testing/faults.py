"""
What can go wrong around a process: its time, its network, its registry.

Each process of a `rpcfw.testing.lab.Lab` has a clock and a network of its own, so
that it can die without a word, and all share one registry, which can go away.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.interfaces import IListeningPort, IProtocol, IProtocolFactory
from twisted.internet.task import Clock

from rpcfw.errors import RegistryError
from rpcfw.spi.clock import DelayedCall
from rpcfw.spi.plugin import Surroundings
from rpcfw.spi.registry import Listener, Registry, Watch
from rpcfw.spi.waiting import Waiter
from rpcfw.transport.memory import MemoryConnection, MemoryNetwork
from rpcfw.values.instance import Instance, Snapshot

__all__ = ["LabRegistry", "ProcessClock", "ProcessNetwork", "RegistryPlace"]


class ProcessClock:
    """
    The lab's time as one process sees it: until it dies.
    """

    def __init__(self, clock: Clock) -> None:
        self.seconds = clock.seconds
        self._clock = clock
        self._count = 0
        self._pending: dict[int, DelayedCall] = {}
        self._dead = False

    def callLater(  # noqa: N802 - the reactor's name
        self, delay: float, callable: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> DelayedCall:
        self._count += 1
        number = self._count
        run = partial(callable, *args, **kwargs)
        delayed: DelayedCall = self._clock.callLater(delay, self._run, number, run)
        if self._dead:
            delayed.cancel()
        else:
            self._pending[number] = delayed
        return delayed

    def _run(self, number: int, run: Callable[[], Any]) -> None:
        self._pending.pop(number, None)
        run()

    def die(self) -> None:
        """
        Nothing of this process runs by itself any more.
        """
        self._dead = True
        pending, self._pending = self._pending, {}
        for delayed in pending.values():
            if delayed.active():
                delayed.cancel()


class ProcessNetwork(MemoryNetwork):
    """
    The lab's network as one process sees it.

    Args:
        shared: what all processes are on.
        owners: who listens under which name; shared, too.
    """

    def __init__(self, shared: MemoryNetwork, owners: dict[str, ProcessNetwork]) -> None:
        super().__init__(shared.clock)
        self._shared = shared
        self._owners = owners
        self._cut_off = False
        self._own: list[MemoryConnection] = []

    def listen(self, name: str, factory: IProtocolFactory) -> IListeningPort:
        port = self._shared.listen(name, factory)
        self._owners[name] = self
        return port

    def connect(self, name: str, factory: IProtocolFactory) -> IProtocol:
        protocol = self._shared.connect(name, factory)
        connection = self._shared.connections[-1]
        other = self._owners[name]
        for end in (self, other):
            end.joined(connection)
        return protocol

    def joined(self, connection: MemoryConnection) -> None:
        """
        Know one more connection of this process.
        """
        self._own = [*self.connections, connection]
        if self._cut_off:
            connection.freeze()

    @property
    def connections(self) -> list[MemoryConnection]:
        """
        Those of this process that are open, oldest first.
        """
        return [one for one in self._own if one.open]

    @property
    def names(self) -> list[str]:
        """
        What this process listens at.
        """
        return [
            name
            for name, owner in self._owners.items()
            if owner is self and self._shared.is_listening(name)
        ]

    def freeze(self) -> None:
        """
        Lose every byte to and from this process, without a word to either side.
        """
        self._cut_off = True
        for connection in self.connections:
            connection.freeze()

    def thaw(self) -> None:
        """
        Let the bytes through again, those that were held first.
        """
        self._cut_off = False
        for connection in self.connections:
            connection.thaw()

    def die(self) -> None:
        """
        Listen no more, and have every connection reset at the other end.
        """
        for name in self.names:
            self._shared.stop_listening(name)
        for connection in self.connections:
            connection.cut()


class RegistryPlace:
    """
    What stands behind the registries of one lab.
    """

    def __init__(self) -> None:
        self.away = False
        self._instances: dict[tuple[str, str], Instance] = {}
        self._watches: list[_LabWatch] = []
        self._waiting: list[Waiter[None]] = []
        self._late: list[Callable[[], None]] = []

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
        self.away = True

    def come_back(self) -> None:
        """
        Be in reach again: what was asked for meanwhile is done, and who watches told.
        """
        self.away = False
        late, self._late = self._late, []
        for step in late:
            step()
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.called:
                waiter.callback(None)
        for watch in tuple(self._watches):
            watch.tell()

    def when_back(self, step: Callable[[], None]) -> None:
        """
        Do something once it is in reach.
        """
        self._late.append(step)

    def tell(self, service: str) -> None:
        """
        Tell whoever watches a service what there is of it.
        """
        for watch in tuple(self._watches):
            if watch.service == service:
                watch.tell()

    async def reached(self) -> None:
        """
        Return once it is in reach.
        """
        while self.away:
            waiter: Waiter[None] = Waiter()
            self._waiting.append(waiter)
            await waiter

    def watch(self, service: str, clock: ProcessClock, listener: Listener) -> Watch:
        """
        Tell ``listener`` of a service, now and after each change.
        """
        watch = _LabWatch(self, self._watches, service, clock, listener)
        self._watches.append(watch)
        watch.tell()
        return watch


class _LabWatch(Watch):
    def __init__(
        self,
        place: RegistryPlace,
        watches: list[_LabWatch],
        service: str,
        clock: ProcessClock,
        listener: Listener,
    ) -> None:
        self.service = service
        self._place = place
        self._watches = watches
        self._clock = clock
        self._listener = listener
        self._told: tuple[Instance, ...] | None = None

    def tell(self) -> None:
        self._clock.callLater(0, self._tell_now)

    def close(self) -> None:
        if self in self._watches:
            self._watches.remove(self)

    def _tell_now(self) -> None:
        instances = self._place.instances(self.service)
        if self in self._watches and not self._place.away and instances != self._told:
            self._told = instances
            self._listener(Snapshot(self.service, instances))


class LabRegistry(Registry):
    """
    The registry of one process of a lab.

    Args:
        place: what all of them share; stands where a plugin's options do.
        surroundings: of the process.
    """

    def __init__(self, place: RegistryPlace, surroundings: Surroundings) -> None:
        super().__init__(place, surroundings)
        self._place = place
        self._announced: dict[tuple[str, str], Instance] = {}
        self._watches: list[Watch] = []

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

    def watch(self, service: str, listener: Listener) -> Watch:
        watch = self._place.watch(service, self.surroundings.clock, listener)  # type: ignore[arg-type]  # a ProcessClock
        self._watches.append(watch)
        return watch

    async def services(self) -> tuple[str, ...]:
        if self._place.away:
            raise RegistryError("the lab's registry is away")
        return self._place.services()
