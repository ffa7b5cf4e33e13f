"""
The libraries of Python, each with the same order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

import msgspec
from attrs import frozen

from benchmarks.messages import fields
from rpcfw_hessian import Int, Long, Schema, java

__all__ = ["LIBRARIES", "Library", "order"]

#: The size that all tables have.
_REMARK_BYTES = 64

Step = Callable[[], object]


@java("com.acme.Order")
@dataclass
class Order:
    """
    An order, as in the other tables.
    """

    order_id: Long
    user_id: list[Long]
    remark: str
    reason_id: list[Int]


def order() -> Order:
    """
    Return a new order.
    """
    return Order(**fields(_REMARK_BYTES))


@frozen
class Library:
    """
    One library.

    Args:
        prepare: returns the bytes of a value, what decodes them, and what encodes the value if
            the library can. Raises ImportError if it is not installed.
    """

    name: str
    prepare: Callable[[Any], tuple[bytes, Step, Step | None]]


def _type_of(value: Any) -> Any:
    return list[Order] if isinstance(value, list) else Order


def _ours(value: Any) -> tuple[bytes, Step, Step | None]:
    schema = Schema()
    dump, load = schema.dumper(_type_of(value)), schema.loader(_type_of(value))
    data = dump(value)
    assert value == load(data)
    return data, lambda: load(data), lambda: dump(value)


def _ours_generic(value: Any) -> tuple[bytes, Step, Step | None]:
    """
    Without a type: every object is a `JavaObject`.
    """
    data = Schema().dumps(value)
    load = Schema().loader(Any)
    objects = load(data)
    dump = Schema().dumper(Any)
    return data, lambda: load(data), lambda: dump(objects)


def _python_hessian(value: Any) -> tuple[bytes, Step, Step | None]:
    """
    It decodes the second version of Hessian, but encodes the first one only.
    """
    parser = import_module("pyhessian.parser").Parser
    data = Schema().dumps(value)
    # It reads whole replies: a header and one value.
    reply = b"H\x02\x00R" + data
    return data, lambda: parser().parse_string(reply).value, None


def _msgspec(value: Any) -> tuple[bytes, Step, Step | None]:
    encode, decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(_type_of(value)).decode
    data = encode(value)
    return data, lambda: decode(data), lambda: encode(value)


def _plain_json(value: Any) -> tuple[bytes, Step, Step | None]:
    """
    The standard library's, which makes dicts.
    """
    json = import_module("json")
    plain = [asdict(each) for each in value] if isinstance(value, list) else asdict(value)
    data = json.dumps(plain).encode()
    return data, lambda: json.loads(data), lambda: json.dumps(plain)


LIBRARIES = (
    Library("rpcfw", _ours),
    Library("rpcfw, no type", _ours_generic),
    Library("python-hessian", _python_hessian),
    Library("msgspec JSON", _msgspec),
    Library("json", _plain_json),
)
