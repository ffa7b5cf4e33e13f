"""
What a call that is made while serving another one takes from that: metadata by its name.
"""

from __future__ import annotations

from collections.abc import Iterable

from rpcfw.values.call import Call
from rpcfw.values.metadata import Metadata

__all__ = ["pass_on"]


def pass_on(outer: Call, call: Call, names: Iterable[str]) -> None:
    """
    Give a nested call the metadata of these names that it has none of itself.

    Args:
        outer: the call that is served.
    """
    given = outer.metadata
    pairs = tuple(
        (name, value) for name in names if name not in call.metadata for value in given.all(name)
    )
    if pairs:
        call.metadata = Metadata(call.metadata.pairs + pairs)
