"""
Makes what reads and what writes a type, from its annotation.

`msgspec.inspect` reads the annotations: it knows dataclasses, attrs classes, structs, enums,
generic and recursive types.
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any, get_origin, get_type_hints

from attrs import frozen
from msgspec import NODEFAULT, inspect

from rpcfw_hessian import jdk_writers as jdk
from rpcfw_hessian import shapes, tags, writers
from rpcfw_hessian.annotations import (
    declared_class,
    java_name_of_field,
    said_type,
    written_name_of_field,
)
from rpcfw_hessian.collection_shapes import DictShape, ListShape, TupleShape
from rpcfw_hessian.collection_writers import DictWriter, ListWriter, tuple_writer
from rpcfw_hessian.encoder import Write
from rpcfw_hessian.enums import EnumShape, enum_writer
from rpcfw_hessian.narrow_writers import CHARS, FLOATS, CharWriter, SingleWriter
from rpcfw_hessian.objects import JavaException, JavaObject, StackFrame
from rpcfw_hessian.record_writer import RecordWriter
from rpcfw_hessian.records import Field, RecordShape
from rpcfw_hessian.shape import Shape
from rpcfw_hessian.throwables import ExceptionField, ExceptionShape, exception_writer
from rpcfw_hessian.writer import Writer

__all__ = ["Compiler", "Known", "Type", "array_class"]

#: Reads instances of a class that the program has.
Known = RecordShape | EnumShape | ExceptionShape

#: Collections that Java makes of a list or map without a class.
_UNTYPED = {
    "",
    "java.util.ArrayList",
    "java.util.Collection",
    "java.util.HashMap",
    "java.util.List",
    "java.util.Map",
}
_ARRAYS = {"java.lang.String": "string", "java.lang.Object": "object", "java.util.Date": "date"}


def array_class(java_type: str) -> str:
    """
    Return how a list of a Java type is called on the wire, as ``[string`` for ``String[]``.
    """
    if java_type in _UNTYPED:
        return ""
    if java_type == "java.util.Set":
        return "java.util.HashSet"
    if not java_type.endswith("[]"):
        return java_type
    inner = java_type[:-2]
    return "[" + (array_class(inner) if inner.endswith("[]") else _ARRAYS.get(inner, inner))


@frozen
class Type:
    """
    What reads and writes values of a type.

    Args:
        cls: the Python class of the values.
    """

    shape: Shape
    writer: Writer
    cls: type


def _exactly(cls: type, kinds: frozenset[int], write: Write, **more: Any) -> Type:
    return Type(shapes.Exactly(cls, kinds, **more), writers.checked(cls, write), cls)


#: Types without parameters.
_SIMPLE: dict[type, Type] = {
    inspect.AnyType: Type(shapes.ANY, Writer(writers.write_any), object),
    inspect.NoneType: Type(
        shapes.Exactly(type(None), frozenset((tags.NULL,))), Writer(writers.write_null), type(None)
    ),
    inspect.BoolType: Type(shapes.BOOL, writers.BoolWriter(), bool),
    inspect.BytesType: _exactly(bytes, tags.BINARY, writers.write_binary),
    inspect.DecimalType: _exactly(decimal.Decimal, tags.OBJECT, jdk.write_decimal),
    inspect.UUIDType: _exactly(uuid.UUID, tags.OBJECT, jdk.write_uuid),
    inspect.DateType: _exactly(dt.date, tags.OBJECT, jdk.write_local_date),
    inspect.TimeType: _exactly(dt.time, tags.OBJECT, jdk.write_time),
    inspect.TimeDeltaType: _exactly(dt.timedelta, tags.OBJECT, jdk.write_duration),
}
_DOUBLE = Type(shapes.FLOAT, writers.FloatWriter(), float)
_SINGLE = Type(shapes.FLOAT, SingleWriter(), float)
_STR = Type(shapes.STR, writers.StrWriter(), str)
_CHAR = Type(shapes.STR, CharWriter(), str)
_WRITE_ANY = Writer(writers.write_any)
_CUSTOM: dict[type, Type] = {
    object: Type(shapes.ANY, _WRITE_ANY, object),
    **{cls: _exactly(cls, tags.OBJECT, writers.write_any) for cls in (JavaObject, StackFrame)},
    **{
        cls: Type(shapes.InstanceOf(cls, tags.OBJECT), writers.any_of([(cls, _WRITE_ANY)]), cls)
        for cls in (JavaException, Exception, BaseException)
    },
}
_COLLECTIONS: dict[type, tuple[type, str]] = {
    inspect.ListType: (list, ""),
    inspect.VarTupleType: (tuple, ""),
    inspect.SetType: (set, "java.util.HashSet"),
    inspect.FrozenSetType: (frozenset, "java.util.HashSet"),
}


class Compiler:
    """
    Makes types. Each class of the program is compiled once.

    Args:
        java_classes: names of Java classes that no decorator gives, by Python class.
    """

    def __init__(self, java_classes: Mapping[type, str]) -> None:
        self._java_classes = java_classes
        #: Classes with a Java class, by its name.
        self.known: dict[str, Known] = {}
        self._classes: dict[Any, Type] = {}
        self._makers: dict[type, Callable[[Any, str], Type]] = {
            inspect.IntType: self._int,
            inspect.FloatType: self._float,
            inspect.StrType: self._str,
            inspect.DateTimeType: self._datetime,
            inspect.TupleType: self._tuple,
            inspect.DictType: self._dict,
            inspect.UnionType: self._union,
            inspect.LiteralType: self._literal,
            inspect.EnumType: self._enum,
            inspect.CustomType: self._custom,
            inspect.DataclassType: self._record,
            inspect.StructType: self._record,
            **dict.fromkeys(_COLLECTIONS, self._collection),
        }

    def compile(self, type: Any) -> Type:
        """
        Return what reads and writes a type.

        Raises:
            TypeError: Hessian cannot carry it; the message says why.
        """
        classes, known = dict(self._classes), dict(self.known)
        try:
            return self._type(inspect.type_info(type))
        except Exception as error:
            # Nothing stays of what was begun: a class may lack its fields.
            self._classes = classes
            for name in self.known.keys() - known.keys():
                del self.known[name]
            if isinstance(error, TypeError):
                raise
            # As of a name in an annotation that is not there.
            raise TypeError(str(error)) from error

    def java_class(self, cls: type) -> str | None:
        """
        Return the Java class of a Python class.
        """
        return self._java_classes.get(cls) or declared_class(cls)

    def _type(self, node: Any, java: str = "") -> Type:
        if isinstance(node, inspect.Metadata):
            return self._type(node.type, said_type(node.extra) or java)
        simple = _SIMPLE.get(type(node))
        if simple is not None:
            return simple
        maker = self._makers.get(type(node))
        if maker is None:
            raise TypeError(f"Hessian cannot carry {type(node).__name__.removesuffix('Type')}")
        return maker(node, java)

    def _int(self, node: Any, java: str) -> Type:
        return Type(shapes.INT, writers.int_writer(java), int)

    def _float(self, node: Any, java: str) -> Type:
        return _SINGLE if java in FLOATS else _DOUBLE

    def _str(self, node: Any, java: str) -> Type:
        return _CHAR if java in CHARS else _STR

    def _datetime(self, node: Any, java: str) -> Type:
        write = jdk.DATETIMES.get(java)
        if write is None:
            expected = ", ".join(filter(None, jdk.DATETIMES))
            raise TypeError(f"a datetime cannot be a {java}; expected one of {expected}")
        local = java == "java.time.LocalDateTime"
        aware = not local if java else None
        kinds = tags.DATE | tags.OBJECT
        return _exactly(dt.datetime, kinds, write, aware=aware)

    def _collection(self, node: Any, java: str) -> Type:
        cls, default = _COLLECTIONS[type(node)]
        item = self._type(node.item_type, java[:-2] if java.endswith("[]") else "")
        name = array_class(java) if java else default
        return Type(ListShape(cls, item.shape), ListWriter(cls, item.writer, name), cls)

    def _tuple(self, node: Any, java: str) -> Type:
        items = [self._type(each) for each in node.item_types]
        return Type(
            TupleShape([item.shape for item in items]),
            tuple_writer([item.writer for item in items]),
            tuple,
        )

    def _dict(self, node: Any, java: str) -> Type:
        key, value = self._type(node.key_type), self._type(node.value_type)
        return Type(
            DictShape(key.shape, value.shape),
            DictWriter(key.writer, value.writer, array_class(java)),
            dict,
        )

    def _union(self, node: Any, java: str) -> Type:
        members = [
            self._type(each, java) for each in node.types if not isinstance(each, inspect.NoneType)
        ]
        if len(members) == 1:
            (one,) = members
        else:
            one = Type(
                shapes.UnionShape([member.shape for member in members]),
                writers.any_of([(member.cls, member.writer) for member in members]),
                object,
            )
        if len(members) == len(node.types):
            return one
        return Type(shapes.OptionalShape(one.shape), writers.OptionalWriter(one.writer), one.cls)

    def _literal(self, node: Any, java: str) -> Type:
        return Type(shapes.LiteralShape(node.values), writers.literal_writer(node.values), object)

    def _enum(self, node: Any, java: str) -> Type:
        cls: type[Enum] = node.cls
        made = self._classes.get(cls)
        if made is None:
            java_class = self.java_class(cls)
            shape = EnumShape(cls)
            made = self._classes[cls] = Type(shape, enum_writer(cls, java_class), cls)
            self._know(java_class, shape)
        return made

    def _custom(self, node: Any, java: str) -> Type:
        cls = node.cls
        found = _CUSTOM.get(cls) or self._classes.get(cls)
        if found is not None:
            return found
        java_class = self.java_class(cls)
        if java_class is None or not issubclass(cls, BaseException):
            raise TypeError(f"Hessian cannot carry {cls.__qualname__}")
        fields = self._exception_fields(cls)
        shape = ExceptionShape(cls, fields)
        made = Type(shape, exception_writer(cls, java_class, fields), cls)
        self._classes[cls] = made
        self._know(java_class, shape)
        return made

    def _exception_fields(self, cls: type) -> dict[str, ExceptionField]:
        """
        Return what the class of an exception annotates, beside what Throwable has.
        """
        hints = get_type_hints(cls, include_extras=True)
        found = {}
        for name, hint in hints.items():
            if not name.startswith("_"):
                type = self._type(inspect.type_info(hint))
                field = ExceptionField(name, type.shape, type.writer)
                found[java_name_of_field(cls, name)] = field
        return found

    def _record(self, node: Any, java: str) -> Type:
        made = self._classes.get(node.cls)
        if made is not None:
            return made
        cls = get_origin(node.cls) or node.cls
        java_class = self.java_class(cls)
        shape = RecordShape(cls, generic=cls is not node.cls)
        writer = RecordWriter(cls, java_class)
        # Before the fields, whose types may be this class.
        made = self._classes[node.cls] = Type(shape, writer, cls)
        fields = tuple(self._field(cls, java_class, each) for each in node.fields)
        shape.complete(fields)
        writer.complete(fields)
        if cls is node.cls:
            self._know(java_class, shape)
            others = [each for each in cls.__subclasses__() if self.java_class(each)]
        else:
            # Of a generic class Java's name says nothing about the parameters.
            others = [cls]
        # An instance of a subclass may stand wherever this class is expected.
        for each in others:
            self._type(inspect.type_info(each))
        return made

    def _field(self, cls: type, java_class: str | None, field: inspect.Field) -> Field:
        found = self._type(field.type)
        has_java_class = java_class is not None
        return Field(
            name=field.name,
            java_name=written_name_of_field(
                cls, field.name, field.encode_name, has_java_class=has_java_class
            ),
            shape=found.shape,
            writer=found.writer,
            default=_default(field),
        )

    def _know(self, java_class: str | None, shape: Known) -> None:
        if java_class is None:
            return
        other = self.known.setdefault(java_class, shape)
        if other is not shape:
            raise TypeError(
                f"{other.cls.__qualname__} and {shape.cls.__qualname__} are both the Java class "
                f"{java_class}"
            )


def _default(field: inspect.Field) -> Callable[[], Any] | None:
    """
    Return what makes the value of a field that does not come.
    """
    if field.required:
        return None
    if field.default_factory is not NODEFAULT:
        factory: Callable[[], Any] = field.default_factory
        return factory
    value = field.default
    return lambda: value
