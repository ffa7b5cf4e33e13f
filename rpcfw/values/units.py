"""
Quantities as people write them in INI files: ``250ms``, ``4MiB``, ``5%``, ``30/s``.

A bare number is refused wherever a unit is due: the unit is the meaning.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from math import inf
from typing import Annotated

__all__ = [
    "Bytes",
    "PerSecond",
    "Seconds",
    "Share",
    "TimeLimit",
    "format_duration",
    "format_size",
    "parse_duration",
    "parse_rate",
    "parse_share",
    "parse_size",
    "parse_time_limit",
    "part_of",
]

#: Marks for option types: what is a plain number inside has a unit in the INI.
Seconds = Annotated[float, "duration"]
#: Likewise, or infinite for the text ``none``.
TimeLimit = Annotated[float, "time limit"]
Bytes = Annotated[int, "size"]
PerSecond = Annotated[float, "rate"]
Share = Annotated[float, "share"]

# The digits are bounded: no quantity that means anything has more.
_NUMBER = re.compile(r"\s*([0-9]{1,30}(?:\.[0-9]{1,30})?)\s*([A-Za-z/%]*)\s*\Z")

# Fractions, so that 9ms is 0.009 and not one bit beside it.
_DURATIONS = {
    "us": Fraction(1, 10**6),
    "ms": Fraction(1, 1000),
    "s": Fraction(1),
    "m": Fraction(60),
    "min": Fraction(60),
    "h": Fraction(3600),
    "d": Fraction(86400),
}
_SIZES = {
    "B": Fraction(1),
    "kB": Fraction(1000),
    "KB": Fraction(1000),
    "MB": Fraction(1000**2),
    "GB": Fraction(1000**3),
    "KiB": Fraction(1 << 10),
    "MiB": Fraction(1 << 20),
    "GiB": Fraction(1 << 30),
}
_RATES = {
    "/s": Fraction(1),
    "/m": Fraction(1, 60),
    "/min": Fraction(1, 60),
    "/h": Fraction(1, 3600),
}
_SHARES = {"%": Fraction(1, 100)}


def _scaled(text: str, units: dict[str, Fraction], what: str, example: str) -> Fraction:
    match = _NUMBER.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a {what}; write one as {example}")
    number, unit = match.groups()
    if unit not in units:
        known = ", ".join(units)
        missing = "has no unit" if not unit else f"has the unknown unit {unit!r}"
        raise ValueError(f"{text!r} {missing}; a {what} is written as {example} ({known})")
    return Fraction(number) * units[unit]


def parse_duration(text: str) -> float:
    """
    Return the seconds in ``text``.

    Raises:
        ValueError: it is not a number with a unit of time.
    """
    return float(_scaled(text, _DURATIONS, "duration", "250ms"))


def parse_time_limit(text: str) -> float:
    """
    Return the seconds in ``text``; infinity for ``none``.

    Raises:
        ValueError: it is neither ``none`` nor a number with a unit of time.
    """
    return inf if text.strip().casefold() == "none" else parse_duration(text)


def parse_size(text: str) -> int:
    """
    Return the bytes in ``text``.

    Raises:
        ValueError: it is not a number with a unit of size.
    """
    return int(_scaled(text, _SIZES, "size", "4MiB"))


def parse_rate(text: str) -> float:
    """
    Return the times per second in ``text``.

    Raises:
        ValueError: it is not a number with a unit of rate.
    """
    return float(_scaled(text, _RATES, "rate", "30/s"))


def parse_share(text: str) -> float:
    """
    Return the part of one in ``text``: 0.05 for ``5%``.

    Raises:
        ValueError: it is not a percentage between 0 and 100.
    """
    share = float(_scaled(text, _SHARES, "share", "5%"))
    if share > 1:
        raise ValueError(f"{text!r} is over 100%")
    return share


def part_of(share: float, count: int) -> float:
    """
    Return a share of so many: 29 for 29 % of 100, and not one bit less.
    """
    return round(share * count, 9)


def format_duration(seconds: float) -> str:
    """
    Return the shortest exact text that `parse_duration` reads back.
    """
    exact = Decimal(repr(seconds))
    for unit in ("d", "h", "m", "s", "ms", "us"):
        number = Fraction(exact) / _DURATIONS[unit]
        if number >= 1 and number.denominator == 1:
            return f"{number}{unit}"
    return f"{exact.normalize():f}s"


def format_size(size: int) -> str:
    """
    Return the shortest exact text that `parse_size` reads back.
    """
    for unit in ("GiB", "MiB", "KiB"):
        number = size / _SIZES[unit]
        if number >= 1 and number.denominator == 1:
            return f"{number}{unit}"
    return f"{size}B"
