"""
Checks of a message before it is written as JSON, compiled once for each type.

JSON has fewer types than Python. Without a check a NaN is written as null, a UUID given
for a str as a string, an instance of a subclass as one of its base; the reader cannot
tell, and gets another value. So the writer checks that each value has exactly the type
of its annotation, and refuses what JSON would change. What the reader can tell, such as
a bound of ``msgspec.Meta``, is left to the reader.

A check raises `Unfit`. On its way out each container adds where the value stands.
"""

from __future__ import annotations

import typing
from collections import deque
from collections.abc import Callable, Collection, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import repeat
from operator import attrgetter, length_hint
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from msgspec import inspect

from rpcfw_codecs.json_keys import check_keys
from rpcfw_codecs.json_nodes import bare
from rpcfw_codecs.json_values import (
    PLAIN,
    STR,
    Check,
    Many,
    Unfit,
    any_of,
    at,
    check_any,
    check_any_key,
    check_datetime,
    check_float,
    check_time,
    entries,
    exact,
    expected,
    floats_fit,
    items,
    literal,
    places,
    typed_dict,
)

__all__ = ["check_of"]

_EXACT: dict[type, type] = {
    inspect.NoneType: type(None),
    inspect.BoolType: bool,
    inspect.IntType: int,
    inspect.StrType: str,
    inspect.BytesType: bytes,
    inspect.ByteArrayType: bytearray,
    inspect.MemoryViewType: memoryview,
    inspect.DateType: date,
    inspect.TimeDeltaType: timedelta,
    inspect.UUIDType: UUID,
    inspect.DecimalType: Decimal,
    inspect.RawType: msgspec.Raw,
}
_WithFields: TypeAlias = inspect.StructType | inspect.DataclassType | inspect.NamedTupleType
_WITH_FIELDS = (inspect.StructType, inspect.DataclassType, inspect.NamedTupleType)
_COLLECTIONS: dict[type, type] = {
    inspect.ListType: list,
    inspect.VarTupleType: tuple,
    inspect.SetType: set,
    inspect.FrozenSetType: frozenset,
}
_Compiled: TypeAlias = tuple[tuple[type, ...], Check]
_ALONE: dict[type, _Compiled] = {
    inspect.FloatType: ((float, int), check_float),
    inspect.DateTimeType: ((datetime,), check_datetime),
    inspect.TimeType: ((time,), check_time),
}


def check_of(type: Any) -> Check:
    """
    Return the check of a type that JSON can carry.

    Raises:
        TypeError: JSON would drop a field of it, or could give a key as another.
    """
    return _Compiler().check(inspect.type_info(type))


def _free(node: inspect.Type) -> frozenset[type]:
    """
    Return the classes whose instances fit a type, whatever their value is.
    """
    kind = type(bare(node))
    if kind is inspect.AnyType:
        return PLAIN
    return frozenset((_EXACT[kind],)) if kind in _EXACT else frozenset()


class _Compiler:
    """
    Makes the checks of one type. A class that holds itself is met once.
    """

    def __init__(self) -> None:
        self._classes: dict[int, _Fields] = {}
        #: By kind of type; a kind that is not here is read as Any is.
        self._kinds: dict[type, Callable[[Any], _Compiled]] = {
            **dict.fromkeys(_COLLECTIONS, self._list),
            **dict.fromkeys(_WITH_FIELDS, self._object),
            inspect.DictType: self._dict,
            inspect.EnumType: self._enum,
            inspect.LiteralType: self._literal,
            inspect.TupleType: self._tuple,
            inspect.TypedDictType: self._typed_dict,
            inspect.UnionType: self._union,
        }

    def check(self, node: inspect.Type) -> Check:
        """
        Return the check of a type and of all that is in it.
        """
        return self.checks(node)[1]

    def checks(self, node: inspect.Type) -> _Compiled:
        """
        Return the classes whose instances may fit a type, and its check.
        """
        node = bare(node)
        kind = type(node)
        if kind in _EXACT:
            return (_EXACT[kind],), exact(_EXACT[kind])
        if kind in _ALONE:
            return _ALONE[kind]
        compiled = self._kinds.get(kind)
        return ((), check_any) if compiled is None else compiled(node)

    def _enum(self, node: inspect.EnumType) -> _Compiled:
        return (node.cls,), exact(node.cls)

    def _literal(self, node: inspect.LiteralType) -> _Compiled:
        return tuple({type(each) for each in node.values}), literal(node.values)

    def _list(self, node: Any) -> _Compiled:
        cls = _COLLECTIONS[type(node)]
        item = bare(node.item_type)
        fit: Many | None = None
        if isinstance(item, inspect.FloatType):
            fit = floats_fit
        elif isinstance(item, _WITH_FIELDS):
            fit = self._known(item).fit
        return (cls,), items(cls, self.check(item), _free(item), fit)

    def _tuple(self, node: inspect.TupleType) -> _Compiled:
        return (tuple,), places(tuple(map(self.check, node.item_types)))

    def _dict(self, node: inspect.DictType) -> _Compiled:
        key, value = bare(node.key_type), node.value_type
        check_keys(key)
        plain = isinstance(key, inspect.AnyType)
        keys = STR if plain else _free(key)
        check_key = check_any_key if plain else self.check(key)
        return (dict,), entries(check_key, self.check(value), keys, _free(value))

    def _typed_dict(self, node: inspect.TypedDictType) -> _Compiled:
        return (dict,), typed_dict({field.name: self.check(field.type) for field in node.fields})

    def _object(self, node: _WithFields) -> _Compiled:
        known = self._known(node)
        return (known.cls,), known.check

    def _union(self, node: inspect.UnionType) -> _Compiled:
        found: dict[type, list[Check]] = {}
        for member in node.types:
            classes, check = self.checks(member)
            if not classes:
                return (), check  # Any takes in all the others
            for cls in classes:
                found.setdefault(cls, []).append(check)
        if len(found.get(int, ())) > 1:
            found[int].remove(check_float)  # an int is one, beside a float
        names = " | ".join("None" if cls is type(None) else cls.__qualname__ for cls in found)

        def check_one_of(value: Any) -> None:
            checks = found.get(type(value))
            if checks is None:
                raise expected(names, value)
            any_of(checks, value)

        return tuple(found), check_one_of

    def _known(self, node: _WithFields) -> _Fields:
        known = self._classes.get(id(node))
        if known is None:
            known = self._classes[id(node)] = _Fields(node)
            known.compile(node.fields, self.check)
        return known


