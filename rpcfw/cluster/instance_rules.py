"""
Rules of instances: another weight than the one that was announced, or no calls at all.

A rule names one instance, by its id or its address, or all that have something in common, as
``version=2.0``, ``zone=north`` or ``tag.disk=slow``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from attrs import evolve

from rpcfw.kernel.nearest import suggestion
from rpcfw.spi.options import option, options
from rpcfw.values.instance import MAX_WEIGHT, Instance

__all__ = ["InstanceRule", "RuledInstances", "name_problem", "shared_names"]


#: What instances may have in common, and what begins the name of a tag.
_COMMON = ("version", "zone", "group")
_TAG = "tag."

#: How a name begins that is for several instances. No id has ``=``, and an address has a colon.
_PREFIX = re.compile(r"([\w.-]+)=")


def shared_names(instance: Instance) -> list[str]:
    """
    Return the names by which rules mean an instance, and others like it.
    """
    names = [f"{key}={getattr(instance, key)}" for key in _COMMON]
    return [*names, *(f"{_TAG}{key}={value}" for key, value in instance.tags.items())]


def name_problem(name: str, options: Collection[str]) -> str:
    """
    Return why a rule can mean no instance by this name, or not with these options.
    """
    match = _PREFIX.match(name)
    if match is None:
        return ""
    if match[1] in _COMMON or match[1].startswith(_TAG):
        reason = "offline is for one instance: name its id or its address"
        return reason if "offline" in options else ""
    known = suggestion(match[1], (*_COMMON, f"{_TAG}NAME"))
    return f"no rule can be for all instances with the same {match[1]!r}; {known}"


@options
class InstanceRule:
    """
    What is decided of one instance, or of all that have something in common.
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
        #: Whether some are for several instances.
        self._has_common = False
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
        Follow other rules, by what they call the instances.
        """
        self._rules, self._place = rules, place
        self._has_common = any(map(_PREFIX.match, rules))
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
        return self._named((instance.id, str(instance.address)))

    def _of_several(self, instance: Instance) -> list[InstanceRule]:
        return self._named(shared_names(instance)) if self._has_common else []

    def _named(self, names: Iterable[str]) -> list[InstanceRule]:
        return [self._rules[name] for name in names if name in self._rules]

    def _is_disabled(self, instance: Instance) -> bool:
        rules = (*self._of(instance), *self._of_several(instance))
        return not all(rule.enabled for rule in rules)

    def _ruled(self, instance: Instance) -> Instance:
        weights = [rule.weight for rule in self._of(instance) if rule.weight is not None]
        common = [each.weight for each in self._of_several(instance) if each.weight is not None]
        weight = (*weights, min(common, default=instance.weight))[0]
        return instance if weight == instance.weight else evolve(instance, weight=weight)
