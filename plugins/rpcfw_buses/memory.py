"""
The bus of one process: for tests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar
from weakref import WeakValueDictionary

from rpcfw.spi.bus import Bus, OnConnected, OnMessage
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw_buses.subscriptions import Subscriptions

__all__ = ["Hub", "MemoryBus", "MemoryBusOptions"]


@options
class MemoryBusOptions:
    """
    Settings of the memory bus.
    """

    name: str = option("default", "buses of this process with the same name are connected")


class Hub:
    """
    What the buses of one name share. A test takes it away and gives it back.
    """

    def __init__(self) -> None:
        self.buses: set[MemoryBus] = set()
        self.reachable = True

    def set_reachable(self, reachable: bool) -> None:
        """
        Cut every bus off, or connect it again.
        """
        self.reachable = reachable
        for bus in tuple(self.buses):
            bus.set_connected(reachable)


class MemoryBus(Bus):
    """
    Gives each message to the buses of the same name, one turn of the clock later.
    """

    Options = MemoryBusOptions

    # As the memory registry: a name is all that the servers of one process have in common. The
    # references are weak, so a hub is gone with its last bus, and leaks into no later test.
    _hubs: ClassVar[WeakValueDictionary[str, Hub]] = WeakValueDictionary()

    def __init__(self, options: MemoryBusOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self.hub = self._hubs.get(options.name) or Hub()
        self._hubs[options.name] = self.hub
        self._subscriptions = Subscriptions()
        self._connected = False

    async def start(self) -> None:
        self.hub.buses.add(self)
        self.set_connected(self.hub.reachable)

    async def stop(self) -> None:
        self.hub.buses.discard(self)
        self.set_connected(False)

    @property
    def connected(self) -> bool:
        return self._connected

    @property
    def trouble(self) -> str:
        return "" if self._connected else "the memory bus was taken away"

    def publish(self, subject: str, message: bytes) -> bool:
        self.check_size(message)
        if not self._connected:
            return False
        for bus in self.hub.buses:
            self.plugin_context.clock.callLater(0, bus.deliver, subject, message)
        return True

    def deliver(self, subject: str, message: bytes) -> None:
        """
        Take a message, unless the bus was cut off meanwhile.
        """
        if self._connected:
            self._subscriptions.deliver(subject, message)

    def set_connected(self, connected: bool) -> None:
        """
        Note whether the hub can be reached.
        """
        if connected is not self._connected:
            self._connected = connected
            self._subscriptions.connected(connected)

    def subscribe(self, subject: str, on_message: OnMessage) -> Callable[[], None]:
        return self._subscriptions.add(subject, on_message)

    def watch_connection(self, on_connected: OnConnected) -> Callable[[], None]:
        return self._subscriptions.watch(on_connected)
