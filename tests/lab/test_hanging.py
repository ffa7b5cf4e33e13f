"""
A node that takes calls and answers none.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import DeadlineExceeded
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.spi.service import Service, method


class Answers(Service, name="demo.Answers"):
    """
    Answers with a name, or, without one, never.
    """

    def __init__(self, name):
        self.name = name
        self.begun = 0

    @method(idempotent=True)
    async def read(self) -> str:
        return await self.write()

    @method
    async def write(self) -> str:
        self.begun += 1
        if not self.name:
            await Waiter()
        return self.name


@pytest.fixture(name="hangs")
def _hangs(lab):
    """
    A service that never answers, at ``memory:a``.
    """
    hangs = Answers("")
    lab.serve(hangs, name="a")
    return hangs


@pytest.fixture(name="answers")
def _answers(lab):
    """
    One that does, at ``memory:b``.
    """
    answers = Answers("b")
    lab.serve(answers, name="b")
    return answers


@pytest.fixture(name="client")
def _client(lab, hangs, answers):
    """
    What calls one and the other in turn.
    """
    sets = ("client.attempt_timeout=100ms", "balancer.plugin=round_robin")
    return lab.consumer(*sets).application.client(Answers)


def test_asks_the_next_within_the_time_of_the_call(lab, hangs, client):
    """
    An idempotent call leaves a node that hangs after ``attempt_timeout``.
    """
    begun_at = lab.clock.seconds()

    assert ["b"] * 4 == [lab.run(client.read()) for _ in range(4)]
    assert 0 < hangs.begun
    assert 0.1 * hangs.begun <= lab.clock.seconds() - begun_at < 0.15 * hangs.begun


def test_does_not_repeat_what_may_have_been_begun(lab, answers, client):
    """
    Any other call fails then, and says at whom.
    """
    calls = [lab.begin(client.write()) for _ in range(2)]
    lab.advance(0.12)

    assert all(call.done for call in calls)
    with pytest.raises(DeadlineExceeded, match=r"memory:a within attempt_timeout 0\.1 s"):
        [lab.finish(call) for call in calls]
    assert 1 == answers.begun
