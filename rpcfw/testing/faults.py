"""
What can go wrong around a process: its time and its network.

Each process of a `rpcfw.testing.lab.Lab` has a clock and a network of its own, so
that it can be killed, or be cut off.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from twisted.internet.interfaces import (
    IDelayedCall,
    IListeningPort,
    IProtocol,
    IProtocolFactory,
)
from twisted.internet.task import Clock

from rpcfw.transport.network.memory import MemoryConnection, MemoryNetwork

__all__ = ["ProcessClock", "ProcessNetwork"]


class ProcessClock:
    """
    The lab's time as one process sees it: until it dies.
    """

    def __init__(self, clock: Clock) -> None:
        self.seconds = clock.seconds
        self._clock = clock
        self._count = 0
        #: Weak, as nobody says that one was cancelled: the clock forgets it then.
        self._pending: WeakValueDictionary[int, IDelayedCall] = WeakValueDictionary()
        self._dead = False

    def callLater(  # noqa: N802 - the reactor's name
        self, delay: float, callable: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> IDelayedCall:
        self._count += 1
        number = self._count
        run = partial(callable, *args, **kwargs)
        delayed: IDelayedCall = self._clock.callLater(delay, self._run, number, run)
        if self._dead:
            delayed.cancel()
        else:
            self._pending[number] = delayed
        return delayed

    def _run(self, number: int, run: Callable[[], Any]) -> None:
        self._pending.pop(number, None)
        run()

    def pause(self, seconds: float, then: Callable[[], Any]) -> None:
        """
        Nothing of this process runs for a while; what is due meanwhile comes after it.

        Args:
            then: called after those, when the process goes on.
        """
        until = self.seconds() + seconds
        due = [one for one in self._pending.values() if one.active() and one.getTime() < until]
        for delayed in sorted(due, key=lambda one: one.getTime()):
            delayed.reset(seconds)
        self.callLater(seconds, then)

    def die(self) -> None:
        """
        Nothing of this process runs by itself any more.
        """
        self._dead = True
        for delayed in [*self._pending.values()]:
            if delayed.active():
                delayed.cancel()
        self._pending.clear()


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
        Lose every byte to and from this process; neither side notices.
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
