"""
Conditions on the fields of calls and instances, as rules of routers have them.

Conditions are joined by ``&``. Each is a field, ``=`` or ``!=``, and patterns between commas::

    method=get*,find & argument.id=1~99 & host!=10.1.0.0/16

A pattern is text, in which ``*`` stands for any characters; a range of numbers with both
ends in it, as ``1~99``, ``~99`` or ``100~``; or a network, as ``10.1.0.0/16``. ``=`` holds if
a value fits one of the patterns, ``!=`` if none does. A field without a value fits only
patterns that fit the empty text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from types import MappingProxyType

from attrs import frozen

__all__ = ["Condition", "is_one_of", "pattern", "read_conditions"]

Fits = Callable[[str], bool]

_CONDITION = re.compile(r"([^=!&,]+?)\s*(!?=)(.*)\Z", re.DOTALL)
_NUMBER = r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?"
_RANGE = re.compile(rf"({_NUMBER})?~({_NUMBER})?\Z")
_IS_NUMBER = re.compile(rf"{_NUMBER}\Z")
#: Both ways of Dubbo to name one of many, and ours: ``arguments[0]`` is ``argument.0``.
_INDEXED = re.compile(r"(arguments|attachments|tags)\[([^\]]+)\](.*)\Z")
_ALIASES = {"arguments": "argument", "attachments": "metadata", "tags": "tag"}


@frozen
class Condition:
    """
    One condition.

    Args:
        field: its name.
        fits: one for each pattern.
        wanted: True for ``=``, False for ``!=``.
    """

    field: str
    fits: tuple[Fits, ...]
    wanted: bool

    def holds(self, values: Sequence[str]) -> bool:
        """
        Tell whether a field with these values meets it.
        """
        for fits in self.fits:
            for value in values or ("",):
                if fits(value):
                    return self.wanted
        return not self.wanted


def read_conditions(
    text: str,
    variables: Mapping[str, str],
    checks: Mapping[str, Callable[[str], str]] = MappingProxyType({}),
) -> list[Condition]:
    """
    Read conditions that are joined by ``&``; none if the text is empty.

    Args:
        variables: values that the text may name, as ``$host``.
        checks: by field, what returns a pattern in its usual form, or refuses it.

    Raises:
        ValueError: some of it cannot be read.
    """
    found = []
    for part in filter(None, (part.strip() for part in text.split("&"))):
        match = _CONDITION.match(part)
        if match is None:
            raise ValueError(f"{part!r} is no condition; write FIELD=VALUE or FIELD!=VALUE")
        field, sign, values = match.groups()
        patterns = [_value(each.strip(), variables) for each in values.split(",")]
        if not any(patterns):
            raise ValueError(f"{part!r} has no value behind the {sign}")
        name = _name(field)
        usual = checks.get(name, str)
        fits = tuple(pattern(usual(each)) for each in patterns if each)
        found.append(Condition(name, fits, sign == "="))
    return found


def _name(field: str) -> str:
    match = _INDEXED.match(field)
    if match is None:
        return field
    what, name, rest = match.groups()
    return f"{_ALIASES[what]}.{name}{rest}"


def _value(text: str, variables: Mapping[str, str]) -> str:
    if not text.startswith("$"):
        return text
    is_one_of("variable", text, [f"${name}" for name in variables])
    return variables[text[1:]]


def pattern(text: str) -> Fits:
    """
    Return what tells whether a value fits a pattern.
    """
    ends = _RANGE.match(text)
    if ends and text != "~":
        low, high = (None if end is None else float(end) for end in ends.groups())
        return lambda value: _is_within(value, low, high)
    if "/" in text:
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            pass  # a path or a name
        else:
            return lambda value: _is_in(value, network)
    if "*" in text:
        first, *parts, last = text.split("*")
        return lambda value: _has_parts(value, first, parts, last)
    return text.__eq__


def _has_parts(value: str, first: str, parts: Sequence[str], last: str) -> bool:
    """
    Tell whether a value begins, goes on and ends like a pattern with stars.

    A regular expression would take exponential time on values that a caller makes for it.
    """
    if not value.startswith(first) or not value.endswith(last):
        return False
    at, end = len(first), len(value) - len(last)
    for part in parts:
        at = value.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return at <= end


def _is_within(value: str, low: float | None, high: float | None) -> bool:
    if not _IS_NUMBER.match(value):
        return False
    number = float(value)
    return (low is None or low <= number) and (high is None or number <= high)


def _is_in(value: str, network: IPv4Network | IPv6Network) -> bool:
    address = _address(value)
    return address is not None and address in network


# Rules ask for the same hosts again and again.
@lru_cache(maxsize=1024)
def _address(value: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(value)
    except ValueError:
        return None


def is_one_of(what: str, name: str, known: Iterable[str]) -> None:
    """
    Check a name that a rule has.

    Raises:
        ValueError: with the nearest known name.
    """
    names = list(known)
    if name not in names:
        near = get_close_matches(name, names, 1)
        maybe = f"did you mean {near[0]!r}? " if near else ""
        raise ValueError(f"no {what} is called {name!r}; {maybe}known: {', '.join(names)}")
