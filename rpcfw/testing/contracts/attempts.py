"""
What every attempt strategy promises.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

from attrs import evolve, frozen
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from rpcfw.errors import ApplicationError, CallError, NoNodeLeft, Rejected, Unavailable
from rpcfw.spi.attempts.strategy import AttemptStrategy
from rpcfw.spi.plugin import NoOptions, PluginContext
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw.status import Status
from rpcfw.testing.candidates import a_call, candidates
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.call import Call, serving
from rpcfw.values.metadata import PREVIOUS_ATTEMPTS, Metadata
from rpcfw.values.method import Shape

__all__ = ["AttemptStrategyContract", "Fleet", "a_timed_call", "result_of"]

#: The deadline of the calls.
_LIMIT_S = 100.0


@frozen
class _Begun:
    attempt: int
    peer: str
    metadata: Metadata


class Fleet:
    """
    Stands for the nodes: makes attempts that end as a test says.

    Args:
        end: called with each attempt's call; what it returns is the response, unless it is an
            exception, which is raised, or a Deferred, which is awaited.
    """

    def __init__(self, end: Callable[[Call], Any]) -> None:
        self.nodes = candidates(a=1, b=1, c=1)
        #: Each attempt as it was when it began.
        self.attempts: list[_Begun] = []
        self.under_way = 0
        self._end = end

    async def attempt(self, call: Call) -> Any:
        untried = [node for node in self.nodes if node not in call.tried]
        if not untried and call.once_per_node:
            raise NoNodeLeft("all nodes were tried")
        if not untried:
            call.tried, untried = (), self.nodes
        call.tried += (untried[0],)
        call.peer = untried[0].instance.id
        self.attempts.append(_Begun(call.attempt, call.peer, call.metadata))
        self.under_way += 1
        try:
            ended = self._end(call)
            if isinstance(ended, Deferred):
                ended = await ended
        finally:
            self.under_way -= 1
        if isinstance(ended, BaseException):
            raise ended
        return ended


class _Patient(RetryPolicy):
    """
    Allows six attempts of everything, with a second in between.
    """

    def delay_s(self, call: Call, error: CallError) -> float | None:
        return 1.0 if call.attempt < 6 else None


class AttemptStrategyContract:
    """
    The tests of an attempt strategy.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyStrategy(AttemptStrategyContract):
            def make(self, plugin_context):
                return MyStrategy(NoOptions(), plugin_context)
    """

    #: Whether its calls end well, whatever happens to their attempts.
    hides_failures = False
    #: Whether calls that failed are retried when their callers have gone on.
    in_background = False
    #: Whether each attempt does what those before it do.
    repeats = True

    @abstractmethod
    def make(self, plugin_context: PluginContext) -> AttemptStrategy:
        """
        Return a new strategy. The clock of the context stands still until a test moves it.
        """

    def test_a_good_call(self) -> None:
        """
        A call whose attempts succeed gets the answer of one of them, and its peer.
        """
        for idempotent in (False, True):
            fleet, call = (
                Fleet(lambda call: f"from {call.peer}"),
                a_timed_call(idempotent=idempotent),
            )
            assert self.end_of(fleet, call) == f"from {call.peer}"

    def test_attempts_are_counted(self) -> None:
        """
        Each attempt knows its number, and all but the first that they are not the first.
        """
        fleet = Fleet(lambda call: Unavailable())
        self.end_of(fleet, a_timed_call())
        numbers = [each.attempt for each in fleet.attempts]
        sent = [each.metadata.get(PREVIOUS_ATTEMPTS, "0") for each in fleet.attempts]
        assert numbers == list(range(1, len(numbers) + 1))
        assert sent == [str(number - 1 if self.repeats else 0) for number in numbers]

    def test_attempts_go_to_other_nodes(self) -> None:
        """
        No node is called twice as long as there is another one.
        """
        fleet = Fleet(lambda call: Unavailable())
        self.end_of(fleet, a_timed_call())
        first = [each.peer for each in fleet.attempts[: len(fleet.nodes)]]
        assert len(first) == len(set(first))

    def test_failures_end(self) -> None:
        """
        If all attempts fail there are not many, and the call fails as one of them.
        """
        errors: list[CallError] = []

        def fail(call: Call) -> CallError:
            errors.append(Unavailable(f"no {len(errors)}"))
            return errors[-1]

        fleet = Fleet(fail)
        ended = self.end_of(fleet, a_timed_call())
        assert len(fleet.attempts) <= 20
        assert self.hides_failures or ended.status is Status.UNAVAILABLE

    def test_what_the_policy_forbids(self) -> None:
        """
        With a policy that forbids it, a failure is followed by no further attempt.
        """
        failed, good = Fleet(lambda call: ApplicationError(Status.NOT_FOUND)), Fleet(_good)
        self.end_of(failed, a_timed_call(idempotent=False), policy=_Forbids)
        self.end_of(good, a_timed_call(idempotent=False), policy=_Forbids)
        assert len(failed.attempts) == len(good.attempts)

    def test_nothing_is_left_to_do(self) -> None:
        """
        When a call has ended, none of its attempts is under way, and no time is awaited.
        """
        ends: tuple[Callable[[Call], Any], ...] = (
            _good,
            lambda call: Unavailable(),
            lambda call: Waiter(),
        )
        for end in ends:
            fleet = Fleet(end)
            context = self.context()
            self.end_of(fleet, a_timed_call(), context)
            assert fleet.under_way == 0
            assert self.in_background or _delayed(context) == []

    def test_a_cancelled_call(self) -> None:
        """
        A call that is cancelled cancels its attempts, and ends as cancelled.
        """
        fleet, context = Fleet(lambda call: Waiter()), self.context()
        running = self.begin(fleet, a_timed_call(), context)
        running.cancel()
        assert fleet.under_way == 0
        assert isinstance(result_of(running), CancelledError)
        assert _delayed(context) == []

    def test_bugs_are_not_hidden(self) -> None:
        """
        What is no failure of a call passes as it is.
        """
        bug = KeyError("a bug")
        assert self.end_of(Fleet(lambda call: bug), a_timed_call()) is bug

    def test_streams_of_requests(self) -> None:
        """
        A call whose client streams has one attempt: its messages can be sent only once.
        """
        for shape in (Shape.CLIENT_STREAM, Shape.BIDI_STREAM):
            call = a_timed_call()
            call.method = evolve(call.method, shape=shape)
            fleet = Fleet(lambda call: Rejected())
            assert isinstance(self.end_of(fleet, call), Rejected)
            assert len(fleet.attempts) == 1

    def test_streams_of_responses(self) -> None:
        """
        A call whose server streams gets the stream of one attempt, or the error.
        """
        ends: tuple[Callable[[Call], Any], ...] = (_good, lambda call: Rejected())
        for end in ends:
            call = a_timed_call()
            call.method = evolve(call.method, shape=Shape.SERVER_STREAM)
            ended = self.end_of(Fleet(end), call)
            assert ended == "good" if end is _good else isinstance(ended, Rejected)

    def test_serving_a_repeat(self) -> None:
        """
        A call that is made to serve a retried one is not retried itself.
        """
        outer = a_call(metadata={PREVIOUS_ATTEMPTS: "1"})
        failed, good = Fleet(lambda call: Unavailable()), Fleet(_good)
        token = serving.set(outer)
        try:
            for fleet in (failed, good):
                self.end_of(fleet, a_timed_call())
        finally:
            serving.reset(token)
        assert len(failed.attempts) == len(good.attempts)

    def test_the_deadline(self) -> None:
        """
        No attempt begins for a caller that does not wait any more.
        """
        context = self.context()
        begun_at: list[float] = []

        def fail(call: Call) -> CallError:
            begun_at.append(context.clock.seconds())
            return Unavailable()

        fleet = Fleet(fail)
        call = a_timed_call()
        call.deadline = 1.5
        self.end_of(fleet, call, context)
        assert max(begun_at) < 1.5

    def test_bound_again(self) -> None:
        """
        It can be bound several times, and one that replaces another makes attempts too.
        """
        context = self.context()
        before, after = self.make(context), self.make(context)
        fleet = Fleet(_good)
        policy = _Patient(NoOptions(), context)
        old = before.bind(fleet.attempt, policy)
        after.take_over(before)
        new = after.bind(fleet.attempt, policy)
        for step in (old, new, before.bind(fleet.attempt, policy), old):
            assert result_of(spawn(step(a_timed_call()))) == "good"

    def test_explained(self) -> None:
        """
        It explains in one line what it would do with a call, and begins nothing.
        """
        context = self.context()
        for shape in Shape:
            call = a_timed_call()
            call.method = evolve(call.method, shape=shape)
            assert "\n" not in self.make(context).explain(call)
        assert _delayed(context) == []

    def context(self) -> PluginContext:
        """
        Return a plugin context whose clock stands still.
        """
        return plugin_context()

    def begin(
        self,
        fleet: Fleet,
        call: Call,
        context: PluginContext,
        policy: type[RetryPolicy] = _Patient,
    ) -> Deferred[Any]:
        """
        Make a call by a new strategy.
        """
        step = self.make(context).bind(fleet.attempt, policy(NoOptions(), context))
        return spawn(step(call))

    def end_of(
        self,
        fleet: Fleet,
        call: Call,
        context: PluginContext | None = None,
        policy: type[RetryPolicy] = _Patient,
    ) -> Any:
        """
        Make a call and return its response or its error; cancel it at its deadline.
        """
        context = context or self.context()
        running = self.begin(fleet, call, context, policy)
        clock: Any = context.clock
        while not running.called and clock.seconds() < call.deadline:
            clock.advance(0.25)
        if not running.called:
            running.cancel()
        return result_of(running)


class _Forbids(RetryPolicy):
    def delay_s(self, call: Call, error: CallError) -> float | None:
        return None


def a_timed_call(*, idempotent: bool = True) -> Call:
    """
    Return a unary call with a deadline.
    """
    call = a_call(idempotent=idempotent, metadata=Metadata())
    call.deadline = _LIMIT_S
    return call


def _good(call: Call) -> str:
    return "good"


def _delayed(context: PluginContext) -> list[Any]:
    clock: Any = context.clock
    return [each for each in clock.getDelayedCalls() if each.active()]


def result_of(running: Deferred[Any]) -> Any:
    """
    Return what a call has ended with: a response, or an exception.
    """
    assert running.called
    found: list[Any] = []
    running.addBoth(found.append)
    return found[0].value if isinstance(found[0], Failure) else found[0]
