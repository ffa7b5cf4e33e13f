"""
The score of each node, from those that several collectors give it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import mul
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
    columns = []
    weights = []
    for each in collectors:
        scores = each.scores(candidates)
        if any(score is not None for score in scores):
            columns.append(_complete(scores))
            weights.append(each.options.weight)
    if not columns:
        return None
    combined = _mean(columns, weights) if combine == "mean" else _product(columns, weights)
    return [max(MIN_SCORE, score) for score in combined]


def _mean(columns: Sequence[Sequence[float]], weights: Sequence[float]) -> Iterable[float]:
    shares = [weight / sum(weights) for weight in weights]
    for row in zip(*columns, strict=True):
        yield sum(map(mul, row, shares))


def _product(columns: Sequence[Sequence[float]], weights: Sequence[float]) -> Iterable[float]:
    products: Iterable[float] = ()
    for column, weight in zip(columns, weights, strict=True):
        powers = column if weight == 1 else [score**weight for score in column]
        products = map(mul, products, powers) if products else powers
    return products


def _complete(scores: Sequence[float | None]) -> Sequence[float]:
    """
    Return scores within 0 and 1; those that are unknown are the mean of the others.
    """
    inside = [score if score is None or 0.0 <= score <= 1.0 else _inside(score) for score in scores]
    known = [score for score in inside if score is not None]
    if len(known) == len(inside):
        return known
    mean = sum(known) / len(known)
    return [mean if score is None else score for score in inside]


def _inside(score: float) -> float:
    # Also of a collector that breaks its contract; what is no number is the worst.
    return min(score, 1.0) if score > 0.0 else 0.0
