"""
Calls for the group and version of the instance that they go to.

Some protocols have group and version of the called service in each request, and their servers
refuse others. A registry lists several of them under one name, so only the chosen instance
tells.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from rpcfw.cluster.node import Node
from rpcfw.spi.deadline_keeping import keep_deadline
from rpcfw.spi.filter import CallStep
from rpcfw.values.call import Call
from rpcfw.values.metadata import Metadata, Pairs

__all__ = ["of_instance"]


def of_instance(node: Node, facts: tuple[str, ...], proceed: CallStep) -> CallStep:
    """
    Return a step that adds facts of the node's instance to the metadata of a call.

    What the caller gave under these names stays.

    Args:
        facts: some of ``group`` and ``version``.
    """

    async def step(call: Call) -> Any:
        instance = node.instance
        given = call.metadata
        added = _metadata(tuple((name, getattr(instance, name)) for name in facts))
        if given.pairs:
            added = Metadata(tuple(pair for pair in added.pairs if given.get(pair[0]) is None))
        if not added.pairs:
            return await proceed(call)
        call.metadata = given.plus(added)
        try:
            return await proceed(call)
        finally:
            call.metadata = given  # the next attempt may go to another version

    return keep_deadline(step)


@lru_cache(maxsize=1024)
def _metadata(pairs: Pairs) -> Metadata:
    """
    Return them as metadata, without what is empty or not printable ASCII.
    """
    return Metadata(tuple((name, text) for name, text in pairs if _is_sent(text)))


def _is_sent(text: str | bytes) -> bool:
    return isinstance(text, str) and text != "" and text.isascii() and text.isprintable()
