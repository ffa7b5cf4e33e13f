"""
Checks of single values and of collections, of which those of whole types are made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, time, timedelta
from math import isfinite
from typing import Any

import msgspec

__all__ = [
    "PLAIN",
    "STR",
    "Check",
    "Many",
    "Unfit",
    "any_of",
    "at",
    "check_any",
    "check_any_key",
    "check_datetime",
    "check_float",
    "check_time",
    "entries",
    "exact",
    "expected",
    "floats_fit",
    "items",
    "literal",
    "places",
    "typed_dict",
]

#: Raises `Unfit` if a value does not fit.
Check = Callable[[Any], None]
#: Tells whether all of many values fit. The loops are C's: for long lists of small values.
#: May raise `Unfit` itself, if it knows where the mistake is.
Many = Callable[[Collection[Any]], bool]

#: Values of these fit where the annotation is Any; of a float and of containers more is asked.
PLAIN: frozenset[type] = frozenset((type(None), bool, int, str))
STR: frozenset[type] = frozenset((str,))
_FLOAT: frozenset[type] = frozenset((float,))
_BUILTINS = "None, bool, int, float, str, list or dict"


class Unfit(TypeError):
    """
    A value that JSON would change.

    Args:
        reason: what was expected, and what came.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        #: Where the value stands, innermost first.
        self.path: list[str] = []

    def __str__(self) -> str:
        where = "".join(reversed(self.path)).removeprefix(".")
        return f"{where}: {self.reason}" if where else self.reason


def expected(what: str, value: Any) -> Unfit:
    """
    Return the error for a value of another type.
    """
    return Unfit(f"expected {what}, got {type(value).__qualname__}")


def at(place: str, check: Check, value: Any) -> None:
    """
    Check a value; the error says at which place it stands.
    """
    try:
        check(value)
    except Unfit as error:
        error.path.append(place)
        raise


def exact(cls: type) -> Check:
    """
    Return the check of a type whose instances all fit.
    """
    name = "None" if cls is type(None) else cls.__qualname__

    def check_exact(value: Any) -> None:
        if type(value) is not cls:
            raise expected(name, value)

    return check_exact


def check_float(value: Any) -> None:
    """
    Check a float: a number, or an int that one is equal to.
    """
    if type(value) is float:
        if not isfinite(value):
            raise Unfit(f"JSON has no number for {value}; send None or a str for it")
    elif type(value) is not int:
        raise expected("float", value)
    elif abs(value) > 1 << 53 and (abs(value) >= 1 << 1023 or int(float(value)) != value):
        raise Unfit(f"{value} is an int that no float is equal to; annotate int for it")


def check_datetime(value: Any) -> None:
    """
    Check a datetime.
    """
    if type(value) is not datetime:
        raise expected("datetime", value)
    if value.tzinfo is not None:
        _check_offset(value)


def check_time(value: Any) -> None:
    """
    Check a time.
    """
    if type(value) is not time:
        raise expected("time", value)
    if value.tzinfo is not None:
        _check_offset(value)


def _check_offset(value: datetime | time) -> None:
    """
    Check that the offset is one of RFC 3339, which has hours and minutes only.
    """
    offset = value.utcoffset()
    if offset is None or offset % timedelta(minutes=1):
        raise Unfit(f"the zone {value.tzinfo} has no offset from UTC in whole minutes here")


def literal(values: Iterable[Any]) -> Check:
    """
    Return the check of one of some values.
    """
    known = {(type(each), each) for each in values}
    names = ", ".join(sorted(repr(each) for each in values))

    def check_literal(value: Any) -> None:
        try:
            fits = (type(value), value) in known
        except TypeError:  # not hashable
            fits = False
        if not fits:
            raise expected(f"one of {names}", value)

    return check_literal


def any_of(checks: list[Check], value: Any) -> None:
    """
    Check a value by several checks, of which one has to pass.
    """
    for check in checks[:-1]:
        try:
            check(value)
        except Unfit:
            continue
        return
    checks[-1](value)


def items(cls: Any, check: Check, exact: frozenset[type], fit: Many | None = None) -> Check:
    """
    Return the check of a collection.

    Args:
        exact: items of these classes need no check.
        fit: tells whether many items fit, faster than `check` one by one.
    """

    def check_items(value: Any) -> None:
        if type(value) is not cls:
            raise expected(cls.__name__, value)
        if exact.issuperset(map(type, value)) or (fit is not None and fit(value)):
            return
        for index, each in enumerate(value):
            at(f"[{index}]", check, each)

    return check_items


def floats_fit(values: Collection[Any]) -> bool:
    """
    Tell whether all are floats that JSON has numbers for.
    """
    return _FLOAT.issuperset(map(type, values)) and all(map(isfinite, values))


def typed_dict(checks: Mapping[str, Check]) -> Check:
    """
    Return the check of a dict whose keys are declared.
    """

    def check_typed_dict(value: Any) -> None:
        if type(value) is not dict:
            raise expected("dict", value)
        for key, each in value.items():
            check = checks.get(key)
            if check is None:
                raise Unfit(f"the key {key!r} is not declared; known: {', '.join(checks)}")
            at(f".{key}", check, each)

    return check_typed_dict


def places(checks: tuple[Check, ...]) -> Check:
    """
    Return the check of a tuple with a type for each place.
    """

    def check_places(value: Any) -> None:
        if type(value) is not tuple:
            raise expected("tuple", value)
        if len(value) != len(checks):
            raise Unfit(f"expected a tuple of {len(checks)}, got one of {len(value)}")
        for index, (check, each) in enumerate(zip(checks, value, strict=True)):
            at(f"[{index}]", check, each)

    return check_places


def entries(
    check_key: Check, check_value: Check, keys: frozenset[type], values: frozenset[type]
) -> Check:
    """
    Return the check of a dict; keys and values of the given classes need none.
    """
    check_key = check_any_key if check_key is check_any else check_key

    def check_entries(value: Any) -> None:
        if type(value) is not dict:
            raise expected("dict", value)
        if not keys.issuperset(map(type, value)):
            for key in value:
                at(f"[{key!r}]", check_key, key)
        if not values.issuperset(map(type, value.values())):
            for key, each in value.items():
                at(f"[{key!r}]", check_value, each)

    return check_entries


def check_any_key(key: Any) -> None:
    """
    Check a key of a dict whose annotation names no type for it.
    """
    if type(key) is not str:
        raise expected("a str as a key, where the annotation names no other type", key)


def check_any(value: Any) -> None:
    """
    Check what has no annotation. It is read as these builtins, so it is one of them.
    """
    cls = type(value)
    if cls in PLAIN:
        return
    if cls is float:
        check_float(value)
    elif cls is list:
        _check_any_items(value)
    elif cls is dict:
        _check_any_entries(value)
    elif cls is not msgspec.Raw:
        raise expected(f"{_BUILTINS}, as the annotation names no type", value)


_check_any_items = items(list, check_any, PLAIN)
_check_any_entries = entries(check_any_key, check_any, STR, PLAIN)
