"""
What every limiter promises.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from twisted.internet.defer import CancelledError

from rpcfw.errors import CallError, Overloaded
from rpcfw.spi.limiter import Limiter
from rpcfw.status import Hint, Status
from rpcfw.testing.candidates import a_call
from rpcfw.testing.contracts.filter import FilterContract
from rpcfw.values.call import Call

__all__ = ["LimiterContract"]

#: More calls than any limiter admits at once.
_MANY = 2000
#: After so long, nothing of earlier calls counts.
_LONG_S = 10_000.0


class LimiterContract(FilterContract):
    """
    The tests of a limiter, besides those of a filter.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyLimiter(LimiterContract):
            def make(self):
                return MyLimiter(MyOptions(per=("caller",), ...), plugin_context())
    """

    @abstractmethod
    def make(self) -> Limiter:
        """
        Return a new limiter per caller, for at most 100 keys, with a still clock.

        It refuses some of 2000 calls of one caller that begin at once, and lets some tens begin
        one after the other.
        """

    def test_too_many_are_refused(self) -> None:
        """
        A call too many is refused before it begins, and the error says when to try again.
        """
        _, refusal = _filled(self.make(), "a")

        assert isinstance(refusal, Overloaded)
        assert refusal.status is Status.RESOURCE_EXHAUSTED
        assert refusal.hints & Hint.NOT_BEGUN
        assert refusal.retry_after_s is not None
        assert refusal.retry_after_s > 0

    def test_callers_are_apart(self) -> None:
        """
        A caller with too many calls takes nothing from another.
        """
        limiter = self.make()
        calls, _ = _filled(limiter, "a")

        _begin(limiter, "b")
        assert len(calls) > 0

    def test_every_end_counts(self) -> None:
        """
        However calls end, later ones may begin.
        """
        for error in (None, CallError(status=Status.UNAVAILABLE), CancelledError(), KeyError()):
            limiter = self.make()
            calls, _ = _filled(limiter, "a")
            for each in calls:
                _end(each, error)
            _pass_time(limiter)

            _begin(limiter, "a")

    def test_keys_are_bounded(self) -> None:
        """
        A caller that invents names, ever new ones, takes no more memory.
        """
        limiter = self.make()
        begun = []
        for number in range(20 * limiter.options.max_keys):
            begun.append(_try_to_begin(limiter, f"caller {number}"))

            assert limiter.keys <= limiter.options.max_keys

    def test_new_names_reset_no_limit(self) -> None:
        """
        A limit that is used up stays so, however many names its caller invents.
        """
        limiter = self.make()
        begun: list[Any] = [_filled(limiter, "a")]
        names = [f"caller {number}" for number in range(20 * limiter.options.max_keys)]
        begun += [_try_to_begin(limiter, name) for name in names]

        assert isinstance(_try_to_begin(limiter, "a"), Overloaded)

    def test_idle_keys_give_place(self) -> None:
        """
        When callers have been gone for long, others get limits of their own.
        """
        limiter = self.make()
        for number in range(limiter.options.max_keys):
            _end(_begin(limiter, f"early {number}"), None)
        _pass_time(limiter)
        begun = [_begin(limiter, f"late {number}") for number in range(limiter.options.max_keys)]

        assert len(begun) == limiter.keys

    def test_calls_in_flight_still_count(self) -> None:
        """
        One that replaces another admits no more calls than that one would.
        """
        before, after = self.make(), self.make()
        calls, _ = _filled(before, "a")
        after.take_over(before)

        assert isinstance(_try_to_begin(after, "a"), Overloaded)
        for each in calls:
            _end(each, None)
        _pass_time(before)
        _begin(before, "a")


class _Pause:
    def __await__(self) -> Any:
        yield


async def _waits(call: Call) -> Any:
    await _Pause()


def _begin(limiter: Limiter, caller: str) -> Any:
    """
    Return a call that has begun.
    """
    call = a_call()
    call.caller = caller
    running = limiter.bind(_waits)(call)
    running.send(None)
    return running


def _try_to_begin(limiter: Limiter, caller: str) -> Any:
    """
    Return a call that has begun, or why it was refused.
    """
    try:
        return _begin(limiter, caller)
    except Overloaded as refusal:
        return refusal


def _end(running: Any, error: BaseException | None) -> None:
    try:
        if error is None:
            running.send(None)
        else:
            running.throw(error)
    except StopIteration:
        return
    except BaseException as raised:
        if raised is not error:
            raise


def _filled(limiter: Limiter, caller: str) -> tuple[list[Any], Overloaded]:
    """
    Begin calls until one is refused; return them, and the refusal.
    """
    calls: list[Any] = []
    for _ in range(_MANY):
        running = _try_to_begin(limiter, caller)
        if isinstance(running, Overloaded):
            return calls, running
        calls.append(running)
    raise AssertionError(f"none of {_MANY} calls was refused")


def _pass_time(limiter: Limiter) -> None:
    clock: Any = limiter.plugin_context.clock
    clock.advance(_LONG_S)
