"""
Reads and writes plain messages, each by one function without a decoder or encoder.

Theory of operation. Most messages of a service are one object of numbers, strings and short
lists of these. Such a message has no references, and its depth and its number of objects follow
from its class. So nothing has to be noted while it is read or written, and one function with
local variables will do: it takes about two thirds of the time.

Where a message has anything else (a reference, a long list, null where none is expected, bytes
without sense), the usual way begins anew: a function that reads returns None, and one that writes
calls what writes in the usual way. So these functions never decide that a message is wrong, and
both ways give the same results.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import combinations
from typing import Any

from rpcfw_hessian.decoder import Decoder
from rpcfw_hessian.encoder import encode_definition
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.learned import Learned
from rpcfw_hessian.limits import Limits
from rpcfw_hessian.record_writer import RecordWriter
from rpcfw_hessian.records import RecordShape
from rpcfw_hessian.shape import Shape
from rpcfw_hessian.source import Source
from rpcfw_hessian.writer import Writer

__all__ = ["PlainReader", "plain_writer"]

#: Orders of fields of one class that are learned. In practice there is one.
_MAX_ORDERS = 4
#: Lists of one class. Each is compared with each.
_MAX_LISTS = 4
#: The longest string or list of a plain message.
_MAX_LENGTH = 1023
#: What bytes without sense may raise.
_GARBAGE = (IndexError, struct.error, ValueError, HessianError)

#: Returns the message at a place and the place after it; None if it is not plain.
Read = Callable[[bytes, int], "tuple[Any, int] | None"]
#: Returns the bytes of a message.
Write = Callable[[Any], bytes]


def _read_nothing(data: bytes, pos: int) -> None:
    """
    Find no message to be plain: none was learned yet.
    """


class PlainReader:
    """
    Reads messages of one type.

    It learns from messages that were read in the usual way: one with the same definition of the
    class, which came through all checks, is plain.

    Attributes:
        read: returns the message at a place and the place after it; None if it is not plain.
            Mostly this is the one function that was written, without another call around it.
    """

    read: Read

    def __init__(self, shape: Shape, limits: Limits) -> None:
        self._shape = shape if isinstance(shape, RecordShape) and _fits(shape, limits) else None
        #: Orders of fields that came, and what reads each.
        self._orders = Learned[tuple[str, ...], Read](_MAX_ORDERS)
        self._known: tuple[Read, ...] = ()
        self.read = _read_nothing

    def learn(self, decoder: Decoder, begin: int) -> None:
        """
        Look at a message that was read in the usual way, from this place on.
        """
        shape, orders, definitions = self._shape, self._orders, decoder.definitions
        if shape is None or len(definitions) != 1:
            return
        (definition,) = definitions
        names = definition.fields
        # Names that the class does not have are a peer's own, of any number: none may stay here.
        if definition.known is not shape or names in orders.known or not shape.has_all(names):
            return
        prefix = encode_definition(definition.java_class, names) + b"\x60"
        if not decoder.data.startswith(prefix, begin) or not orders.is_due(names):
            return
        orders.put(names, _reader(shape, names, prefix))
        # The last one first: the others may be those of a peer that sends many.
        self._known = tuple(reversed(orders.known.values()))
        self.read = self._known[0] if len(self._known) == 1 else self._read_any

    def _read_any(self, data: bytes, pos: int) -> tuple[Any, int] | None:
        for read in self._known:
            found = read(data, pos)
            if found is not None:
                return found
        return None


def _fits(shape: RecordShape, limits: Limits) -> bool:
    """
    Whether messages may be plain, and then are within all limits.
    """
    lists = sum(not field.shape.scalar for field in shape.fields)
    return (
        shape.can_be_plain
        and limits.max_depth >= 2
        and limits.max_objects > lists
        and limits.max_length >= _MAX_LENGTH
    )


def _reader(shape: RecordShape, names: tuple[str, ...], prefix: bytes) -> Read:
    """
    Write the function that reads messages that begin so.
    """
    source = Source("def read_plain(data, pos):", give_up="return None")
    with source.block(f"if not data.startswith({source.bind(prefix)}, pos):"):
        source.add("return None")
    source.add(f"pos += {len(prefix)}")
    with source.block("try:"):
        shape.write_plain(source, names)
    with source.block(f"except {source.bind(_GARBAGE)}:"):
        source.add("return None")
    source.add("return (made, pos) if pos <= len(data) else None")
    return source.function(f"plain {shape.name}")


def plain_writer(writer: Writer, usual: Write, prefix: bytes) -> Write | None:
    """
    Return what writes messages of one type; None if none of them is plain.

    Args:
        usual: writes those that are not plain.
        prefix: what comes before the message. It is in the result, so that the caller need not
            copy the message behind it.
    """
    if not (isinstance(writer, RecordWriter) and writer.can_be_plain):
        return None
    lists = [number for number, field in enumerate(writer.fields) if not field.writer.scalar]
    if len(lists) > _MAX_LISTS:
        return None
    give_up = "return usual(value)"
    source = Source("def write_plain(value):", give_up=give_up, usual=usual)
    with source.block("try:"):
        writer.write_plain(source, prefix)
        for one, other in combinations(lists, 2):
            # One list in two places is written as a reference.
            with source.block(f"if item_{one} is item_{other} and item_{one}:"):
                source.add(give_up)
        source.add("return b''.join(out)")
    with source.block(f"except {source.bind(HessianError)}:"):
        # The usual way tells the place of the mistake. Not from here: errors have no other cause.
        source.add("pass")
    source.add(give_up)
    return source.function(f"writes a plain {writer.name}")
