"""
The fleet as its registry lists it, kept up to date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from attrs import frozen
from twisted.logger import Logger

from rpcfw.cluster.health.prober_reports import ProberReports
from rpcfw.cluster.probing.watched import WatchedServices
from rpcfw.spi.registry import Registry, Watch
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.instance import Instance, Snapshot
from rpcfw.values.probe_report import ALL_SERVICES, PROBER_SERVICE

__all__ = ["APPLICATION_TAG", "Fleet", "FleetService", "application_of"]

_log = Logger()

#: The tag in which a provider may say its application, where the registry knows none.
APPLICATION_TAG = "application"

_NONE: tuple[Instance, ...] = ()


@frozen
class FleetService:
    """
    One service with its instances, ordered by their addresses.
    """

    name: str
    instances: tuple[Instance, ...]


def application_of(instance: Instance) -> str:
    """
    Return the name of the application that an instance belongs to; empty if nobody says.
    """
    return instance.application or instance.tags.get(APPLICATION_TAG, "")


class Fleet:
    """
    All services.

    Args:
        registry: where they are; None: there is none, and so are no services.
        interval_s: how often it is asked which services there are.
        changed: called after each change.
    """

    def __init__(
        self,
        registry: Registry | None,
        interval_s: float,
        max_services: int,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        self.registry = registry
        self._changed = changed
        self._max_services = max_services
        self._instances: dict[str, tuple[Instance, ...]] = {}
        self._ordered: list[str] | None = None
        #: What probers say of nodes.
        self.reports = ProberReports()
        self._probers: Watch | None = None
        self._watched: WatchedServices | None = None
        if registry is not None:
            log = LimitedLog(_log, clock.seconds)
            names = (ALL_SERVICES,)
            self._watched = WatchedServices(registry, names, interval_s, clock, log, self._listed)

    def start(self) -> None:
        """
        Begin to watch.
        """
        if self._watched is not None and self.registry is not None:
            self._watched.start()
            self._probers = self.registry.watch(PROBER_SERVICE, self._reported)

    def stop(self) -> None:
        """
        Watch nothing any longer.
        """
        if self._watched is not None:
            self._watched.stop()
        if self._probers is not None:
            self._probers.close()

    @property
    def names(self) -> Sequence[str]:
        """
        The services in their order.
        """
        if self._ordered is None:
            self._ordered = sorted(self._instances)
        return self._ordered

    @property
    def trouble(self) -> str:
        """
        Why the lists may be old, in words for a person.
        """
        return "" if self.registry is None else self.registry.trouble

    def instances(self, service: str) -> tuple[Instance, ...]:
        """
        Return the instances of a service; none if it is unknown.
        """
        return self._instances.get(service, _NONE)

    def services(self) -> Iterable[FleetService]:
        """
        Yield all services in their order.
        """
        for name in self.names:
            yield FleetService(name, self.instances(name))  # it may be forgotten meanwhile

    def instance(self, service: str, id: str) -> Instance | None:
        """
        Return one instance.
        """
        return next((one for one in self.instances(service) if one.id == id), None)

    def applications(self) -> Mapping[str, list[Instance]]:
        """
        Return the instances by their applications, ordered by name.
        """
        found: dict[str, list[Instance]] = {}
        for instances in self._instances.values():
            for one in instances:
                name = application_of(one)
                if name:
                    found.setdefault(name, []).append(one)
        return dict(sorted(found.items()))

    def _listed(self, service: str, instances: Iterable[Instance]) -> None:
        if service not in self._instances:
            if len(self._instances) >= self._max_services:
                self._forget_empty()
            if len(self._instances) >= self._max_services:
                return
            self._ordered = None
        self._instances[service] = tuple(
            sorted(instances, key=lambda one: (str(one.address), one.id))
        )
        self._changed()

    def _forget_empty(self) -> None:
        """
        Forget the services without instances. One that has ended is shown until there are many.
        """
        self._instances = {name: found for name, found in self._instances.items() if found}
        self._ordered = None

    def _reported(self, snapshot: Snapshot) -> None:
        self.reports = ProberReports(snapshot.instances)
        self._changed()
