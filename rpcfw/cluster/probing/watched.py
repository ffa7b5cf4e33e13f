"""
The services that a prober watches: those that are named, or all in the registry.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from itertools import islice

from twisted.internet.defer import Deferred

from rpcfw.errors import RegistryError
from rpcfw.spi.registry import Registry, Watch
from rpcfw.spi.runtime.background import loop_in_background
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.instance import Instance, Snapshot
from rpcfw.values.probe_report import ALL_SERVICES, PROBER_SERVICE

__all__ = ["WatchedServices"]

#: So many services are watched.
_MAX_SERVICES = 10_000
#: A registry that could not be asked, as it was not reached yet, is asked again so soon.
_RETRY_S = 1.0


class WatchedServices:
    """
    Watches services, and follows which there are.

    Args:
        registry: where they are.
        names: of the services, or `ALL_SERVICES`.
        interval_s: how often it is asked which there are.
        clock: time.
        log: for what the registry refuses.
        changed: called with a service and its instances.
    """

    def __init__(
        self,
        registry: Registry,
        names: tuple[str, ...],
        interval_s: float,
        clock: Clock,
        log: LimitedLog,
        changed: Callable[[str, Iterable[Instance]], None],
    ) -> None:
        self._registry = registry
        self._names = names
        self._interval_s = interval_s
        self._clock = clock
        self._log = log
        self._changed = changed
        self._watches: dict[str, Watch] = {}
        self._loop: Deferred[None] | None = None

    def start(self) -> None:
        """
        Begin to watch.
        """
        if ALL_SERVICES in self._names:
            self._loop = loop_in_background(self._follow, "the list of services", self._clock)
        else:
            self._watch(self._names)

    def stop(self) -> None:
        """
        Watch nothing any more.
        """
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.cancel()
        watches, self._watches = self._watches, {}
        for watch in watches.values():
            watch.close()

    async def _follow(self) -> None:
        while True:
            try:
                names = await self._registry.services()
            except RegistryError as error:
                self._refused("the list of services", str(error))
                await sleep(self._clock, min(_RETRY_S, self._interval_s))
            else:
                self._watch(islice(names, _MAX_SERVICES))
                if len(names) > _MAX_SERVICES:
                    self._refused("some services", f"there are more than {_MAX_SERVICES}")
                await sleep(self._clock, self._interval_s)

    def _watch(self, names: Iterable[str]) -> None:
        """
        Watch these services, and no others.
        """
        wanted = {*names} - {PROBER_SERVICE}
        for name in self._watches.keys() - wanted:
            self._watches.pop(name).close()
            self._changed(name, ())
        for name in sorted(wanted - self._watches.keys()):
            refused = partial(self._refused, name)
            self._watches[name] = self._registry.watch(name, self._listen, refused)

    def _listen(self, snapshot: Snapshot) -> None:
        self._changed(snapshot.service, snapshot.instances)

    def _refused(self, what: str, reason: str) -> None:
        self._log.warn_of(
            "not watched",
            "{what} cannot be watched: the registry ({registry}) says: {reason}",
            what=what,
            registry=str(self._registry),
            reason=reason,
        )
