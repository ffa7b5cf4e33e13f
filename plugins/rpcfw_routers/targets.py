"""
Which instances a rule means: ``version=2.* & tag.lane!=gray``.

The fields of an instance are ``version``, ``group``, ``zone``, ``id``, ``address``, ``host``,
``port``, ``protocol`` and ``tag.NAME``. How values are written stands in
`rpcfw.values.patterns`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rpcfw.spi.balancer import Candidate
from rpcfw.values.instance import Instance
from rpcfw.values.patterns import Condition, is_one_of, read_conditions

__all__ = ["Target", "addresses_of", "read_target"]

#: Returns the values of a field; an instance may have several, or none.
Read = Callable[[Instance], Sequence[str]]


def addresses_of(instance: Instance) -> Sequence[str]:
    """
    Return the address of an instance in all its forms: with and without its scheme.
    """
    text = str(instance.address)
    return text, text.partition(":")[2]


def _hosts(instance: Instance) -> Sequence[str]:
    address = instance.address
    return tuple(filter(None, (address.host, address.at)))


_FIELDS: dict[str, Read] = {
    "version": lambda instance: (instance.version,),
    "group": lambda instance: (instance.group,),
    "zone": lambda instance: (instance.zone,),
    "id": lambda instance: (instance.id,),
    "address": addresses_of,
    "host": _hosts,
    "port": lambda instance: (str(instance.address.port),),
    "protocol": lambda instance: instance.protocols,
}


class Target:
    """
    A selection of instances: those that meet all conditions.
    """

    def __init__(self, text: str, conditions: Sequence[tuple[Read, Condition]]) -> None:
        self.text = text
        self._conditions = conditions

    def __contains__(self, candidate: Candidate) -> bool:
        instance = candidate.instance
        return all(condition.holds(read(instance)) for read, condition in self._conditions)

    def of(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """
        Return those candidates that are meant, in the same order.
        """
        return [one for one in candidates if one in self]


def read_target(text: str, variables: Mapping[str, str] | None = None) -> Target:
    """
    Read conditions on instances.

    Args:
        variables: values that the text may name, as ``$host``.

    Raises:
        ValueError: with the reason, and the nearest known name of a field.
    """
    return Target(
        text.strip(),
        [(_reader(each.field), each) for each in read_conditions(text, variables or {})],
    )


def _reader(field: str) -> Read:
    if field.startswith("tag."):
        tag = field[len("tag.") :]
        return lambda instance: (instance.tags.get(tag, ""),)
    is_one_of("field of an instance", field, (*_FIELDS, "tag.NAME"))
    return _FIELDS[field]
