"""
What every breaker promises.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError

from rpcfw.errors import (
    ApplicationError,
    BreakerOpen,
    CallError,
    MessageTooLarge,
    Overloaded,
)
from rpcfw.spi.breaker import Breaker
from rpcfw.status import Hint, Status
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.testing.contracts.filter import FilterContract
from rpcfw.values.call import Call

__all__ = ["BreakerContract"]

#: More attempts than any breaker needs to judge by.
_MANY = 1000


class BreakerContract(FilterContract):
    """
    The tests of a breaker, besides those of a filter.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyBreaker(BreakerContract):
            def make(self):
                return MyBreaker(MyOptions(...), plugin_context())
    """

    @abstractmethod
    def make(self) -> Breaker:
        """
        Return a new breaker, which opens after at most 1000 failures, with a still clock.
        """

    def test_failures_open_it(self) -> None:
        """
        After failures, attempts are refused before anything is sent.
        """
        breaker = self.make()
        refusal = _opened(breaker)

        assert isinstance(refusal, BreakerOpen)
        assert refusal.hints & Hint.NEVER_SENT

    def test_it_probes_and_closes(self) -> None:
        """
        When the open time is over, successful probes close it.
        """
        breaker = self.make()
        _opened(breaker)
        _pass_open_time(breaker)
        for _ in range(breaker.options.closing_probes + _MANY):
            assert _ended(breaker, None) is None

    def test_a_failed_probe_opens_it(self) -> None:
        """
        One failed probe is enough, and then it stays open for longer.
        """
        breaker = self.make()
        _opened(breaker)
        _pass_open_time(breaker)
        assert not isinstance(_ended(breaker, CallError(status=Status.UNAVAILABLE)), BreakerOpen)
        assert isinstance(_ended(breaker, None), BreakerOpen)

    def test_probes_are_few(self) -> None:
        """
        While probes have not ended, further attempts are refused.
        """
        breaker = self.make()
        _opened(breaker)
        _pass_open_time(breaker)
        probes = [_begun(breaker) for _ in range(breaker.options.max_probes)]

        assert isinstance(_ended(breaker, None), BreakerOpen)
        for probe in probes:
            probe.close()

    def test_an_abandoned_probe_is_no_end(self) -> None:
        """
        A probe that its caller cancels lets the next one begin.
        """
        breaker = self.make()
        _opened(breaker)
        _pass_open_time(breaker)
        for _ in range(10):
            assert not isinstance(_ended(breaker, CancelledError()), BreakerOpen)
        assert _ended(breaker, None) is None

    def test_a_probe_that_was_not_sent_says_nothing(self) -> None:
        """
        Probes that fail before they are sent, as a request that is too large, close nothing.
        """
        breaker = self.make()
        _opened(breaker)
        _pass_open_time(breaker)
        for _ in range(10):
            _ended(breaker, MessageTooLarge(hints=Hint.NEVER_SENT))
        _ended(breaker, CallError(status=Status.UNAVAILABLE))

        assert isinstance(_ended(breaker, None), BreakerOpen)

    def test_business_errors_never_count(self) -> None:
        """
        What an author of a service raises, and what a server refuses, opens nothing.
        """
        errors: list[Callable[[], BaseException]] = [
            lambda: ApplicationError(Status.NOT_FOUND),
            lambda: ApplicationError(Status.INVALID_ARGUMENT),
            Overloaded,
            CancelledError,
        ]
        for make_error in errors:
            breaker = self.make()
            for _ in range(_MANY):
                assert not isinstance(_ended(breaker, make_error()), BreakerOpen)

    def test_nodes_are_apart(self) -> None:
        """
        A node that fails takes no attempts from another.
        """
        breaker = self.make()
        sick, well = (breaker.of_node(candidate(name)) for name in "ab")
        _opened(sick)

        assert _ended(well, None) is None

    def test_it_stays_open(self) -> None:
        """
        One that replaces an open one is open.
        """
        before, after = self.make(), self.make()
        _opened(before)
        after.take_over(before)

        assert isinstance(_ended(after, None), BreakerOpen)

    def test_late_ends(self) -> None:
        """
        The end of an attempt that began before it opened does not close it.
        """
        breaker = self.make()
        step = breaker.bind(_waits)
        late = [step(a_call()) for _ in range(50)]
        for each in late:
            each.send(None)
        _opened(breaker)
        for each in late:
            try:
                each.send(None)
            except StopIteration:
                continue

        assert isinstance(_ended(breaker, None), BreakerOpen)


class _Pause:
    def __await__(self) -> Any:
        yield


async def _waits(call: Call) -> Any:
    await _Pause()


def _begun(breaker: Breaker) -> Any:
    """
    Return an attempt that waits.
    """
    running = breaker.bind(_waits)(a_call())
    running.send(None)
    return running


def _ended(breaker: Breaker, error: BaseException | None) -> BaseException | None:
    """
    Make an attempt that ends so; return what its caller sees.
    """

    async def rest(call: Call) -> Any:
        if error is not None:
            raise error

    try:
        breaker.bind(rest)(a_call()).send(None)
    except StopIteration:
        return None
    except BaseException as raised:  # noqa: BLE001 - of any kind
        return raised
    raise AssertionError("the breaker had an attempt wait")


def _opened(breaker: Breaker) -> BaseException | None:
    """
    Open a breaker; return what is raised then.
    """
    for _ in range(_MANY):
        raised = _ended(breaker, CallError(status=Status.UNAVAILABLE))
        if isinstance(raised, BreakerOpen):
            return raised
    raise AssertionError(f"{_MANY} failures did not open the breaker")


def _pass_open_time(breaker: Breaker) -> None:
    clock: Any = breaker.plugin_context.clock
    clock.advance(breaker.options.max_open_time * (1 + breaker.options.open_jitter))
