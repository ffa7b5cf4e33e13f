"""
A registry that a bridge keeps copies in.
"""

from __future__ import annotations

from rpcfw.errors import RegistryError
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.instance import Instance, check_instance

__all__ = ["Target"]

_Key = tuple[str, str]


class Target:
    """
    Writes copies, and counts them.

    Args:
        registry: where.
        max_instances: maximum number of copies.
        meter: makes its metrics.
        side: which of the two registries it is, for the metrics.
        log: for what the registry refuses.
    """

    def __init__(
        self, registry: Registry, max_instances: int, meter: Meter, side: str, log: LimitedLog
    ) -> None:
        self.registry = registry
        self._max_instances = max_instances
        self._log = log
        self._copies: dict[_Key, Instance] = {}
        self._visible: set[_Key] = set()
        self._gauge = meter.gauge(
            "rpcfw_bridge_instances", "instances that the bridge mirrors in a registry", "registry"
        ).of(side)
        self._writes = meter.counter(
            "rpcfw_bridge_writes_total", "announcements and withdrawals of a bridge", "registry"
        ).of(side)
        self._refused = meter.counter(
            "rpcfw_bridge_refused_total", "announcements that a registry refused", "registry"
        ).of(side)

    @property
    def count(self) -> int:
        """
        How many copies are kept here.
        """
        return len(self._copies)

    @property
    def visible(self) -> int:
        """
        How many of them the registry has taken.
        """
        return len(self._visible)

    @property
    def full(self) -> bool:
        """
        Whether no more copies are taken.
        """
        return len(self._copies) >= self._max_instances

    def put(self, copy: Instance) -> bool:
        """
        Keep a copy; return whether it is within the limit.
        """
        key = copy.service, copy.id
        if key not in self._copies and self.full:
            self._log.warn_of(
                "max_instances",
                "not all instances are mirrored in {registry}: there are more than "
                "--max-instances {max}; give more, or name services with --service",
                registry=str(self.registry),
                max=self._max_instances,
            )
            return False
        self._copies[key] = copy
        self._gauge.value = len(self._copies)
        in_background(self._announce(key, copy), "mirroring an instance")
        return True

    def remove(self, copy: Instance) -> None:
        """
        Keep a copy no longer.
        """
        key = copy.service, copy.id
        self._copies.pop(key, None)
        self._visible.discard(key)
        self._gauge.value = len(self._copies)
        self._writes.value += 1
        in_background(self._withdraw(copy), "withdrawing a mirrored instance")

    async def _announce(self, key: _Key, copy: Instance) -> None:
        self._writes.value += 1
        try:
            # The id and the tags of a copy are longer than those of the instance.
            check_instance(copy)
            await self.registry.announce(copy)
        except (RegistryError, ValueError) as error:
            self._refused.value += 1
            self._log.warn_of(
                "refused",
                "{id} of {service} is not mirrored in {registry}: {error}",
                id=copy.id,
                service=copy.service,
                registry=str(self.registry),
                error=error,
            )
        else:
            # A registry that stops, too, lets those who wait continue.
            if self._copies.get(key) is copy:
                self._visible.add(key)

    async def _withdraw(self, copy: Instance) -> None:
        try:
            await self.registry.withdraw(copy)
        except RegistryError as error:
            self._log.warn_of(
                "not withdrawn",
                "{id} of {service} is not withdrawn from {registry}: {error}",
                id=copy.id,
                service=copy.service,
                registry=str(self.registry),
                error=error,
            )
