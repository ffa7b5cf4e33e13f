"""
A bridge: mirrors the instances of one registry in another, both ways.

Theory of operation. For each service the bridge watches the lists of both registries. What one
lists and the other does not is announced there as a copy (see `rpcfw.cluster.bridging.copies`).
All changes in a short time are worked off at once: so an instance that comes and goes, and the
lists that the bridge's own copies cause, cost a bounded number of rounds. Several bridges do
not know of each other. They see the copies of the others in the lists, and divide the weight.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Final

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rpcfw.cluster.bridging.bridged_service import BridgedService
from rpcfw.cluster.bridging.options import BridgeOptions
from rpcfw.cluster.bridging.target import Target
from rpcfw.errors import RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import OnRefused, Registry
from rpcfw.spi.runtime.background import loop_in_background
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.instance import in_id
from rpcfw.values.probe_report import PROBER_SERVICE

__all__ = ["Bridge", "BridgeStatus", "Mirrored"]

#: Changes within this time are worked off at once.
_ROUND_S: Final = 0.02
#: The reports of probers name nodes by the ids of one registry.
_NOT_MIRRORED: Final = frozenset({PROBER_SERVICE})

_log = Logger()


@frozen
class Mirrored:
    """
    What a bridge keeps in one registry.

    Args:
        registry: which.
        instances: that shall be there as copies.
        visible: those of them that the registry has taken.
        trouble: why the registry is unreachable; empty: no problem is known.
    """

    registry: str
    instances: int
    visible: int
    trouble: str


@frozen
class BridgeStatus:
    """
    What a bridge does.

    Args:
        services: that are mirrored.
        known: those of them that both registries have listed.
        complete: all instances are mirrored. If not, a limit was reached; see the log.
        registries: the two.
    """

    services: int
    known: int
    complete: bool
    registries: tuple[Mirrored, Mirrored]


class Bridge:
    """
    One bridge.

    Args:
        first: a registry.
        second: another one.
        options: see `BridgeOptions`.
        host: the name of this host, for the name of the bridge.
        plugin_context: has clock, randomness and metrics.
    """

    def __init__(
        self,
        first: Registry,
        second: Registry,
        options: BridgeOptions,
        host: str,
        plugin_context: PluginContext,
    ) -> None:
        self._options = options
        self._clock = plugin_context.clock
        self._log = LimitedLog(_log, self._clock.seconds)
        #: Differs for each process: what a killed one has left is that of another bridge.
        self.name = f"{in_id(host)}-{plugin_context.random.randrange(1 << 32):08x}"
        meter, most = plugin_context.meter, options.max_instances
        self._sides = (
            Target(first, most, meter, "first", self._log),
            Target(second, most, meter, "second", self._log),
        )
        self._targets = self._sides[1:] if options.one_way else self._sides
        self._services: dict[str, BridgedService] = {}
        #: The services that each registry lists.
        self._names: dict[Target, frozenset[str]] = {}
        self._due: set[str] = set()
        self._round: DelayedCall | None = None
        self._loops: list[Deferred[None]] = []

    def start(self) -> None:
        """
        Begin to mirror.
        """
        if self._options.services:
            self._open(self._options.services)
            return
        self._loops = [
            loop_in_background(partial(self._follow, side), "the list of services", self._clock)
            for side in self._sides
        ]

    def stop(self) -> None:
        """
        Mirror no more. The registries withdraw the copies when they stop.
        """
        loops, self._loops = self._loops, []
        for loop in loops:
            loop.cancel()
        if self._round is not None:
            self._round.cancel()
            self._round = None
        for service in self._services.values():
            service.close()

    def status(self) -> BridgeStatus:
        """
        Return what is mirrored now.
        """
        services = self._services.values()
        first, second = (
            Mirrored(str(side.registry), side.count, side.visible, side.registry.trouble)
            for side in self._sides
        )
        return BridgeStatus(
            len(services),
            sum(each.known for each in services),
            not any(each.incomplete for each in services),
            (first, second),
        )

    # Which services there are.

    async def _follow(self, side: Target) -> None:
        while True:
            try:
                names = await side.registry.services()
            except RegistryError as error:
                self._refused("the list of services", side)(str(error))
            else:
                self._names[side] = frozenset(names) - _NOT_MIRRORED
                self._forget()
                self._open(self._names[side])
            await sleep(self._clock, self._options.interval_s)

    def _open(self, names: Collection[str]) -> None:
        for name in sorted({*names} - self._services.keys()):
            if len(self._services) >= self._options.max_services:
                self._log.warn_of(
                    "max_services",
                    "not all services are mirrored: there are more than --max-services {max}; "
                    "give more, or name services with --service",
                    max=self._options.max_services,
                )
                return
            self._services[name] = BridgedService(
                name, self._sides, self._targets, self.name, self._changed, self._refused
            )

    def _forget(self) -> None:
        """
        Forget services that nobody knows any more.

        One with instances stays: a registry that was restarted may know it again soon.
        """
        if len(self._names) < len(self._sides):
            return
        gone = self._services.keys() - frozenset().union(*self._names.values())
        for name in [each for each in gone if self._services[each].empty]:
            self._services.pop(name).close()

    # What they list.

    def _changed(self, name: str) -> None:
        self._due.add(name)
        if self._round is None:
            self._round = self._clock.callLater(_ROUND_S, self._work)

    def _work(self) -> None:
        """
        Write what has changed since the last round.
        """
        self._round = None
        due, self._due = self._due, set()
        for name in due & self._services.keys():
            self._services[name].update()
        for name, service in self._services.items():
            # Another service has left space.
            if any(not target.full for target in service.incomplete):
                self._changed(name)

    def _refused(self, what: str, side: Target) -> OnRefused:
        def refused(reason: str) -> None:
            self._log.warn_of(
                "not watched",
                "{what} cannot be watched: the registry ({registry}) says: {reason}",
                what=what,
                registry=str(side.registry),
                reason=reason,
            )

        return refused
