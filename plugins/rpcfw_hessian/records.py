"""
Reads and writes instances of the program's own classes.

These are dataclasses, attrs classes and `msgspec.Struct`.

What reads the instances of a class is made once for each order of fields that comes, which in
practice is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs
import msgspec

from rpcfw_hessian import tags
from rpcfw_hessian.decoder import INCOMPLETE, Decoder, Definition, Shape
from rpcfw_hessian.encoder import Encoder, Write, encode_definition
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.shapes import mismatch
from rpcfw_hessian.text import encode_string
from rpcfw_hessian.untyped import read_any
from rpcfw_hessian.writers import unfit

__all__ = ["Field", "RecordShape", "RecordWriter"]

#: Orders of fields of one class. A peer that sends more is served, but slower.
_MAX_PLANS = 64
_MISSING: Any = object()

Plan = Callable[[Decoder], Any]


@attrs.frozen
class Field:
    """
    A field of a class.

    Args:
        default: makes the value if none comes; None if one has to come.
    """

    name: str
    java_name: str
    shape: Shape
    write: Write
    default: Callable[[], Any] | None


class RecordShape(Shape):
    """
    Reads instances of one class.
    """

    tags = tags.OBJECT | tags.MAP

    def __init__(self, cls: type) -> None:
        self.name = cls.__qualname__
        self.cls = cls
        self.fields: tuple[Field, ...] = ()
        self._plans: dict[tuple[str, ...], Plan] = {}
        self._making = _constructing(cls) if issubclass(cls, msgspec.Struct) else _filling(cls)

    def read(self, d: Decoder) -> Any:
        """
        Read an instance: defined by the message, or as a map.
        """
        tag = d.data[d.pos]
        if tag in tags.OBJECT:
            return self._read_defined(d, d.definition())
        if tag == tags.REF:
            d.pos += 1
            return d.accept_shared(self)
        if tag not in tags.MAP:
            raise mismatch(self.name, read_any(d))
        d.pos += 1
        if tag == 0x4D:
            d.type()
        return self.read_map(d)

    def _read_defined(self, d: Decoder, definition: Definition) -> Any:
        """
        Read an instance.

        One of a class that nobody knows here is read as the expected one, as Java does it.
        """
        if definition.cls is self.cls or definition.cls is None:
            return self.plan(definition.fields)(d)
        if issubclass(definition.cls, self.cls):
            return definition.read(d)
        raise HessianError(f"expected {self.name}, got {definition.java_class}")

    def fits(self, value: Any, d: Decoder) -> bool:
        return isinstance(value, self.cls)

    def plan(self, names: tuple[str, ...]) -> Plan:
        """
        Return what reads instances whose fields come in this order.
        """
        plan = self._plans.get(names)
        if plan is None:
            plan = self._plan(names)
            if len(self._plans) < _MAX_PLANS:
                self._plans[names] = plan
        return plan

    def _plan(self, names: tuple[str, ...]) -> Plan:
        known = self._known()
        came = [known.get(name) for name in names]
        defaults = self._defaults(field for field in self.fields if field not in came)
        steps = [(field.name, field.shape.read) if field else ("", read_any) for field in came]
        begin, finish = self._making

        def read_fields(d: Decoder) -> Any:
            index = len(d.refs)
            d.begin(begin())
            values: dict[str, Any] = {}
            name = ""
            try:
                for name, read in steps:
                    values[name] = read(d)
            except HessianError as error:
                error.path.append(f".{name}")
                raise
            for name, default in defaults:
                values[name] = default()
            values.pop("", None)
            d.depth -= 1
            d.refs[index] = made = finish(d.refs[index], values)
            return made

        return read_fields

    def _known(self) -> dict[str, Field]:
        """
        Return the fields by their names, those of Java before those of Python.
        """
        return {
            **{field.name: field for field in self.fields},
            **{field.java_name: field for field in self.fields},
        }

    def read_map(self, d: Decoder) -> Any:
        """
        Read an instance that is written as a map, whose tag and type were read.
        """
        known = self._known()
        begin, finish = self._making
        index = len(d.refs)
        d.begin(begin())
        values: dict[str, Any] = {}
        while not d.ends():
            name = read_any(d)
            field = known.get(name) if type(name) is str else None
            if field is None:
                read_any(d)
                continue
            try:
                values[field.name] = field.shape.read(d)
            except HessianError as error:
                error.path.append(f".{field.name}")
                raise
        d.depth -= 1
        missing = [field for field in self.fields if field.name not in values]
        for name, default in self._defaults(missing):
            values[name] = default()
        d.refs[index] = made = finish(d.refs[index], values)
        return made

    def _defaults(self, missing: Iterable[Field]) -> list[tuple[str, Callable[[], Any]]]:
        """
        Return names of fields that do not come, each with what makes its value.
        """
        found = []
        for field in missing:
            if field.default is None:
                raise HessianError(f"expected a field {field.java_name} of {self.name}, got none")
            found.append((field.name, field.default))
        return found


#: Begins an instance before its fields are read, and makes it of their values.
Making = tuple[Callable[[], Any], Callable[[Any, dict[str, Any]], Any]]


def _constructing(cls: type) -> Making:
    """
    Return how to make a `msgspec.Struct`, of which nothing is there before its fields.
    """

    def construct(_: Any, values: dict[str, Any]) -> Any:
        try:
            return cls(**values)
        except Exception as error:
            raise _refused(cls, error) from error

    return (lambda: INCOMPLETE), construct


def _filling(cls: type) -> Making:
    """
    Return how to make an instance to which its fields may refer.

    So it is made without its constructor; ``__post_init__`` and validators run in the end.
    """
    new: Callable[[type], Any] = getattr(cls, "__new__")  # noqa: B009 - mypy takes it for type's
    set_field = object.__setattr__
    hooks: list[Callable[[Any], Any]] = [
        getattr(cls, name)
        for name in ("__post_init__", "__attrs_post_init__")
        if hasattr(cls, name)
    ]
    if attrs.has(cls) and any(field.validator for field in attrs.fields(cls)):
        hooks.insert(0, attrs.validate)

    def fill(made: Any, values: dict[str, Any]) -> Any:
        for name, value in values.items():
            set_field(made, name, value)
        try:
            for hook in hooks:
                hook(made)
        except Exception as error:
            raise _refused(cls, error) from error
        return made

    return (lambda: new(cls)), fill


def _refused(cls: type, error: Exception) -> HessianError:
    return HessianError(f"{cls.__qualname__} refuses its fields: {error}")


class RecordWriter:
    """
    Writes instances of one class; those of subclasses are written by their own.

    Args:
        java_class: without one, they are written as maps, which Java reads where it expects
            the class.
    """

    def __init__(self, cls: type, java_class: str | None) -> None:
        self._cls = cls
        self._java_class = java_class
        self._definition = b""
        #: For each field its name in Python and what writes it; in a map, its encoded name.
        self._steps: tuple[tuple[str, Write], ...] = ()
        self._names: tuple[bytes, ...] = ()

    def complete(self, fields: tuple[Field, ...]) -> None:
        """
        Set the fields, whose types may be the class itself.
        """
        names = tuple(each.java_name for each in fields)
        self._definition = encode_definition(self._java_class or "", names)
        self._names = tuple(encode_string(field.name) for field in fields)
        self._steps = tuple((field.name, field.write) for field in fields)

    def write(self, e: Encoder, value: Any) -> None:
        """
        Write an instance.
        """
        if type(value) is not self._cls:
            if not isinstance(value, self._cls):
                raise unfit(self._cls.__qualname__, value)
            e.schema.writer_of(type(value))(e, value)
        elif not e.refer(value):
            if self._java_class is None:
                self._write_map(e, value)
            else:
                e.instance(self._definition)
                self._write_fields(e, value)

    def _write_fields(self, e: Encoder, value: Any) -> None:
        name = ""
        try:
            for name, write in self._steps:
                write(e, getattr(value, name))
        except HessianError as error:
            error.path.append(f".{name}")
            raise

    def _write_map(self, e: Encoder, value: Any) -> None:
        e.out.append(b"H")
        for encoded, (name, write) in zip(self._names, self._steps, strict=True):
            e.out.append(encoded)
            write(e, getattr(value, name))
        e.out.append(b"Z")
