"""
A set of classes, with what reads and writes each type, made once from the annotations.
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from threading import Lock
from typing import Any

from rpcfw_hessian import jdk_writers as jdk
from rpcfw_hessian import writers
from rpcfw_hessian.collection_writers import DictWriter, ListWriter
from rpcfw_hessian.compiler import Compiler, Type
from rpcfw_hessian.decoder import Decoder
from rpcfw_hessian.definitions import Definitions
from rpcfw_hessian.encoder import Encoder, Write, encode_definition
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.limits import Limits
from rpcfw_hessian.numbers import encode_long
from rpcfw_hessian.objects import JavaException, JavaLong, JavaObject, MapEntries, StackFrame
from rpcfw_hessian.plain import PlainReader, plain_writer
from rpcfw_hessian.shape import Shape
from rpcfw_hessian.throwables import write_throwable
from rpcfw_hessian.writer import Writer

__all__ = ["Schema"]


def _write_object(e: Encoder, value: JavaObject) -> None:
    """
    Write an object as it was read.
    """
    if not e.refer(value):
        e.instance(encode_definition(value.java_class, tuple(value.fields)))
        for each in value.fields.values():
            writers.write_any(e, each)


def _write_long(e: Encoder, value: JavaLong) -> None:
    """
    Write a long.
    """
    e.out.append(encode_long(value))


def _write_entries(e: Encoder, value: MapEntries) -> None:
    """
    Write a map.
    """
    if not e.refer(value):
        e.out.append(b"H")
        for key, each in value:
            writers.write_any(e, key)
            writers.write_any(e, each)
        e.out.append(b"Z")


_ANY = Writer(writers.write_any)

#: What writes values where no type is expected.
_UNTYPED: dict[type, Write] = {
    type(None): writers.write_null,
    bool: writers.write_bool,
    int: writers.write_integer,
    JavaLong: _write_long,
    float: writers.write_float,
    str: writers.write_str,
    bytes: writers.write_binary,
    bytearray: writers.write_binary,
    memoryview: writers.write_binary,
    list: ListWriter(list, _ANY, "").ready(),
    tuple: ListWriter(tuple, _ANY, "").ready(),
    set: ListWriter(set, _ANY, "java.util.HashSet").ready(),
    frozenset: ListWriter(frozenset, _ANY, "java.util.HashSet").ready(),
    dict: DictWriter(_ANY, _ANY, "").ready(),
    dt.datetime: jdk.write_datetime,
    dt.date: jdk.write_local_date,
    dt.time: jdk.write_time,
    dt.timedelta: jdk.write_duration,
    decimal.Decimal: jdk.write_decimal,
    uuid.UUID: jdk.write_uuid,
    JavaObject: _write_object,
    JavaException: write_throwable,
    MapEntries: _write_entries,
    StackFrame: jdk.write_stack_frame,
}


class Schema:
    """
    Classes that may come and go, with what reads and writes each type.

    Whatever is made is kept, so a schema is made once and used for all messages. Threads may
    use one together.

    Args:
        classes: Python classes that are read wherever their Java class comes. Those in the
            annotations of a type that was asked for are known too.
        names: Java classes of Python classes without `java`: ``{"com.acme.Order": Order}``.
        limits: of a message that is read.
    """

    def __init__(
        self,
        classes: Iterable[type] = (),
        *,
        names: Mapping[str, type] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._names = {cls: name for name, cls in (names or {}).items()}
        self._compiler = Compiler(self._names)
        self.read_definition = Definitions(self._compiler.known).read
        self._types: dict[Any, Type] = {}
        #: While a type is made, there are classes without their fields.
        self._lock = Lock()
        self._writers: dict[type, Write] = dict(_UNTYPED)
        for cls in (*classes, *(names or {}).values()):
            self._type(cls)

    def dumps(self, value: Any, type: Any = Any) -> bytes:
        """
        Return a value as Hessian 2.
        """
        return self.dumper(type)(value)

    def loads(self, data: bytes, type: Any = Any) -> Any:
        """
        Return the one value that these bytes are.
        """
        return self.loader(type)(data)

    def dumper(self, type: Any, prefix: bytes = b"") -> Callable[[Any], bytes]:
        """
        Return `dumps` for one type.

        Args:
            prefix: what is put before each value.

        Raises:
            TypeError: Hessian cannot carry the type; the message says why.
        """
        write = self.writer(type)

        def dump(value: Any) -> bytes:
            encoder = Encoder(self)
            encoder.write_by(write, value)
            return prefix + encoder.take()

        return plain_writer(self._type(type).writer, dump, prefix) or dump

    def loader(self, type: Any) -> Callable[[bytes], Any]:
        """
        Return `loads` for one type.

        Raises:
            TypeError: Hessian cannot carry the type; the message says why.
        """
        shape = self.shape(type)
        plain = PlainReader(shape, self.limits)

        def load(data: bytes) -> Any:
            # Looked up each time: it is another function once a message was learned.
            read = plain.read
            found = read(data, 0)
            if found is not None and found[1] == len(data):
                return found[0]
            decoder = Decoder(data, self)
            value = decoder.read_shape(shape)
            if decoder.pos != len(data):
                decoder.check_end()
            plain.learn(decoder, 0)
            return value

        return load

    def encoder(self) -> Encoder:
        """
        Return what writes several values that may refer to each other.
        """
        return Encoder(self)

    def decoder(self, data: bytes) -> Decoder:
        """
        Return what reads several values that may refer to each other.
        """
        return Decoder(data, self)

    def shape(self, type: Any) -> Shape:
        """
        Return what reads values of a type, for `Decoder.read_shape`.

        Raises:
            TypeError: Hessian cannot carry the type; the message says why.
        """
        return self._type(type).shape

    def writer(self, type: Any) -> Write:
        """
        Return what writes values of a type, for `Encoder.write_by`.
        """
        return self._type(type).writer.ready()

    def java_class(self, cls: type) -> str | None:
        """
        Return the Java class of a Python class, if it has one.
        """
        return self._compiler.java_class(cls)

    def _type(self, type: Any) -> Type:
        found = self._types.get(type)
        if found is None:
            with self._lock:
                found = self._types[type] = self._compiler.compile(type)
        return found

    # What encoders and decoders ask for.

    def writer_of(self, cls: type) -> Write:
        """
        Return what writes instances of a class, where no type is expected.
        """
        found = self._writers.get(cls)
        if found is None:
            found = self._writers[cls] = self._untyped_writer(cls)
        return found

    def _untyped_writer(self, cls: type) -> Write:
        for base in cls.__mro__[1:-1]:
            # An Enum may be a str or an int too.
            if base in _UNTYPED and self.java_class(cls) is None and not issubclass(cls, Enum):
                return _UNTYPED[base]
        try:
            # By another compiler: what is written here is not yet read wherever it comes.
            return Compiler(self._names).compile(cls).writer.ready()
        except TypeError as error:
            raise HessianError(str(error)) from error

    def map_reader(self, java_class: str) -> Callable[[Decoder], Any] | None:
        """
        Return what reads instances of a class that are written as maps, if it is known.
        """
        known = self._compiler.known.get(java_class)
        return getattr(known, "read_map", None)
