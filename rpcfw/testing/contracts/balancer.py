"""
What every balancer promises.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from rpcfw.spi.balancer import Balancer, Candidate, Picker
from rpcfw.status import Hint, Status
from rpcfw.testing.candidates import FixedCandidate, a_call, candidates
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

    def test_attempts_begin_and_end(self) -> None:
        """
        Attempts that overlap, and end in any way, leave a picker that goes on picking.
        """
        given = candidates(a=1, b=3, c=0)
        picker = self.make().picker(given)
        for status in Status:
            begun = [picker.pick(a_call()) for _ in range(5)]
            for one in begun:
                _begin(picker, one)
            for one in reversed(begun):
                _end(picker, one, Outcome(status, 0.01))

        assert all(_is_in(picked, given[:2]) for picked in _picks(picker, 50))

    def test_any_candidate_is_recorded(self) -> None:
        """
        An attempt on a candidate of another list is taken, and changes nothing that is picked.
        """
        given, (stranger,) = candidates(a=1, b=1), candidates(x=1)
        picker = self.make().picker(given)
        for _ in range(3):
            _begin(picker, stranger)
            _end(picker, stranger, Outcome(Status.OK, 0.01))

        assert all(_is_in(picked, given) for picked in _picks(picker, 50))

    def test_a_pick_alone_changes_no_load(self) -> None:
        """
        Picks without attempts, to explain a choice, do not keep a candidate from being picked.
        """
        given = candidates(a=1)
        picker = self.make().picker(given)

        assert [given[0]] * 500 == _picks(picker, 500)

    def test_an_old_picker_records(self) -> None:
        """
        An attempt may end after its picker was replaced, and its candidate is gone.
        """
        balancer = self.make()
        given = candidates(a=1, b=1)
        old_picker = balancer.picker(given)
        begun = [old_picker.pick(a_call()) for _ in range(4)]
        for one in begun:
            _begin(old_picker, one)
        new_picker = balancer.picker(given[:1])
        for one in begun:
            _end(old_picker, one, Outcome(Status.UNAVAILABLE, 0.5))

        assert [given[0]] * 20 == _picks(new_picker, 20)

    def test_ten_thousand(self) -> None:
        """
        A pick among 10,000 looks at a few of them, on average of 1,000 picks.
        """
        given: list[Any] = [
            _Counted(one) for one in candidates(**{f"n{n}": 100 for n in range(10_000)})
        ]
        picker = self.make().picker(given)
        before = sum(one.reads for one in given)
        for _ in range(1000):
            picked = picker.pick(a_call())
            _begin(picker, picked)
            _end(picker, picked, Outcome(Status.OK, 0.01))

        assert sum(one.reads for one in given) - before <= 100 * 1000

    def test_learns_is_said(self) -> None:
        """
        A picker that overrides ``began`` or ``record`` says that it learns.
        """
        picker = self.make().picker(candidates(a=1))
        kind = type(picker)

        assert picker.learns == (kind.record is not Picker.record or kind.began is not Picker.began)

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

    def test_shares_are_of_one_whole(self) -> None:
        """
        A picker that says how it spreads calls divides the whole among its candidates.

        A drained one gets none while there are others.
        """
        for weights in ({"a": 1}, {"a": 5, "b": 100, "c": 0}, {"a": 0, "b": 0}):
            given = candidates(**weights)
            shares = self.make().preview(given).shares(a_call())
            if shares is None:
                return
            alive = [one for one in given if one.weight] or given

            assert abs(1 - sum(shares.of.values())) < 1e-9
            assert all(_is_in(one, alive) for one, share in shares.of.items() if share)
            assert min(shares.of.values()) >= 0

    def test_shares_change_no_pick(self) -> None:
        """
        What is picked does not depend on whether somebody has asked for the shares.
        """
        picked = []
        for is_asked in (False, True):
            balancer = self.make()
            given = candidates(a=1, b=3, c=3, d=0)
            picker = balancer.picker(given)
            for _ in range(50):
                one = picker.pick(a_call())
                _begin(picker, one)
                _end(picker, one, Outcome(Status.OK, 0.01))
                if is_asked:
                    picker.shares(a_call())
                    balancer.preview(given[:2]).shares(a_call())
            picked.append([given.index(one) for one in _picks(picker, 100)])  # type: ignore[arg-type]  # they are

        assert picked[0] == picked[1]


class _Counted:
    """
    A candidate that counts how often its attributes are read.
    """

    def __init__(self, candidate: FixedCandidate) -> None:
        self._candidate = candidate
        self.reads = 0

    @property
    def in_flight(self) -> int:
        self.reads += 1
        return self._candidate.in_flight

    @in_flight.setter
    def in_flight(self, count: int) -> None:
        self._candidate.in_flight = count

    def __getattr__(self, name: str) -> Any:
        self.reads += 1
        return getattr(self._candidate, name)


def _begin(picker: Picker, candidate: Any) -> None:
    """
    Begin an attempt, as a client does it.
    """
    candidate.in_flight += 1
    if picker.learns:
        picker.began(candidate)


def _end(picker: Picker, candidate: Any, outcome: Outcome) -> None:
    """
    End an attempt, as a client does it.
    """
    candidate.in_flight -= 1
    if picker.learns:
        picker.record(candidate, outcome)


def _picks(picker: Picker, count: int) -> list[Candidate | None]:
    return [picker.pick(a_call()) for _ in range(count)]


def _is_in(picked: Candidate | None, given: Sequence[Candidate]) -> bool:
    return any(picked is one for one in given)
