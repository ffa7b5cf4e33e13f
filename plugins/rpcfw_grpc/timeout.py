"""
The ``grpc-timeout`` header: up to eight digits and a unit.
"""

from __future__ import annotations

import re
from math import ceil

__all__ = ["read_timeout", "write_timeout"]

_FORM = re.compile(r"([0-9]{1,8})([HMSmun])\Z")
_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}

#: (below this many seconds, unit, units in a second): the finest unit that keeps
#: the number within eight digits.
_STEPS = ((0.01, "n", 1e9), (10.0, "u", 1e6), (1e5, "m", 1e3), (1e8, "S", 1.0))
_LONGEST = "99999999S"


def read_timeout(text: str) -> float:
    """
    Return the seconds that ``text`` names.

    Raises:
        ValueError: it is no timeout.
    """
    match = _FORM.match(text)
    if match is None:
        raise ValueError(f"grpc-timeout is 1 to 8 digits and one of HMSmun; {text[:20]!r} came")
    return int(match[1]) * _SECONDS[match[2]]


def write_timeout(seconds: float) -> str:
    """
    Return the header for ``seconds``, which may be negative or infinite.

    Rounded up to three digits. Calls made with the same time limit have slightly
    different times left; with fewer digits their headers are the same bytes, and
    a server that remembers headers need not read them again.
    """
    if seconds <= 0:
        return "1n"
    for below, unit, factor in _STEPS:
        if seconds < below:
            return f"{_three_digits(seconds * factor)}{unit}"
    return _LONGEST


def _three_digits(number: float) -> int:
    # The subtraction removes the error of binary fractions: 3.0 s is 3000m, not 3010m.
    step: int = 10 ** max(len(str(int(number))) - 3, 0)
    return max(ceil(number / step - 1e-9), 1) * step
