"""
The watches of consumers at a registry server.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from rpcfw.errors import Overloaded, Rejected
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.waiting import sleep
from rpcfw_registries.standalone.messages import Update
from rpcfw_registries.standalone.node.caller import Caller
from rpcfw_registries.standalone.node.catalog import Catalog
from rpcfw_registries.standalone.node.clients import Clients
from rpcfw_registries.standalone.node.options import NodeOptions
from rpcfw_registries.standalone.node.updates import updates_of

__all__ = ["Watches"]

#: Watches that are notified at a time that this server is, or is no longer, behind.
_WOKEN_AT_ONCE = 200
_WOKEN_PER_S = 4000.0


class Watches:
    """
    All open watches.

    Args:
        epoch: of this life of the server.
    """

    def __init__(
        self,
        catalog: Catalog,
        clients: Clients,
        options: NodeOptions,
        epoch: str,
        plugin_context: PluginContext,
    ) -> None:
        self._catalog = catalog
        self._clients = clients
        self._options = options
        self._epoch = epoch
        self._clock = plugin_context.clock
        self._events: set[Event] = set()
        self._leaving = False
        self._behind = ""
        self._joining = False
        self._open = plugin_context.meter.gauge(
            "rpcfw_registry_watches", "watches that are open"
        ).of()

    def __len__(self) -> int:
        return len(self._events)

    def leave(self) -> None:
        """
        End every watch, and refuse others.
        """
        self._leaving = True
        _set_all(tuple(self._events))

    def set_behind(self, behind: str, joining: bool) -> None:
        """
        Have every watch say why the lists may be old: some at a time, as there may be many.

        Args:
            joining: send no empty list yet.
        """
        self._behind, self._joining = behind, joining
        events = tuple(self._events)
        for start in range(0, len(events), _WOKEN_AT_ONCE):
            some = events[start : start + _WOKEN_AT_ONCE]
            self._clock.callLater(start / _WOKEN_PER_S, _set_all, some)

    async def updates(
        self, caller: Caller, service: str, known: int | None
    ) -> AsyncGenerator[Update, None]:
        """
        Send the whole list, or what is new after the number ``known``, and then each change.

        Raises:
            Rejected: this server is stopping.
            Overloaded: there are too many watches.
        """
        event = Event()
        close = self._acquire(caller, service, event)
        try:
            if self._joining and self._is_empty(service):
                # An answer, as the consumer waits for one, but no list: that of a server which
                # knows nothing yet would be taken for all that there is.
                yield Update(self._epoch, 0, complete=True, more=True, behind=self._behind)
            while self._joining and not self._leaving and self._is_empty(service):
                await event.wait()
                event.clear()
            changes, new = self._catalog.changes(service, known), True
            while not self._leaving:
                behind = self._behind
                if new:
                    for update in updates_of(changes, self._epoch, behind):
                        yield update
                await event.wait()
                await sleep(self._clock, self._options.min_update_interval)
                event.clear()
                changes = self._catalog.changes(service, changes.number)
                new = bool(changes.complete or changes.put or changes.gone)
                new = new or behind != self._behind
        finally:
            close()

    def _is_empty(self, service: str) -> bool:
        return not self._catalog.changes(service, None).put

    def _acquire(self, caller: Caller, service: str, event: Event) -> Callable[[], None]:
        if self._leaving:
            raise Rejected("this node is stopping")
        if len(self._events) >= self._options.max_watchers:
            raise Overloaded(
                f"this server has its limit of max_watchers = {self._options.max_watchers}"
            )
        end_count = self._clients.open_watch(caller)
        self._events.add(event)
        self._open.value = len(self._events)
        end_listening = self._catalog.listen(service, event.set)

        def close() -> None:
            end_listening()
            end_count()
            self._events.discard(event)
            self._open.value = len(self._events)

        return close


def _set_all(events: tuple[Event, ...]) -> None:
    for event in events:
        event.set()
