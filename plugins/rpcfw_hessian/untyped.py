"""
Reads values where no type is expected: a table of functions, by the first byte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rpcfw_hessian import tags
from rpcfw_hessian.decoder import Decoder
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.hash_guard import can_hash
from rpcfw_hessian.numbers import INTEGER_BASE, INTEGER_SIZE, datetime_of, read_double, read_integer
from rpcfw_hessian.objects import MapEntries
from rpcfw_hessian.text import read_binary, read_string

__all__ = ["list_head", "read_any"]


def read_any(d: Decoder) -> Any:
    """
    Read a value of which nothing is known.
    """
    tag = d.data[d.pos]
    d.pos += 1
    return _READ[tag](d, tag)


def _read_short_string(d: Decoder, tag: int) -> str:
    """
    Read a string of up to 31 characters, which in most cases are ASCII.
    """
    pos = d.pos
    end = pos + tag
    text = d.data[pos:end]
    if text.isascii() and len(text) == tag:
        d.pos = end
        return text.decode()
    return _read_string(d, tag)


def _read_string(d: Decoder, tag: int) -> str:
    text, d.pos = read_string(d.data, d.pos - 1, d.limits.max_length)
    return text


def _read_binary(d: Decoder, tag: int) -> bytes:
    value, d.pos = read_binary(d.data, d.pos - 1, d.limits.max_length)
    return value


def _read_byte_integer(d: Decoder, tag: int) -> int:
    return INTEGER_BASE[tag]


def _read_integer(d: Decoder, tag: int) -> int:
    pos = d.pos - 1
    d.pos = pos + INTEGER_SIZE[tag]
    return read_integer(d.data, pos)


def _read_double(d: Decoder, tag: int) -> float:
    value, d.pos = read_double(d.data, d.pos - 1)
    return value


def _read_date(d: Decoder, tag: int) -> Any:
    value = datetime_of(d.data, d.pos - 1)
    d.pos += 8 if tag == 0x4A else 4
    return value


def _read_ref(d: Decoder, tag: int) -> Any:
    return d.shared()


def _no_value(d: Decoder, tag: int) -> Any:
    d.pos -= 1
    raise HessianError(f"expected a value at byte {d.pos}, got {tags.kind_of(tag)}")


def list_head(d: Decoder, tag: int) -> tuple[str, int]:
    """
    Return the type of a list, or empty text, and its size; -1 if it ends with ``Z``.
    """
    if tag >= 0x78:
        return "", d.count(tag - 0x78)
    if tag >= 0x70:
        return d.type(), d.count(tag - 0x70)
    java_class = d.type() if tag in b"UV" else ""
    return java_class, d.count(d.integer()) if tag in b"VX" else -1


def _read_list(d: Decoder, tag: int) -> Any:
    """
    Read a list, an array or a set.
    """
    java_class, count = list_head(d, tag)
    items: list[Any] = []
    index = len(d.refs)
    d.begin(items)
    if count >= 0:
        append = items.append
        for _ in range(count):
            append(read_any(d))
    else:
        while not d.ends():
            items.append(read_any(d))
    d.depth -= 1
    if java_class and _is_set(java_class):
        return _as_set(d, index, items)
    return items


def _is_set(java_class: str) -> bool:
    """
    Tell whether a class is a Set by its name, as ``java.util.Collections$UnmodifiableSet``.
    """
    return "Set" in java_class.rpartition(".")[2] and not java_class.startswith("[")


def _as_set(d: Decoder, index: int, items: list[Any]) -> Any:
    """
    Return a set, or the list if Python cannot hash an item.
    """
    for number, each in enumerate(items):
        if type(each) is not str:
            if not can_hash(each):
                return items
            d.check_key(each, number)
    d.refs[index] = made = set(items)
    return made


def _read_map(d: Decoder, tag: int) -> Any:
    """
    Read a map; or an object, if it is written as a map with the name of a known class.
    """
    java_class = d.type() if tag == 0x4D else ""
    read = d.schema.map_reader(java_class) if java_class else None
    if read is not None:
        return read(d)
    index = len(d.refs)
    made: dict[Any, Any] = {}
    d.begin(made)
    entries = _read_entries(d, made)
    d.check_size(len(entries))
    d.depth -= 1
    d.refs[index] = entries
    return entries


def _read_entries(d: Decoder, made: dict[Any, Any]) -> dict[Any, Any] | MapEntries:
    """
    Read keys and values up to the end of a map.
    """
    while not d.ends():
        key = read_any(d)
        if type(key) is not str:
            if not can_hash(key):
                return _read_pairs(d, MapEntries(made.items()), key)
            d.check_key(key, len(made))
        made[key] = read_any(d)
    return made


def _read_pairs(d: Decoder, made: MapEntries, key: Any) -> MapEntries:
    """
    Read the rest of a map, of which one key was read.
    """
    made.append((key, read_any(d)))
    while not d.ends():
        key = read_any(d)
        made.append((key, read_any(d)))
    return made


def _read_object(d: Decoder, tag: int) -> Any:
    d.pos -= 1
    return d.definition().read(d)


def _table() -> list[Callable[[Decoder, int], Any]]:
    """
    Return the function for each first byte.
    """
    table: list[Callable[[Decoder, int], Any]] = [_no_value] * 256
    for kind, function in (
        (tags.INTEGER, _read_integer),
        (tags.DOUBLE, _read_double),
        (tags.DATE, _read_date),
        (tags.STRING, _read_string),
        (tags.BINARY, _read_binary),
        (tags.LIST, _read_list),
        (tags.MAP, _read_map),
        (tags.OBJECT, _read_object),
    ):
        for tag in kind:
            table[tag] = function
    for tag in range(0x20):
        table[tag] = _read_short_string
    for tag in tags.INTEGER:
        if INTEGER_SIZE[tag] == 1:
            table[tag] = _read_byte_integer
    table[tags.NULL] = lambda d, tag: None
    table[0x54] = lambda d, tag: True
    table[0x46] = lambda d, tag: False
    table[tags.REF] = _read_ref
    return table


_READ = _table()
