"""
What every filter promises.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any

from rpcfw.errors import CallError
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.runtime.waiting import CANCELLED
from rpcfw.status import Status
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.values.call import Call

__all__ = ["FilterContract"]


class FilterContract:
    """
    The tests of a filter.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyFilter(FilterContract):
            def make(self):
                return MyFilter(MyOptions(limit=5), plugin_context())

    Override `calls` if yours lets only some calls pass.
    """

    @abstractmethod
    def make(self) -> Filter:
        """
        Return a new filter.
        """

    def calls(self) -> Iterable[Call]:
        """
        Return new calls that the filter lets pass without waiting.
        """
        return (a_call(), a_call(idempotent=True))

    def test_a_call_passes(self) -> None:
        """
        A call that may pass gets an answer.
        """
        for call in self.calls():
            _passes(self.make().bind(_answer), call)

    def test_bound_again(self) -> None:
        """
        It can be bound several times, as stacks are rebuilt; all that were bound continue.
        """
        filter = self.make()
        steps = [filter.bind(_answer) for _ in range(3)]
        for step in (*steps, *reversed(steps)):
            for call in self.calls():
                _passes(step, call)

    def test_other_exceptions_pass(self) -> None:
        """
        What is no `CallError` passes as it is: a cancellation, or a bug.
        """
        for error in (*(kind() for kind in CANCELLED), KeyError("a bug")):
            for call in self.calls():
                assert _raised(self.make().bind(_raiser(error)), call) is error

    def test_failures_are_not_taken_for_bugs(self) -> None:
        """
        A call that fails below ends well, or with a `CallError`.
        """
        for status in (Status.UNAVAILABLE, Status.NOT_FOUND):
            for call in self.calls():
                step = self.make().bind(_raiser(CallError(status=status)))
                error = _raised(step, call)
                assert error is None or isinstance(error, CallError)

    def test_takes_over(self) -> None:
        """
        One that replaces another lets calls pass, and so does the one that it replaced.
        """
        before, after = self.make(), self.make()
        old = before.bind(_answer)
        for call in self.calls():
            _passes(old, call)
        after.take_over(before)
        new = after.bind(_answer)
        for step in (new, old, new):
            for call in self.calls():
                _passes(step, call)

    def test_of_a_node(self) -> None:
        """
        In the attempt stack there is one for each node, or one for all, and it takes over.
        """
        nodes = [candidate("a"), candidate("b")]
        before, after = self.make(), self.make()
        after.take_over(before)
        for node in nodes:
            old, new = before.of_node(node), after.of_node(node)
            if new is not after:
                new.take_over(old)
            for step in (old.bind(_answer), new.bind(_answer)):
                for call in self.calls():
                    _passes(step, call)


async def _answer(call: Call) -> Any:
    return b"answer"


def _raiser(error: BaseException) -> CallStep:
    async def step(call: Call) -> Any:
        raise error

    return step


def _run(step: CallStep, call: Call) -> Any:
    """
    Return what comes of a call that does not wait.
    """
    running = step(call)
    try:
        running.send(None)
    except StopIteration as end:
        return end.value
    running.close()
    raise AssertionError("the filter had a call wait that the test expects to pass at once")


def _raised(step: CallStep, call: Call) -> BaseException | None:
    """
    Return what such a call raises.
    """
    try:
        _run(step, call)
    except BaseException as error:  # noqa: BLE001 - of any kind
        return error
    return None


def _passes(step: CallStep, call: Call) -> None:
    assert _run(step, call) == b"answer"
