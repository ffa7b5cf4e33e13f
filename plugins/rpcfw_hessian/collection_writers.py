"""
Writes lists, sets, tuples and dicts of an expected type.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from rpcfw_hessian.encoder import Encoder, Write
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.source import Source
from rpcfw_hessian.writer import Writer, WrittenWriter, unfit, write_reference

__all__ = ["DictWriter", "ListWriter", "tuple_writer"]

#: Beginnings of lists without a class, by their size: those of one byte, and of two.
_HEADS = [bytes((tag,)) for tag in range(0x78, 0x80)]
_HEADS += [bytes((0x58, 0x90 + count)) for count in range(8, 48)]


class ListWriter(WrittenWriter):
    """
    Writes a list, set, tuple or frozenset.

    Args:
        java_class: as lists have it on the wire; empty: Java makes an ArrayList.
    """

    def __init__(self, cls: type[Collection[Any]], item: Writer, java_class: str) -> None:
        super().__init__()
        self._cls = cls
        self._item = item
        self._java_class = java_class
        self.plain_list = cls is list and item.scalar and not java_class

    def inline(self, source: Source, value: str) -> None:
        if not source.plain:
            super().inline(source, value)
            return
        with source.block(f"if type({value}) is not list or (count := len({value})) >= 48:"):
            source.add(source.give_up)
        source.add(f"append({source.bind(_HEADS)}[count])")
        with source.block(f"for item in {value}:"):
            self._item.inline(source, "item")

    def _written(self) -> Write:
        source = Source("def write_items(e, value):", HessianError=HessianError)
        with source.block(f"if not isinstance(value, {source.bind(self._cls)}):"):
            source.add(f"raise {source.bind(unfit)}({self._cls.__name__!r}, value)")
        source.add("append = e.out.append", "count = len(value)")
        with source.block("if count:"):
            write_reference(source, self._java_class)
        with source.block("else:"):
            # There is one empty tuple in Python: of that a reference would say too much.
            source.add("e.number(value)")
        self._write_head(source)
        source.add("index = 0")
        with source.block("try:"), source.block("for index, item in enumerate(value):"):
            self._item.inline(source, "item")
        with source.block("except HessianError as error:"):
            source.add("error.path.append(f'[{index}]')", "raise")
        return source.function(f"writes {self._cls.__name__}")

    def _write_head(self, source: Source) -> None:
        """
        Write source that does what `Encoder.list_head` does.
        """
        head = f"e.list_head({self._java_class!r}, count)"
        if self._java_class:
            source.add(head)
        else:
            with source.block("if count < 48:"):
                source.add(f"append({source.bind(_HEADS)}[count])")
            with source.block("else:"):
                source.add(head)


def tuple_writer(items: Sequence[Writer]) -> Writer:
    """
    Return what writes a tuple with a type for each place.
    """

    def write(e: Encoder, value: Any) -> None:
        if not isinstance(value, tuple) or len(value) != len(items):
            raise unfit(f"a tuple of {len(items)}", value)
        e.number(value)
        e.list_head("", len(value))
        for item, each in zip(items, value, strict=True):
            item.write(e, each)

    return Writer(write)


class DictWriter(WrittenWriter):
    """
    Writes a dict.

    Args:
        java_class: empty: Java makes a HashMap.
    """

    def __init__(self, key: Writer, value: Writer, java_class: str) -> None:
        super().__init__()
        self._key = key
        self._value = value
        self._java_class = java_class

    def _written(self) -> Write:
        source = Source("def write_entries(e, value):", HessianError=HessianError)
        with source.block("if not isinstance(value, dict):"):
            source.add(f"raise {source.bind(unfit)}('dict', value)")
        write_reference(source, self._java_class)
        source.add(f"e.map_head({self._java_class!r})", "append = e.out.append")
        with source.block("try:"), source.block("for name, item in value.items():"):
            self._key.inline(source, "name")
            self._value.inline(source, "item")
        with source.block("except HessianError as error:"):
            source.add("error.path.append(f'[{name!r}]')", "raise")
        source.add("append(b'Z')")
        return source.function("writes dict")
