"""
The registry of one process: for tests, and for a program that serves itself.
"""

from __future__ import annotations

from typing import ClassVar
from weakref import WeakValueDictionary

from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, OnRefused, Registry, Watch, ignore
from rpcfw.values.instance import Instance
from rpcfw_registries.local.memory_records import MemoryRecords, record_table
from rpcfw_registries.local.table import InstanceTable, Watches
from rpcfw_registries.rules.stored import StoredRules

__all__ = ["MemoryOptions", "MemoryRegistry"]


@options
class MemoryOptions:
    """
    Settings of the memory registry.
    """

    name: str = option("default", "registries of this process with the same name see each other")


class MemoryRegistry(Registry):
    """
    A list in memory, shared by the memory registries of one process that have the same name.
    """

    Options = MemoryOptions

    # A provider and a consumer in one process are assembled apart, each from its
    # own INI, and have nothing in hand of one another: only a name that the whole
    # process knows can join them. The references are weak, so a place is gone
    # with the last registry that holds it, and leaks into no later test.
    _tables: ClassVar[WeakValueDictionary[str, InstanceTable]] = WeakValueDictionary()

    def __init__(self, options: MemoryOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._table = self._tables.setdefault(options.name, InstanceTable())
        self._watches = Watches(plugin_context.clock, self._table)
        self._announced: dict[tuple[str, str], Instance] = {}
        self._rules = StoredRules(
            MemoryRecords(record_table(options.name), plugin_context.clock), plugin_context
        )

    def rules(self) -> StoredRules:
        return self._rules

    async def stop(self) -> None:
        self._watches.close()
        for instance in self._announced.values():
            self._table.take(instance)
        self._announced.clear()
        # A reference to this registry does not keep its list.
        self._table = InstanceTable()
        self._watches = Watches(self.plugin_context.clock, self._table)

    async def announce(self, instance: Instance) -> None:
        self._announced[instance.service, instance.id] = instance
        self._table.put(instance)

    async def withdraw(self, instance: Instance) -> None:
        announced = self._announced.pop((instance.service, instance.id), None)
        if announced is not None:
            self._table.take(announced)

    def watch(self, service: str, listener: Listener, on_refused: OnRefused = ignore) -> Watch:
        return self._watches.open(service, listener, on_refused)

    async def services(self) -> tuple[str, ...]:
        return self._table.names()
