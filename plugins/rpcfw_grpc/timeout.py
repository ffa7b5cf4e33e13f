"""
The ``grpc-timeout`` header: up to eight digits and a unit.
"""

from __future__ import annotations

import re
from math import ceil, inf

__all__ = ["read_timeout", "write_timeout"]

_FORM = re.compile(r"([0-9]{1,8})([HMSmun])\Z")
_SECONDS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}

#: (below this many seconds, unit, units in a second): the finest unit that keeps
#: the number within eight digits, also if it is rounded up.
_STEPS = ((0.01, "n", 1e9), (10.0, "u", 1e6), (9.99e4, "m", 1e3), (9.99e7, "S", 1.0))
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


def write_timeout(seconds: float) -> tuple[float, float, str]:
    """
    Return (low, high, header) for ``seconds``, which may be negative or infinite.

    The header is that of all times over ``low`` up to ``high``: it is rounded up to three
    digits. ``seconds`` may lie just below them, since binary fractions are not exact. Calls
    made with the same time limit have slightly different times left; with fewer digits their
    headers are the same bytes, and a server that remembers headers need not read them again.
    """
    if seconds <= 0:
        return -inf, 0.0, "1n"
    finer = 0.0
    for below, unit, factor in _STEPS:
        if seconds < below:
            number, least = _three_digits(seconds * factor)
            return max(least / factor, finer), number / factor, f"{number}{unit}"
        finer = below
    return finer, inf, _LONGEST


def _three_digits(number: float) -> tuple[int, float]:
    """
    Return the number, rounded up, and over which numbers it is the same.
    """
    step: int = 10 ** max(len(str(int(number))) - 3, 0)
    # The subtraction removes the error of binary fractions: 3.0 s is 3000m, not 3010m.
    rounded = max(ceil(number / step - 1e-9), 1) * step
    least = rounded - step + step * 1e-6
    return rounded, max(least, 100 * step) if step > 1 else least
