"""
Hessian 2: Java's objects to bytes and back, in the dialect of Dubbo.

A library without I/O, which needs nothing of rpcfw::

    from rpcfw_hessian import Long, dumps, java, loads

    @java("com.acme.Order")
    @dataclass
    class Order:
        order_id: Long            # orderId in Java
        tags: list[str]

    data = dumps(Order(7, ["new"]))
    order = loads(data, Order)

- `dumps` and `loads` are for one value, with what the annotations say. Without a type,
  `loads` makes Python's own values, and a `JavaObject` of a class that it does not know.
- `Schema` is a set of classes and limits, made once and used for all messages.
- `Schema.encoder` and `Schema.decoder` are for several values in one message, one after the
  other, which may refer to each other, as in Dubbo's bodies::

      encoder = schema.encoder()
      encoder.write("2.0.2")
      encoder.write(order, Order)
      data = encoder.take()

      decoder = schema.decoder(data)
      version, order = decoder.read(str), decoder.read(Order)

- `HessianError` is the only error for bytes that do not fit; `TypeError` is for a type that
  Hessian cannot carry.
"""

from __future__ import annotations

from typing import Any

from rpcfw_hessian.annotations import (
    BigInteger,
    Byte,
    Char,
    Float,
    Instant,
    Int,
    Long,
    Short,
    Timestamp,
    java,
    java_type,
)
from rpcfw_hessian.decoder import Decoder
from rpcfw_hessian.encoder import Encoder
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.limits import Limits
from rpcfw_hessian.objects import JavaException, JavaLong, JavaObject, MapEntries, StackFrame
from rpcfw_hessian.schema import Schema

__all__ = [
    "BigInteger",
    "Byte",
    "Char",
    "Decoder",
    "Encoder",
    "Float",
    "HessianError",
    "Instant",
    "Int",
    "JavaException",
    "JavaLong",
    "JavaObject",
    "Limits",
    "Long",
    "MapEntries",
    "Schema",
    "Short",
    "StackFrame",
    "Timestamp",
    "dumps",
    "java",
    "java_type",
    "loads",
]

#: One for each type, so that what `loads` returns does not depend on earlier calls.
_schemas: dict[Any, Schema] = {}


def dumps(value: Any, type: Any = Any) -> bytes:
    """
    Return a value as Hessian 2.

    Args:
        type: an annotation. It decides about Java types, and the value is checked.

    Raises:
        HessianError: the value is not of this type, or none that Hessian has.
    """
    return _schema(type).dumps(value, type)


def loads(data: bytes, type: Any = Any) -> Any:
    """
    Return the value that these bytes are.

    Args:
        type: an annotation, as ``Order`` or ``list[Order]``; what does not fit is an error.

    Raises:
        HessianError: the bytes are no Hessian 2, are more than one value or do not fit.
    """
    return _schema(type).loads(data, type)


def _schema(type: Any) -> Schema:
    schema = _schemas.get(type)
    if schema is None:
        schema = _schemas[type] = Schema()
    return schema
