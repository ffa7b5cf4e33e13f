"""
What became of the calls of a consumer, and what follows from that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from attrs import asdict, define, field

__all__ = ["IN_USE", "Called", "Figures", "Span", "figures"]

#: Share of the calls of a second from which on a node is used again, in fair shares.
IN_USE = 0.5
_MAX_ERRORS = 5


@define
class Called:
    """
    One call.

    Args:
        number: from 0; also its argument.
        idempotent: whether its method is.
        at: when it began, by the clock of the machine.
        took_s: until it ended.
        by: process that answered; 0: none.
        status: of a failure.
        not_begun: whether the failure says that no provider has begun it.
        error: what the failure says.
    """

    number: int
    idempotent: bool
    at: float
    took_s: float = 0.0
    by: int = 0
    status: str = ""
    not_begun: bool = False
    error: str = ""


@define
class Span:
    """
    When the fault was there, and which processes had it.

    Args:
        processes: the faulty one, and the one in its place later.
        settle_s: time from which on shares and latencies during the fault are counted.
    """

    began_at: float
    ended_at: float
    processes: set[int]
    providers: int
    settle_s: float


@define
class Figures:
    """
    The figures of one fault.

    Args:
        failed_idempotent: failed calls of the method that may be repeated.
        failed_begun: failed calls of the other method, which a provider has begun.
        failed_unknown: those that may have been begun: they were sent, and never answered.
        failed_not_begun: those that surely were not. There is no excuse for them.
        failed_share: of all calls of the whole run, in percent.
        last_failed_s: when the last of them began, counted from the fault.
        share: of the faulty node during the fault, after the time to settle, in percent.
        p50_ms: latency of answered calls in that time, as the two others.
        answered_again_s: from the recovery until the node answers a call that began later.
        used_again_s: until it has half of its fair share over a second.
    """

    calls: int
    skipped: int
    failed: int
    failed_idempotent: int
    failed_begun: int
    failed_unknown: int
    failed_not_begun: int
    failed_share: float
    last_failed_s: float | None
    share: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    answered_again_s: float | None
    used_again_s: float | None
    statuses: dict[str, int] = field(factory=dict)
    errors: list[str] = field(factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def figures(calls: Sequence[Called], skipped: int, begun: set[int], span: Span) -> Figures:
    """
    Return the figures of one run.

    Args:
        begun: numbers of the calls of the method that is not idempotent, which providers
            have begun.
    """
    failed = [one for one in calls if one.status]
    others = [one for one in failed if not one.idempotent]
    unknown = [one for one in others if one.number not in begun]
    settled_at = span.began_at + span.settle_s
    during = [one for one in calls if settled_at <= one.at < span.ended_at and one.by]
    taken = sorted(one.took_s for one in during) or [0.0]
    return Figures(
        calls=len(calls),
        skipped=skipped,
        failed=len(failed),
        failed_idempotent=len(failed) - len(others),
        failed_begun=len(others) - len(unknown),
        failed_unknown=sum(not one.not_begun for one in unknown),
        failed_not_begun=sum(one.not_begun for one in unknown),
        failed_share=_percent(len(failed), len(calls)),
        last_failed_s=round(max(one.at for one in failed) - span.began_at, 2) if failed else None,
        share=_percent(sum(one.by in span.processes for one in during), len(during)),
        p50_ms=_ms(taken, 50),
        p99_ms=_ms(taken, 99),
        max_ms=_ms(taken, 100),
        answered_again_s=_answered_again(calls, span),
        used_again_s=_used_again(calls, span),
        statuses=dict(Counter(one.status for one in failed)),
        errors=[text for text, _ in Counter(one.error for one in failed).most_common(_MAX_ERRORS)],
    )


def _answered_again(calls: Sequence[Called], span: Span) -> float | None:
    after = (one.at for one in calls if one.at >= span.ended_at and one.by in span.processes)
    first = min(after, default=None)
    return None if first is None else round(first - span.ended_at, 2)


def _used_again(calls: Sequence[Called], span: Span) -> float | None:
    """
    Return the end of the first second after the fault in which the node is in use.

    The seconds begin at each tenth of a second.
    """
    after = [one for one in calls if one.at >= span.ended_at and one.by]
    last_at = max((one.at for one in after), default=span.ended_at)
    for tenth in range(int((last_at - span.ended_at) * 10) - 9):
        begin = span.ended_at + tenth / 10
        second = [one for one in after if begin <= one.at < begin + 1]
        share = sum(one.by in span.processes for one in second) / max(1, len(second))
        if share >= IN_USE / span.providers:
            return round(tenth / 10 + 1, 1)
    return None


def _percent(count: int, of: int) -> float:
    return round(100 * count / of, 2) if of else 0.0


def _ms(taken: Sequence[float], percentile: int) -> float:
    return round(taken[min(len(taken) - 1, len(taken) * percentile // 100)] * 1000, 1)
