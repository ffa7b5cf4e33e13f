"""
The score of each node, from those that several collectors give it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Literal

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.collector import Collector

__all__ = ["MIN_SCORE", "combined"]

#: The lowest score. With 0 a node would be as one that is drained.
MIN_SCORE = 1e-3


def combined(
    collectors: Sequence[Collector],
    candidates: Sequence[Candidate],
    combine: Literal["product", "mean"],
) -> Sequence[float] | None:
    """
    Return the score of each candidate; None if no collector says anything.

    Args:
        collectors: those whose weight is above 0.
        combine: ``product`` of the scores to the power of the weights, or weighted ``mean``.
    """
    if not collectors:
        return None
    columns = [_complete(each.scores(candidates)) for each in collectors]
    weights = [each.options.weight for each in collectors]
    if combine == "mean":
        total = sum(weights)
        shares = [weight / total for weight in weights]
        columns = [
            [score * share for score in column]
            for column, share in zip(columns, shares, strict=True)
        ]
        return [max(sum(row), MIN_SCORE) for row in zip(*columns, strict=True)]
    columns = [
        column if weight == 1 else [score**weight for score in column]
        for column, weight in zip(columns, weights, strict=True)
    ]
    return [max(prod(row), MIN_SCORE) for row in zip(*columns, strict=True)]


def _complete(scores: Sequence[float | None]) -> list[float]:
    """
    Return scores within 0 and 1; those that are unknown are the mean of the others.
    """
    inside = [None if score is None else _inside(score) for score in scores]
    known = [score for score in inside if score is not None]
    mean = sum(known) / len(known) if known else 1.0
    return [mean if score is None else score for score in inside]


def _inside(score: float) -> float:
    # Also of a collector that breaks its contract; what is no number is the worst.
    return min(score, 1.0) if score > 0.0 else 0.0
