"""
Reads lists, sets, tuples and maps of an expected type.

Java converts any list into an array or a set, whatever its class; so does this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rpcfw_hessian import tags
from rpcfw_hessian.decoder import INCOMPLETE, Decoder
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.shape import Shape, write_begin
from rpcfw_hessian.shapes import mismatch
from rpcfw_hessian.source import Source
from rpcfw_hessian.untyped import list_head, read_any

__all__ = ["DictShape", "ListShape", "TupleShape"]


class ListShape(Shape):
    """
    A list, array or set of equal items, read into a list, set, frozenset or tuple.
    """

    tags = tags.LIST

    def __init__(self, cls: type, item: Shape) -> None:
        self.name = f"{cls.__qualname__}[{item.name}]"
        self._cls = cls
        self._item = item
        #: Reads so many items. Made at the first use: an item's class may not be complete yet.
        self._fill: Callable[[Decoder, int], Any] | None = None

    def read(self, d: Decoder) -> Any:
        tag = d.data[d.pos]
        if tag not in tags.LIST:
            if tag == tags.REF:
                d.pos += 1
                return d.accept_shared(self)
            raise mismatch(self.name, read_any(d))
        d.pos += 1
        count = tag - 0x78 if tag >= 0x78 else list_head(d, tag)[1]
        return self._ready()(d, count) if count >= 0 else self._read_endless(d)

    @property
    def plain(self) -> bool:
        return self._cls is list and self._item.scalar

    def inline(self, source: Source, target: str) -> None:
        if source.plain:
            self._inline_plain(source, target)
            return
        # The usual list: short, and without the name of a class.
        source.add("count = data[pos] - 0x78")
        with source.block("if 0 <= count < 8:"):
            fill = source.bind(self._ready())
            source.add("d.pos = pos + 1", f"{target} = {fill}(d, count)", "pos = d.pos")
        with source.block("else:"):
            super().inline(source, target)

    def _inline_plain(self, source: Source, target: str) -> None:
        """
        Write source that reads a list of up to 47 items without a decoder.
        """
        source.add("tag = data[pos]", "pos += 1")
        with source.block("if 0x78 <= tag < 0x80:"):
            source.add("count = tag - 0x78")
        with source.block("elif tag == 0x58 and 0x90 <= data[pos] < 0xC0:"):
            source.add("count = data[pos] - 0x90", "pos += 1")
        with source.block("else:"):
            source.add(source.give_up)
        self._item.inline_items(source, target)

    def _ready(self) -> Callable[[Decoder, int], Any]:
        fill = self._fill
        if fill is None:
            fill = self._fill = self._filling()
        return fill

    def _filling(self) -> Callable[[Decoder, int], Any]:
        """
        Write the function that reads so many items.
        """
        source = Source("def read_items(d, count):", HessianError=HessianError)
        source.add("items = []")
        write_begin(source, "items" if self._cls is list else source.bind(INCOMPLETE))
        source.add("data = d.data", "pos = d.pos", "append = items.append")
        with source.block("try:"), source.block("for _ in range(count):"):
            self._item.inline(source, "item")
            source.add("append(item)")
        with source.block("except HessianError as error:"):
            source.add("error.path.append(f'[{len(items)}]')", "raise")
        source.add("d.pos = pos", "d.depth -= 1")
        if self._cls is list:
            source.add("return items")
        else:
            source.add(f"return {source.bind(self._made)}(d, index, items)")
        return source.function(self.name)

    def _read_endless(self, d: Decoder) -> Any:
        """
        Read a list without a size. Nobody writes one for a Java collection.
        """
        items: list[Any] = []
        index = len(d.refs)
        d.begin(items if self._cls is list else INCOMPLETE)
        while not d.ends():
            items.append(self._item.read(d))
        d.depth -= 1
        return items if self._cls is list else self._made(d, index, items)

    def _made(self, d: Decoder, index: int, items: list[Any]) -> Any:
        """
        Return the set, frozenset or tuple of these items.
        """
        if self._cls is not tuple:
            for number, each in enumerate(items):
                if type(each) is not str:
                    d.check_key(each, number)
        d.refs[index] = made = self._cls(items)
        return made

    def fits(self, value: Any, d: Decoder) -> bool:
        if type(value) is not self._cls:
            return False
        d.unchecked.append((value, self))
        return True

    def inner(self, value: Any) -> Iterable[tuple[Shape, Any]]:
        return ((self._item, item) for item in value)


class TupleShape(Shape):
    """
    A list with a type for each place.
    """

    tags = tags.LIST

    def __init__(self, items: Sequence[Shape]) -> None:
        self.name = f"tuple[{', '.join(item.name for item in items)}]"
        self._items = tuple(items)

    def read(self, d: Decoder) -> Any:
        tag = d.data[d.pos]
        if tag == tags.REF:
            d.pos += 1
            return d.accept_shared(self)
        if tag not in tags.LIST:
            raise mismatch(self.name, read_any(d))
        d.pos += 1
        count = list_head(d, tag)[1]
        if count != len(self._items):
            raise HessianError(f"expected {self.name}, got a list of another size")
        index = len(d.refs)
        d.begin(INCOMPLETE)
        d.refs[index] = made = tuple([item.read(d) for item in self._items])
        d.depth -= 1
        return made

    def fits(self, value: Any, d: Decoder) -> bool:
        if type(value) is not tuple or len(value) != len(self._items):
            return False
        d.unchecked.append((value, self))
        return True

    def inner(self, value: Any) -> Iterable[tuple[Shape, Any]]:
        return zip(self._items, value, strict=True)


class DictShape(Shape):
    """
    A map.
    """

    tags = tags.MAP

    def __init__(self, key: Shape, value: Shape) -> None:
        self.name = f"dict[{key.name}, {value.name}]"
        self._key = key
        self._value = value
        #: Reads entries. Made at the first use, as for a list.
        self._fill: Callable[[Decoder], Any] | None = None

    def read(self, d: Decoder) -> Any:
        tag = d.data[d.pos]
        if tag == tags.REF:
            d.pos += 1
            return d.accept_shared(self)
        if tag not in tags.MAP:
            raise mismatch(self.name, read_any(d))
        d.pos += 1
        if tag == 0x4D:
            d.type()
        fill = self._fill
        if fill is None:
            fill = self._fill = self._filling()
        made = fill(d)
        d.check_size(len(made))
        return made

    def _filling(self) -> Callable[[Decoder], Any]:
        """
        Write the function that reads entries up to the end of a map.
        """
        source = Source("def read_entries(d):", HessianError=HessianError)
        source.add("made = {}")
        write_begin(source, "made")
        source.add("data = d.data", "pos = d.pos")
        with source.block("try:"), source.block("while data[pos] != 0x5A:"):
            self._key.inline(source, "key")
            with source.block("if type(key) is not str:"):
                source.add("d.check_key(key, len(made))")
            self._value.inline(source, "item")
            source.add("made[key] = item")
        with source.block("except HessianError as error:"):
            source.add("error.path.append('[…]')", "raise")
        source.add("d.pos = pos + 1", "d.depth -= 1", "return made")
        return source.function(self.name)

    def fits(self, value: Any, d: Decoder) -> bool:
        if type(value) is not dict:
            return False
        d.unchecked.append((value, self))
        return True

    def inner(self, value: Any) -> Iterable[tuple[Shape, Any]]:
        for key, each in value.items():
            yield self._key, key
            yield self._value, each
