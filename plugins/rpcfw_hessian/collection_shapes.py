"""
Reads lists, sets, tuples and maps of an expected type.

Java converts any list into an array or a set, whatever its class; so does this.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rpcfw_hessian import tags
from rpcfw_hessian.decoder import INCOMPLETE, Decoder, Shape
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.shapes import mismatch
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
        #: What items are added to. A tuple or frozenset is made of it in the end.
        self._building: Callable[[], Any] = cls if cls in (list, set) else list

    def read(self, d: Decoder) -> Any:
        tag = d.data[d.pos]
        d.pos += 1
        if tag not in tags.LIST:
            if tag == tags.REF:
                return d.accept_shared(self)
            d.pos -= 1
            raise mismatch(self.name, read_any(d))
        count = list_head(d, tag)[1]
        index = len(d.refs)
        made = self._building()
        d.begin(made if self._cls in (list, set) else INCOMPLETE)
        try:
            self._fill(d, made, count)
        except HessianError as error:
            error.path.append(f"[{len(made)}]")
            raise
        d.depth -= 1
        if self._cls is list or self._cls is set:
            return made
        if self._cls is frozenset:
            for each in made:
                d.check_key(each)
        d.refs[index] = made = self._cls(made)
        return made

    def _fill(self, d: Decoder, made: Any, count: int) -> None:
        read = self._item.read
        if self._cls is set:
            while count > 0 or (count < 0 and not d.ends()):
                item = read(d)
                if type(item) is not str:
                    d.check_key(item)
                made.add(item)
                count -= 1
        elif count < 0:
            while not d.ends():
                made.append(read(d))
        else:
            append = made.append
            for _ in range(count):
                append(read(d))

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
        made: dict[Any, Any] = {}
        d.begin(made)
        read_key, read_value = self._key.read, self._value.read
        while not d.ends():
            key = read_key(d)
            if type(key) is not str:
                d.check_key(key)
            try:
                made[key] = read_value(d)
            except HessianError as error:
                error.path.append("[…]")
                raise
        d.depth -= 1
        return made

    def fits(self, value: Any, d: Decoder) -> bool:
        if type(value) is not dict:
            return False
        d.unchecked.append((value, self))
        return True

    def inner(self, value: Any) -> Iterable[tuple[Shape, Any]]:
        for key, each in value.items():
            yield self._key, key
            yield self._value, each
