"""
What the lists of consumers lacked while a provider lived.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from attrs import define

__all__ = ["Life", "Lists", "longest_gap", "longest_gaps"]

#: The addresses that a consumer was given, and when; in order of time.
Lists = Sequence[tuple[float, Sequence[str]]]


@define
class Life:
    """
    When a provider was announced, and asked to stop.

    Args:
        side: of the network, on which it registers.
    """

    address: str
    side: int
    began_at: float
    ended_at: float = math.inf


def longest_gap(lists: Lists, address: str, begin: float, end: float) -> float:
    """
    Return the longest time between two moments during which an address was not listed.
    """
    longest, missing_since = 0.0, begin
    for at, addresses in [*lists, (end, [address])]:
        longest = max(longest, min(at, end) - missing_since)
        missing_since = math.inf if address in addresses else min(missing_since, max(at, begin))
    return longest


def longest_gaps(
    consumers: Iterable[tuple[int, Lists]],
    lives: Sequence[Life],
    cut: tuple[float, float],
    begins_at: float,
    ends_at: float,
) -> tuple[float, float]:
    """
    Return the longest times that a living provider was missing from lists.

    First of its own side; then of the other side, counted from the end of the cut.

    Args:
        consumers: the side of each, and its lists.
        cut: when the sides did not reach each other.
        begins_at: when all consumers had all lists.
        ends_at: end of the run.
    """
    own, other = [0.0], [0.0]
    for side, lists in consumers:
        for life in lives:
            begin, end = max(life.began_at, begins_at), min(life.ended_at, ends_at)
            if side == life.side:
                own.append(longest_gap(lists, life.address, begin, end))
                continue
            own.append(longest_gap(lists, life.address, begin, min(end, cut[0])))
            other.append(longest_gap(lists, life.address, max(begin, cut[1]), end))
    return max(own), max(other)
