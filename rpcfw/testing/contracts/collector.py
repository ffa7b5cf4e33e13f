"""
What every collector promises.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.collector import Collector
from rpcfw.status import Hint, Status
from rpcfw.testing.candidates import candidates
from rpcfw.values.outcome import Outcome

__all__ = ["CollectorContract"]


class CollectorContract:
    """
    The tests of a collector.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyCollector(CollectorContract):
            def make(self):
                return MyCollector(CollectorOptions(weight=1.0), plugin_context())
    """

    @abstractmethod
    def make(self) -> Collector:
        """
        Return a new collector.
        """

    def test_a_score_for_each(self) -> None:
        """
        Each candidate has a score within 0 and 1, or None, also when nothing was learned.
        """
        given = candidates(a=100, b=1, c=0)
        collector = self.make()
        _check(collector.scores(given), given)
        _learn(collector, given)
        _check(collector.scores(given), given)

    def test_none_are_given(self) -> None:
        """
        For no candidates there are no scores.
        """
        assert not self.make().scores(())

    def test_they_are_in_the_order_of_the_candidates(self) -> None:
        """
        The same candidates in another order have the same scores.
        """
        given = candidates(a=100, b=100, c=100)
        collector = self.make()
        _learn(collector, given)
        forth, back = collector.scores(given), collector.scores(given[::-1])

        assert [*forth] == [*back][::-1]

    def test_strangers_are_taken(self) -> None:
        """
        An attempt on a candidate that was never scored is taken, and so is an end alone.
        """
        given, strangers = candidates(a=1, b=1), candidates(x=1, y=0)
        collector = self.make()
        _learn(collector, strangers)
        collector.record(given[0], Outcome(Status.OK, 0.01))

        _check(collector.scores(given), given)
        _check(collector.scores([*given, *strangers]), [*given, *strangers])

    def test_extreme_times(self) -> None:
        """
        Attempts that took no time, or hours, leave scores that are numbers within 0 and 1.
        """
        given = candidates(a=1, b=1, c=1)
        collector = self.make()
        for one, took_s in zip(given, (0.0, 1e-9, 1e6), strict=True):
            collector.began(one)
            collector.record(one, Outcome(Status.OK, took_s))

        _check(collector.scores(given), given)

    def test_learns_is_said(self) -> None:
        """
        A collector that overrides ``began`` or ``record`` says that it learns.
        """
        kind = type(self.make())

        overrides = kind.record is not Collector.record or kind.began is not Collector.began
        assert kind.learns == overrides

    def test_takes_over(self) -> None:
        """
        One that replaces another scores as that did, and both take the ends of attempts.
        """
        before, after = self.make(), self.make()
        given = candidates(a=1, b=1)
        _learn(before, given)
        before.began(given[0])
        scores = before.scores(given)
        after.take_over(before)

        assert [*scores] == [*after.scores(given)]
        for one in (before, after):
            one.record(given[0], Outcome(Status.OK, 0.01))
            _check(one.scores(given), given)


def _learn(collector: Collector, given: Sequence[Candidate]) -> None:
    """
    Have attempts on each candidate end in any way, some slower than others.
    """
    for number, one in enumerate(given, 1):
        for status in Status:
            for hints in (Hint.NONE, Hint.NEVER_SENT, Hint.NOT_BEGUN | Hint.FINAL):
                collector.began(one)
                collector.record(one, Outcome(status, 0.01 * number, hints))


def _check(scores: Sequence[float | None], given: Sequence[Candidate]) -> None:
    assert len(given) == len(scores)
    assert all(score is None or 0 <= score <= 1 for score in scores)
