"""
A node that takes calls and answers none.
"""

from __future__ import annotations

from rpcfw.errors import DeadlineExceeded
from rpcfw.spi.service import Service, method
from rpcfw.spi.waiting import Waiter, spawn
from tests.lab.lab_case import LabCase


class Answers(Service, name="demo.Answers"):
    """
    Answers with a name, or, without one, never.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.begun = 0

    @method(idempotent=True)
    async def read(self) -> str:
        return await self.write()

    @method
    async def write(self) -> str:
        self.begun += 1
        if not self.name:
            never: Waiter[str] = Waiter()
            await never
        return self.name


class HangingTest(LabCase):
    consumer_sets = ("client.attempt_timeout=100ms",)

    def service(self, name: str) -> Service:
        return Answers(name.strip("a"))

    def test_asks_the_next_within_the_time_of_the_call(self) -> None:
        """
        An idempotent call leaves a node that hangs after ``attempt_timeout``.
        """
        answers = [self.run_to_end(self.client.read()) for _ in range(4)]

        assert ["b"] * 4 == answers
        tried = self.services["a"].begun
        assert 0 < tried
        assert 0.1 * tried <= self.clock.seconds() < 0.15 * tried

    def test_does_not_repeat_what_may_have_been_begun(self) -> None:
        """
        Any other call fails then, and says at whom.
        """
        calls = [spawn(self.client.write()) for _ in range(2)]
        self.clock.pump([0.01] * 12)

        (failed,) = [each for each in calls if each.result != "b"]
        error = self.failureResultOf(failed, DeadlineExceeded).value
        assert "memory:a within attempt_timeout 0.1 s" in error.message
        assert 1 == self.services["b"].begun
