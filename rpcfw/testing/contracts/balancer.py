"""
What every balancer promises.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from rpcfw.spi.balancer import Balancer, Candidate, Picker
from rpcfw.status import Hint, Status
from rpcfw.testing.candidates import a_call, candidates
from rpcfw.values.outcome import Outcome

__all__ = ["BalancerContract"]

_PICKS = 200


class BalancerContract:
    """
    The tests of a balancer.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyBalancer(BalancerContract):
            def make(self):
                return MyBalancer(NoOptions(), plugin_context())
    """

    @abstractmethod
    def make(self) -> Balancer:
        """
        Return a new balancer.
        """

    def test_one_of_the_candidates(self) -> None:
        """
        A pick is one of the candidates, the very object.
        """
        given = candidates(a=100, b=100, c=7, d=0)
        picker = self.make().picker(given)

        for _ in range(_PICKS):
            assert _is_in(picker.pick(a_call()), given)

    def test_the_only_one(self) -> None:
        """
        A single candidate gets every call.
        """
        for weight in (0, 1, 100):
            given = candidates(a=weight)
            picker = self.make().picker(given)

            assert all(picker.pick(a_call()) is given[0] for _ in range(10))

    def test_none_that_was_tried(self) -> None:
        """
        A pick is never a candidate that the call has tried.
        """
        given = candidates(a=1000, b=10, c=1, d=1, e=0)
        picker = self.make().picker(given)

        for first in range(len(given)):
            for last in range(first, len(given)):
                tried = tuple(given[first:last])
                for _ in range(20):
                    assert not _is_in(picker.pick(a_call(tried=tried)), tried)

    def test_none_is_left(self) -> None:
        """
        When all were tried, the answer is None.
        """
        for weights in ({"a": 1}, {"a": 0}, {"a": 5, "b": 5}, {"a": 900, "b": 1, "c": 0}):
            given = candidates(**weights)
            picker = self.make().picker(given)

            assert picker.pick(a_call(tried=tuple(given))) is None

    def test_drained_ones_come_last(self) -> None:
        """
        Candidates of weight 0 are picked only when no other is left.
        """
        given = candidates(a=0, b=1, c=0, d=100)
        picker = self.make().picker(given)
        alive = (given[1], given[3])

        for _ in range(_PICKS):
            assert _is_in(picker.pick(a_call()), alive)
        for _ in range(_PICKS):
            assert picker.pick(a_call(tried=(given[3],))) is given[1]
        assert _is_in(picker.pick(a_call(tried=alive)), (given[0], given[2]))

    def test_all_drained(self) -> None:
        """
        If all are of weight 0, they are picked all the same.
        """
        given = candidates(a=0, b=0)
        picker = self.make().picker(given)

        assert _is_in(picker.pick(a_call()), given)
        assert picker.pick(a_call(tried=(given[0],))) is given[1]

    def test_every_call_is_answered_by_retries(self) -> None:
        """
        A call that tries again and again reaches every candidate once.
        """
        given = candidates(**{f"n{number}": number * number for number in range(20)})
        picker = self.make().picker(given)
        tried: list[Candidate] = []
        while (picked := picker.pick(a_call(tried=tuple(tried)))) is not None:  # type: ignore[arg-type]  # they are
            tried.append(picked)

        assert len(given) == len(tried)

    def test_a_new_list_gets_a_new_picker(self) -> None:
        """
        A picker keeps to its own list, whatever pickers are made after it.
        """
        balancer = self.make()
        old, new = candidates(a=1, b=2), candidates(b=3, c=1, d=0)
        old_picker = balancer.picker(old)
        _picks(old_picker, 7)
        new_picker = balancer.picker(new)

        assert all(_is_in(picked, old) for picked in _picks(old_picker, 50))
        assert all(_is_in(picked, new) for picked in _picks(new_picker, 50))

    def test_outcomes_are_taken(self) -> None:
        """
        A picker takes every outcome of a candidate of its own, and goes on picking.
        """
        given = candidates(a=1, b=1)
        picker = self.make().picker(given)
        for status in Status:
            for hints in (Hint.NONE, Hint.NEVER_SENT, Hint.NOT_BEGUN | Hint.FINAL):
                picker.record(given[0], Outcome(status, 0.01, hints))

        assert _is_in(picker.pick(a_call(tried=(given[0],))), (given[1],))

    def test_learns_is_said(self) -> None:
        """
        A picker that overrides ``record`` says that it learns; otherwise it is never called.
        """
        picker = self.make().picker(candidates(a=1))

        assert picker.learns == (type(picker).record is not Picker.record)

    def test_takes_over(self) -> None:
        """
        One that replaces another goes on picking, and so does the one that it replaced.
        """
        before, after = self.make(), self.make()
        given = candidates(a=1, b=2, c=0)
        old_picker = before.picker(given)
        _picks(old_picker, 7)
        after.take_over(before)
        new_picker = after.picker(given[:2])

        assert all(_is_in(picked, given[:2]) for picked in _picks(new_picker, 50))
        assert all(_is_in(picked, given) for picked in _picks(old_picker, 50))
        assert all(_is_in(picked, given) for picked in _picks(before.picker(given), 50))


def _picks(picker: Picker, count: int) -> list[Candidate | None]:
    return [picker.pick(a_call()) for _ in range(count)]


def _is_in(picked: Candidate | None, given: Sequence[Candidate]) -> bool:
    return any(picked is one for one in given)
