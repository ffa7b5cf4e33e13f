"""
Rules of single instances: another weight than the one that was announced, or no calls at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import evolve

from rpcfw.spi.options import option, options
from rpcfw.values.instance import MAX_WEIGHT, Instance

__all__ = ["InstanceRule", "RuledInstances"]


@options
class InstanceRule:
    """
    What is decided of one instance.
    """

    weight: int | None = option("", "weight of the instance; empty: the one that it announces")
    enabled: bool = option("yes", "no: the instance gets no new calls")
    offline: bool = option(
        "no", "yes: its provider leaves the registry, and serves who knows its address"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find a weight that no instance can have.
        """
        if self.weight is not None and not 0 <= self.weight <= MAX_WEIGHT:
            yield "weight", f"must be between 0 and {MAX_WEIGHT}, not {self.weight}"


class RuledInstances:
    """
    Passes the instances of a service on as the rules have them.

    Args:
        update: gets the instances that may be called.
    """

    def __init__(self, update: Callable[[Sequence[Instance]], None]) -> None:
        self._update = update
        self._known: Sequence[Instance] | None = None
        self._rules: Mapping[str, InstanceRule] = {}
        #: Where the rules are, for people.
        self._place = ""

    @property
    def disabled(self) -> list[str]:
        """
        The ids of the known instances that get no calls.
        """
        return [one.id for one in self._known or () if self._is_disabled(one)]

    @property
    def offline(self) -> list[str]:
        """
        The ids and addresses that providers keep out of the registry.
        """
        return [name for name, rule in self._rules.items() if rule.offline]

    @property
    def weighted(self) -> list[str]:
        """
        The ids of the enabled instances with another weight than the one announced.
        """
        enabled = (one for one in self._known or () if not self._is_disabled(one))
        return [one.id for one in enabled if self._ruled(one) is not one]

    @property
    def place(self) -> str:
        """
        Where the rules are, for people.
        """
        return self._place

    @property
    def why_none(self) -> str:
        """
        Why there is no instance though some are known; empty if that is not the reason.
        """
        disabled = self.disabled
        if not disabled or len(disabled) < len(self._known or ()):
            return ""
        return f"all {len(disabled)} that are known are disabled by {self._place}"

    def take(self, instances: Sequence[Instance]) -> None:
        """
        Take the instances as they are announced.
        """
        self._known = instances
        self._publish()

    def follow(self, rules: Mapping[str, InstanceRule], place: str) -> None:
        """
        Follow other rules, by the id or the address of the instance.
        """
        self._rules, self._place = rules, place
        if self._known is not None:
            self._publish()

    def _publish(self) -> None:
        enabled = [one for one in self._known or () if not self._is_disabled(one)]
        self._update(tuple(map(self._ruled, enabled)))

    def _of(self, instance: Instance) -> list[InstanceRule]:
        """
        Return the rules of an instance: that of its id, then that of its address.
        """
        # An id ends with the process; an address outlives a restart of the provider.
        names = instance.id, str(instance.address)
        return [self._rules[name] for name in names if name in self._rules]

    def _is_disabled(self, instance: Instance) -> bool:
        return not all(rule.enabled for rule in self._of(instance))

    def _ruled(self, instance: Instance) -> Instance:
        weights = (rule.weight for rule in self._of(instance) if rule.weight is not None)
        weight = next(weights, instance.weight)
        return instance if weight == instance.weight else evolve(instance, weight=weight)
