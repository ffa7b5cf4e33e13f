"""
What reads values of one expected type.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from rpcfw_hessian.decoder import Decoder, Expected
from rpcfw_hessian.source import Source

__all__ = ["Shape", "write_begin"]


class Shape(ABC):
    """
    Reads values of one expected type. Made once for a type, by `rpcfw_hessian.schema.Schema`.
    """

    #: What is expected, for errors.
    name: str
    #: First bytes of what it can read. References are tried too.
    tags: frozenset[int]
    #: Whether `inline` reads the usual values without a decoder: numbers, strings, booleans.
    scalar = False

    @property
    def plain(self) -> bool:
        """
        Whether the same is true, or this is a list of scalars.
        """
        return self.scalar

    @abstractmethod
    def read(self, d: Decoder) -> Any:
        """
        Read a value.
        """

    def inline(self, source: Source, target: str) -> None:
        """
        Write source that reads a value at ``pos`` of ``data`` into the variable ``target``.
        """
        if source.plain:
            source.add(source.give_up)
            return
        source.add("d.pos = pos", f"{target} = {source.bind(self.read)}(d)", "pos = d.pos")

    def inline_items(self, source: Source, target: str) -> None:
        """
        Write source that reads ``count`` values, which are scalars, into the list ``target``.
        """
        source.add(f"{target} = []")
        with source.block("for _ in range(count):"):
            self.inline(source, "item")
            source.add(f"{target}.append(item)")

    @abstractmethod
    def fits(self, value: Any, d: Decoder) -> bool:
        """
        Whether a value that was read elsewhere in the message may stand here too.

        A container notes itself in ``d.unchecked``, with its items still to be checked.
        """

    def inner(self, value: Any) -> Iterable[tuple[Expected, Any]]:
        """
        Return the items of a container that fits, each with what is expected of it.
        """
        return ()


def write_begin(source: Source, value: str) -> None:
    """
    Write source that does what `Decoder.begin` does, and sets ``index``.
    """
    source.add("refs = d.refs", "index = len(refs)")
    with source.block("if index >= d.max_objects or d.depth >= d.max_depth:"):
        source.add("d.refuse()")
    source.add(f"refs.append({value})", "d.depth += 1")
