"""
Quantities as people write them in INI files: ``250ms``, ``4MiB``, ``5%``, ``30/s``.

A bare number is refused wherever a unit is due: the unit is the meaning.
"""

from __future__ import annotations

import re
from typing import Annotated

__all__ = [
    "Bytes",
    "PerSecond",
    "Seconds",
    "Share",
    "format_duration",
    "format_size",
    "parse_duration",
    "parse_rate",
    "parse_share",
    "parse_size",
]

#: Marks for option types: what is a plain number inside has a unit in the INI.
Seconds = Annotated[float, "duration"]
Bytes = Annotated[int, "size"]
PerSecond = Annotated[float, "rate"]
Share = Annotated[float, "share"]

_NUMBER = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z/%]*)\s*\Z")

_DURATIONS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {
    "B": 1,
    "kB": 1000,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "KiB": 1 << 10,
    "MiB": 1 << 20,
    "GiB": 1 << 30,
}
_RATES = {"/s": 1.0, "/m": 1 / 60, "/min": 1 / 60, "/h": 1 / 3600}


def _scaled(text: str, units: dict[str, float], what: str, example: str) -> float:
    match = _NUMBER.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a {what}; write one as {example}")
    number, unit = match.groups()
    if unit not in units:
        known = ", ".join(units)
        missing = "has no unit" if not unit else f"has the unknown unit {unit!r}"
        raise ValueError(f"{text!r} {missing}; a {what} is written as {example} ({known})")
    return float(number) * units[unit]


def parse_duration(text: str) -> float:
    """
    Return the seconds in ``text``.

    Raises:
        ValueError: it is not a number with a unit of time.
    """
    return _scaled(text, _DURATIONS, "duration", "250ms")


def parse_size(text: str) -> int:
    """
    Return the bytes in ``text``.

    Raises:
        ValueError: it is not a number with a unit of size.
    """
    return int(_scaled(text, {unit: float(n) for unit, n in _SIZES.items()}, "size", "4MiB"))


def parse_rate(text: str) -> float:
    """
    Return the times per second in ``text``.

    Raises:
        ValueError: it is not a number with a unit of rate.
    """
    return _scaled(text, _RATES, "rate", "30/s")


def parse_share(text: str) -> float:
    """
    Return the part of one in ``text``: 0.05 for ``5%``.

    Raises:
        ValueError: it is not a percentage between 0 and 100.
    """
    share = _scaled(text, {"%": 0.01}, "share", "5%")
    if share > 1:
        raise ValueError(f"{text!r} is over 100%")
    return share


def format_duration(seconds: float) -> str:
    """
    Return the shortest exact text that `parse_duration` reads back.
    """
    for unit in ("d", "h", "m", "s", "ms", "us"):
        number = round(seconds / _DURATIONS[unit], 6)
        if number >= 1 and number == int(number):
            return f"{int(number)}{unit}"
    return f"{seconds:g}s"


def format_size(size: int) -> str:
    """
    Return the shortest exact text that `parse_size` reads back.
    """
    for unit in ("GiB", "MiB", "KiB"):
        if size and size % _SIZES[unit] == 0:
            return f"{size // _SIZES[unit]}{unit}"
    return f"{size}B"