class _Fields:
    """
    The check of a class with fields. It may hold itself, so it is compiled in two steps.
    """

    def __init__(self, node: _WithFields) -> None:
        self.cls: type = typing.get_origin(node.cls) or node.cls
        slotted = "__dict__" not in dir(self.cls)
        if isinstance(node, inspect.DataclassType) and slotted:
            for field in node.fields:
                if field.name.startswith("_"):
                    raise TypeError(
                        f"the field {field.name} of {self.cls.__qualname__} would not be sent: "
                        "its name begins with an underscore"
                    )
        #: Defaults that an instance read from JSON finds in its class only. They would
        #: not be sent on, and a reader with other defaults would see other values.
        self._defaults: dict[str, Any] = {}
        if isinstance(node, inspect.DataclassType) and not slotted:
            names = [field.name for field in node.fields]
            self._defaults = {
                one: getattr(self.cls, one) for one in names if hasattr(self.cls, one)
            }
        self._checks: list[tuple[str, Check]] = []

    def compile(self, fields: Iterable[inspect.Field], check: Callable[[Any], Check]) -> None:
        """
        Compile the checks of the fields.
        """
        self._checks = [(field.name, check(field.type)) for field in fields]
        # Most fields are of these types. They are compared all at once.
        kinds = {field.name: type(bare(field.type)) for field in fields}
        plain = {name: _EXACT[kind] for name, kind in kinds.items() if kind in _EXACT}
        self._exact = [(attrgetter(name), frozenset((cls,))) for name, cls in plain.items()]
        self._types = tuple(plain.values())
        self._get = attrgetter(*plain) if plain else None
        self._others = [one for one in self._checks if one[0] not in plain]

    def check(self, value: Any) -> None:
        """
        Check an instance, and complete it by defaults that are in its class.
        """
        if type(value) is not self.cls:
            raise expected(self.cls.__qualname__, value)
        if self._defaults:
            self._complete((value,))
        checks = self._others
        if self._get is not None:
            found = self._get(value)
            one = len(self._types) == 1
            if ((type(found),) if one else tuple(map(type, found))) != self._types:
                checks = self._checks
        for name, check in checks:
            each = getattr(value, name)
            if each is not msgspec.UNSET:
                at(f".{name}", check, each)

    def fit(self, values: Collection[Any]) -> bool:
        """
        Tell whether values fit, field by field, and complete them as `check` does.

        Plain fields come first. What is deeper is checked once: if it was looked at again
        to say where the mistake is, each further depth would double the time.

        Raises:
            Unfit: something deeper does not fit.
        """
        if not {self.cls}.issuperset(map(type, values)):
            return False
        if self._defaults:
            self._complete(values)
        for get, types in self._exact:
            if not types.issuperset(map(type, map(get, values))):
                return False
        for name, check in self._others:
            _check_all(name, check, values)
        return True

    def _complete(self, values: Collection[Any]) -> None:
        for name, default in self._defaults.items():
            own: Iterable[dict[str, Any]] = map(attrgetter("__dict__"), values)
            deque(map(dict.setdefault, own, repeat(name), repeat(default)), maxlen=0)


def _check_all(name: str, check: Check, values: Collection[Any]) -> None:
    """
    Check one field of many instances, in a loop of C's.
    """
    get, waiting = attrgetter(name), iter(values)
    while True:
        try:
            # `check` has no result, so this goes on to the end.
            any(map(check, map(get, waiting)))
        except Unfit as error:
            index = len(values) - length_hint(waiting) - 1
            if get(list(values)[index]) is not msgspec.UNSET:
                error.path += (f".{name}", f"[{index}]")
                raise
        else:
            return
