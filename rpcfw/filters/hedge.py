"""
Hedging: further attempts of a call that is slow, on other nodes; the first answer wins.

Theory of operation. Each attempt of a hedged call runs on its own with a copy of the
call, so that it is routed and may fail by itself. The call waits until an attempt has
ended or the next one is due, whichever is first, and ends

- with an answer: it is the call's;
- with a failure that is fatal: another attempt would come to the same;
- with the last failure, when no attempt is under way and none may follow.

Whatever ends it, attempts that are still under way are cancelled.
"""

from __future__ import annotations

import math
from typing import Any

from attrs import define, evolve

from rpcfw.errors import CallError
from rpcfw.spi.attempts.repeats import count_previous
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import NoOptions, PluginContext
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.waiting import CANCELLED, spawn
from rpcfw.status import Hint
from rpcfw.values.backoff import Backoff
from rpcfw.values.budget import Budget
from rpcfw.values.call import Call
from rpcfw.values.service_config import Hedging, ServiceConfig

__all__ = ["Hedge"]

#: When the next attempt follows one that a server refused to begin.
_AFTER_REFUSAL = Backoff(initial_s=0.01, factor=2, max_s=1.0)


class Hedge(Filter):
    """
    Hedges the calls of the methods for which the service config says so.

    Calls that stream in either direction are not hedged.

    Args:
        config: says it.
        budget: the tokens of all calls; without enough there are no further attempts.
        plugin_context: for time.
    """

    def __init__(
        self, config: ServiceConfig, budget: Budget, plugin_context: PluginContext
    ) -> None:
        super().__init__(NoOptions(), plugin_context)
        self._config = config
        self._budget = budget

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        config, budget, plugin_context = self._config, self._budget, self.plugin_context

        def step(call: Call) -> Any:
            method = call.method
            rule = config.of(method.service, method.name).hedging
            if rule is None or not method.unary or method.one_way:
                return proceed(call)
            return _HedgedCall(call, proceed, rule, budget, plugin_context).run()

        return step


@define(eq=False)
class _Attempt:
    """
    One attempt of a hedged call, which runs beside the others.

    Args:
        call: its copy of the call.
        number: which attempt of the call it begins with.
    """

    call: Call
    number: int
    running: Any = None
    response: Any = None
    error: BaseException | None = None


class _HedgedCall:
    def __init__(
        self,
        call: Call,
        proceed: CallStep,
        rule: Hedging,
        budget: Budget,
        plugin_context: PluginContext,
    ) -> None:
        self._call = call
        self._proceed = proceed
        self._rule = rule
        self._budget = budget
        self._clock = plugin_context.clock
        self._random = plugin_context.random
        self._begun: list[_Attempt] = []
        self._under_way: list[_Attempt] = []
        self._ended: list[_Attempt] = []
        #: Set each time an attempt has ended.
        self._changed = Event()
        self._next_at = self._clock.seconds()
        self._last = CallError("no attempt was made")
        self._stopped = False

    async def run(self) -> Any:
        try:
            while True:
                if self._ended:
                    attempt = self._ended.pop(0)
                    if attempt.error is None:
                        return self._won(attempt)
                    self._failed(attempt)
                elif self._is_due():
                    self._begin()
                elif self._under_way or self._may_follow():
                    await self._wait()
                else:
                    raise self._last
        except CANCELLED:
            # The error of the deadline names the peer that did not answer.
            for attempt in self._under_way:
                self._call.peer = attempt.call.peer or self._call.peer
            raise
        finally:
            for attempt in tuple(self._under_way):
                attempt.running.cancel()

    def _may_follow(self) -> bool:
        if not self._begun:
            return True
        return not self._stopped and len(self._begun) < self._rule.max_attempts

    def _is_due(self) -> bool:
        return self._may_follow() and self._next_at <= self._clock.seconds()

    def _begin(self) -> None:
        if self._begun and not self._budget.allows:
            self._stopped = True
            return
        self._next_at = self._clock.seconds() + self._rule.delay_s
        call = self._call
        # Each goes to a node that none of the others went to, if there is one.
        tried = tuple({node: None for one in self._begun for node in one.call.tried})
        # The retry step below counts the attempt in the copy.
        attempt = _Attempt(evolve(call, tried=tried), call.attempt + 1)
        if self._begun:
            count_previous(attempt.call, len(self._begun))
        call.attempt += 1
        self._begun.append(attempt)
        self._under_way.append(attempt)
        attempt.running = spawn(self._proceed(attempt.call))
        attempt.running.addCallbacks(self._answered, self._broke, (attempt,), {}, (attempt,), {})

    def _answered(self, response: Any, attempt: _Attempt) -> None:
        attempt.response = response
        self._note(attempt)

    def _broke(self, failure: Any, attempt: _Attempt) -> None:
        attempt.error = failure.value
        self._note(attempt)

    def _note(self, attempt: _Attempt) -> None:
        # Further attempts that the retry step made count as well.
        self._call.attempt += max(0, attempt.call.attempt - attempt.number)
        self._under_way.remove(attempt)
        self._ended.append(attempt)
        self._changed.set()

    def _won(self, attempt: _Attempt) -> Any:
        call, its = self._call, attempt.call
        call.attempt, call.peer, call.tried = its.attempt, its.peer, its.tried
        call.response_metadata, call.trailers = its.response_metadata, its.trailers
        return attempt.response

    def _failed(self, attempt: _Attempt) -> None:
        error = attempt.error
        if not isinstance(error, CallError):
            raise error or AssertionError
        self._call.peer = attempt.call.peer
        pushback_s = error.retry_after_s
        stop = bool(error.hints & Hint.FINAL) or (pushback_s is not None and pushback_s < 0)
        unsent = error.hints & Hint.NEVER_SENT
        refused = error.hints & Hint.NOT_BEGUN and not unsent
        if not (unsent or refused) and error.status not in self._rule.non_fatal:
            raise error
        if stop or not unsent:
            self._budget.spend()
        self._stopped = self._stopped or stop
        self._last = error
        delay_s = pushback_s or 0.0
        if refused and pushback_s is None:
            # A server that has too much to do is not asked again at once.
            delay_s = _AFTER_REFUSAL.delay_s(len(self._begun), self._random.random())
        self._next_at = self._clock.seconds() + delay_s

    async def _wait(self) -> None:
        # Nothing has ended that is not looked at yet, and nothing can before the wait begins.
        self._changed.clear()
        await self._changed.wait_until(
            self._clock, self._next_at if self._may_follow() else math.inf
        )
