"""
Reads instances of the program's own classes: dataclasses, attrs classes, `msgspec.Struct`.

What reads the instances of a class is written once for each order of fields that comes, which
in practice is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs

from rpcfw_hessian import tags
from rpcfw_hessian.decoder import Decoder, Definition
from rpcfw_hessian.errors import HessianError, shown
from rpcfw_hessian.learned import Learned
from rpcfw_hessian.making import Making, making_of
from rpcfw_hessian.shape import Shape, write_begin
from rpcfw_hessian.shapes import ANY, mismatch
from rpcfw_hessian.source import Source
from rpcfw_hessian.untyped import read_any
from rpcfw_hessian.writer import Writer

__all__ = ["Field", "RecordShape"]

#: Orders of fields of one class for which a function is written, fields that it does not know,
#: and characters of all names. A peer that sends others is served more slowly.
_MAX_PLANS = 16
_MAX_UNKNOWN = 64
_MAX_NAMES = 1 << 16

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
    writer: Writer
    default: Callable[[], Any] | None


class RecordShape(Shape):
    """
    Reads instances of one class.

    Args:
        generic: the class has parameters here, such as ``Page[Order]``. So an instance may have
            fields of other types.
    """

    tags = tags.OBJECT | tags.MAP

    def __init__(self, cls: type, *, generic: bool = False) -> None:
        self.name = cls.__qualname__
        self.cls = cls
        self._generic = generic
        self.fields: tuple[Field, ...] = ()
        self._by_name: dict[str, Field] = {}
        self._making: Making | None = None
        self._plans = Learned[tuple[str, ...], Plan](_MAX_PLANS)

    def complete(self, fields: tuple[Field, ...]) -> None:
        """
        Set the fields, whose types may be the class itself.
        """
        self.fields = fields
        self._making = making_of(self.cls, tuple(field.name for field in fields))
        # Those of Java go before those of Python.
        self._by_name = {field.name: field for field in fields}
        self._by_name.update((field.java_name, field) for field in fields)

    def read(self, d: Decoder) -> Any:
        """
        Read an instance: defined by the message, or as a map.
        """
        tag = d.data[d.pos]
        if tag in tags.OBJECT:
            definition = d.definition()
            if definition.known is self:
                return definition.read(d)
            return self._read_defined(d, definition)
        if tag == tags.REF:
            d.pos += 1
            return d.accept_shared(self)
        if tag not in tags.MAP:
            raise mismatch(self.name, read_any(d))
        d.pos += 1
        read = d.schema.map_reader(d.type()) if tag == 0x4D else None
        if read is None or self._generic:
            return self.read_map(d)
        value = read(d)
        if self.fits(value, d):
            return value
        raise HessianError(f"expected {self.name}, got {type(value).__qualname__}")

    def _read_defined(self, d: Decoder, definition: Definition) -> Any:
        """
        Read an instance of another class, or of a generic class with other parameters.

        One of a class that nobody knows here is read as the expected one, as Java does it.
        """
        if definition.cls is None or definition.cls is self.cls:
            return self.plan(definition.fields)(d)
        if issubclass(definition.cls, self.cls):
            return definition.read(d)
        raise HessianError(f"expected {self.name}, got {shown(definition.java_class)}")

    def inline(self, source: Source, target: str) -> None:
        # The usual instance: of this class, which the message has defined before.
        source.add("number = data[pos] - 0x60", "definitions = d.definitions")
        known = source.bind(self)
        with source.block(
            "if 0 <= number < 16 and number < len(definitions) "
            f"and definitions[number].known is {known}:"
        ):
            source.add("d.pos = pos + 1", f"{target} = definitions[number].read(d)", "pos = d.pos")
        with source.block("else:"):
            super().inline(source, target)

    def fits(self, value: Any, d: Decoder) -> bool:
        fits = isinstance(value, self.cls)
        if fits and self._generic:
            d.unchecked.append((value, self))
        return fits

    def inner(self, value: Any) -> Iterable[tuple[Shape, Any]]:
        return ((field.shape, getattr(value, field.name)) for field in self.fields)

    def plan(self, names: tuple[str, ...]) -> Plan:
        """
        Return what reads instances whose fields come in this order.
        """
        plan = self._plans.known.get(names)
        if plan is None:
            if self._are_unusual(names) or not self._plans.is_due(names):
                return self._plain_plan(names)
            plan = self._plan(names)
            self._plans.put(names, plan)
        return plan

    def is_lasting(self, names: tuple[str, ...]) -> bool:
        """
        Tell whether the plan for this order stays the same: it is written, or never will be.
        """
        return names in self._plans.known or self._are_unusual(names)

    def _are_unusual(self, names: tuple[str, ...]) -> bool:
        return len(names) > len(self.fields) + _MAX_UNKNOWN or sum(map(len, names)) > _MAX_NAMES

    def _plan(self, names: tuple[str, ...]) -> Plan:
        """
        Write the function that reads instances whose fields come in this order.
        """
        came = [self._by_name.get(name) for name in names]
        making = self._ready()
        source = Source("def read_fields(d):", HessianError=HessianError)
        making.write_begin(source)
        write_begin(source, "made")
        source.add("data = d.data", "pos = d.pos", "field = ''")
        values = {
            name: f"{source.bind(default)}()"
            for name, default in self._defaults(each for each in self.fields if each not in came)
        }
        with source.block("try:"):
            for number, (name, field) in enumerate(zip(names, came, strict=True)):
                # Of fields that the class lacks, a peer has chosen the names.
                source.add(f"field = {source.bind(name if field else '(unknown)')}")
                (field.shape if field else ANY).inline(source, f"value_{number}")
                if field is not None:
                    values[field.name] = f"value_{number}"
        with source.block("except HessianError as error:"):
            source.add("error.path.append(f'.{field}')", "raise")
        source.add("d.pos = pos", "d.depth -= 1")
        making.write_finish(source, values)
        source.add("return made")
        return source.function(f"fields of {self.name}")

    @property
    def can_be_plain(self) -> bool:
        """
        Whether all fields are scalars, or lists of these.
        """
        return not self._generic and all(field.shape.plain for field in self.fields)

    def has_all(self, names: tuple[str, ...]) -> bool:
        """
        Tell whether the class has all of these fields.
        """
        return all(map(self._by_name.__contains__, names))

    def write_plain(self, source: Source, names: tuple[str, ...]) -> None:
        """
        Write source that sets ``made`` to an instance whose fields, all known, come in this order.
        """
        came = [self._by_name[name] for name in names]
        values = {
            name: f"{source.bind(default)}()"
            for name, default in self._defaults(each for each in self.fields if each not in came)
        }
        for number, field in enumerate(came):
            field.shape.inline(source, f"value_{number}")
            values[field.name] = f"value_{number}"
        self._ready().write_plain(source, values)

    def _plain_plan(self, names: tuple[str, ...]) -> Plan:
        """
        Return a function that is slower, but costs nothing to make.
        """
        came = [self._by_name.get(name) for name in names]
        defaults = self._defaults(field for field in self.fields if field not in came)

        def read_fields(d: Decoder) -> Any:
            return self._read_values(d, iter(came), dict(defaults))

        return read_fields

    def read_map(self, d: Decoder) -> Any:
        """
        Read an instance that is written as a map, whose tag and type were read.
        """

        def came() -> Iterator[Field | None]:
            while not d.ends():
                name = read_any(d)
                yield self._by_name.get(name) if type(name) is str else None

        return self._read_values(d, came(), None)

    def _read_values(
        self,
        d: Decoder,
        came: Iterator[Field | None],
        defaults: Mapping[str, Callable[[], Any]] | None,
    ) -> Any:
        """
        Read the values of fields, as they come.

        Args:
            defaults: of the fields that do not come; None if that is not known before.
        """
        making = self._ready()
        index = len(d.refs)
        d.begin(making.begin())
        values: dict[str, Any] = {}
        for field in came:
            if field is None:
                read_any(d)
                continue
            try:
                values[field.name] = field.shape.read(d)
            except HessianError as error:
                error.path.append(f".{field.java_name}")
                raise
        if defaults is None:
            missing = (field for field in self.fields if field.name not in values)
            defaults = dict(self._defaults(missing))
        values.update((name, default()) for name, default in defaults.items())
        d.depth -= 1
        d.refs[index] = made = making.finish(d.refs[index], values)
        return made

    def _ready(self) -> Making:
        if self._making is None:
            raise HessianError(f"{self.name} is not complete")
        return self._making

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
