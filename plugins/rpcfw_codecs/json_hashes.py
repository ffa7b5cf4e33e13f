"""
Finds types in which a peer can choose values of equal hashes.

Python makes hashes of str, bytes, date and datetime unforeseeable for each process. Those
of numbers are not: all multiples of 2^61-1 have the same. A UUID is hashed as a number.
A datetime or time with a zone is hashed as days, seconds and microseconds: foreseeable,
but these are so few that hardly any two have the same hash.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from rpcfw_codecs.json_nodes import bare

__all__ = ["has_chosen_hashes"]

#: What is hashed with a secret of the process, or has few values of equal hashes.
_SAFE = (
    inspect.StrType,
    inspect.BytesType,
    inspect.DateType,
    inspect.DateTimeType,
    inspect.TimeType,
    inspect.EnumType,
    inspect.LiteralType,
    inspect.BoolType,
    inspect.NoneType,
    # Some tens of floats share a hash, not more.
    inspect.FloatType,
)


def has_chosen_hashes(type: Any) -> bool:
    """
    Tell whether a type has a set, or a dict, whose hashes a peer can choose.
    """
    return any(map(_chosen, _nodes(inspect.type_info(type))))


def _chosen(node: inspect.Type) -> bool:
    if isinstance(node, inspect.DictType):
        # The keys of a dict without annotations are strings.
        return not isinstance(bare(node.key_type), (*_SAFE, inspect.AnyType))
    if isinstance(node, (inspect.SetType, inspect.FrozenSetType)):
        return not isinstance(bare(node.item_type), _SAFE)
    return False


def _nodes(root: inspect.Type) -> Iterator[inspect.Type]:
    """
    Yield a type and all that is in it; each once, for a type may hold itself.
    """
    waiting, seen = [root], {id(root)}
    while waiting:
        node = bare(waiting.pop())
        yield node
        inner = [
            getattr(node, name)
            for name in ("item_type", "key_type", "value_type")
            if hasattr(node, name)
        ]
        inner += [*getattr(node, "types", ()), *getattr(node, "item_types", ())]
        inner += [field.type for field in getattr(node, "fields", ())]
        for one in inner:
            if id(one) not in seen:
                seen.add(id(one))
                waiting.append(one)
