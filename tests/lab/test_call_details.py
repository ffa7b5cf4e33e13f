"""
What a caller hears beside the answers of calls with one answer.
"""

from __future__ import annotations

import json

import pytest

import rpcfw
from rpcfw import ApplicationError, CallError, Service, Status, context, method
from rpcfw.spi.runtime.waiting import sleep, spawn
from rpcfw.values.metadata import Metadata
from tests.lab.services import Talker

ASK = {"ask": "x"}
HEARD, BYE = Metadata((("heard", "x"),)), Metadata((("bye", "x"),))


@pytest.fixture
def talker(lab):
    lab.serve(Talker(), name="talker")
    return lab.client(Talker)


def test_a_unary_answer(lab, talker):
    """
    Its metadata, its trailers and who gave it are heard, whatever the answer is.
    """

    async def ask():
        with rpcfw.call_details() as details:
            return await talker.unary("hello", metadata=ASK), details

    answer, details = lab.run(ask())
    assert ("hello", HEARD, BYE) == (answer, details.metadata, details.trailers)
    assert "demo.Talker/unary" == details.method
    assert "talker" in details.peer


def test_the_one_answer_to_many_questions(lab, talker):
    """
    So are those of a call whose client streams.
    """

    async def ask():
        with rpcfw.call_details() as details:
            return await talker.up(["a", "b"], metadata=ASK), details

    answer, details = lab.run(ask())
    assert ("ab", HEARD, BYE) == (answer, details.metadata, details.trailers)


def test_a_failure(lab, talker):
    """
    What was said before a failure and with it is heard, as it is beside an answer.
    """

    async def ask():
        with rpcfw.call_details() as details:
            with pytest.raises(CallError):
                await talker.fails("bob", metadata=ASK)
            return details

    details = lab.run(ask())
    assert (HEARD, BYE) == (details.metadata, details.trailers)


def test_calls_at_once(lab, talker):
    """
    Each coroutine hears its own call where each opens a block.
    """

    async def ask(word):
        with rpcfw.call_details() as details:
            await talker.unary("hello", metadata={"ask": word})
            return details.trailers.get("bye")

    async def all_of_them():
        running = [spawn(ask(word)) for word in "abc"]
        return [await each for each in running]

    assert ["a", "b", "c"] == lab.run(all_of_them())


class Unsteady(Service, name="demo.Unsteady"):
    """
    Tells its name beside its answers; fails or dawdles when it is told to.
    """

    def __init__(self, name, clock):
        self.name = name
        self.clock = clock
        self.fails = False
        self.dawdles_s = 0.0

    @method(idempotent=True)
    async def say(self) -> str:
        context().send_metadata({"who": self.name})
        context().send_trailers({"who": self.name})
        if self.fails:
            raise ApplicationError(Status.ABORTED, "not now")
        if self.dawdles_s:
            await sleep(self.clock, self.dawdles_s)
        return self.name


@pytest.fixture
def unsteady(lab, tmp_path):
    """
    What makes a scene of a policy: two services, and what is answered and heard in turn.
    """

    def make(**policies):
        rule = {"name": [{"service": "demo.Unsteady"}], **policies}
        path = tmp_path / "service.json"
        path.write_text(json.dumps({"methodConfig": [rule]}))
        services = [Unsteady(name, lab.clock) for name in "ab"]
        for service in services:
            lab.serve(service, name=service.name)
        sets = (f"client.service_config={path}", "balancer.plugin=round_robin")
        client = lab.consumer(*sets).application.client(Unsteady)

        async def ask():
            with rpcfw.call_details() as details:
                return await client.say(), details

        def heard_of():
            answer, details = lab.run(ask())
            return answer, details.metadata.get("who"), details.trailers.get("who"), details.peer

        return services, heard_of

    return make


def test_the_attempt_that_counts(unsteady):
    """
    Of a repeated call the attempt that answered is heard.
    """
    (failing, _), heard_of = unsteady(
        retryPolicy={
            "maxAttempts": 3,
            "initialBackoff": "0.01s",
            "maxBackoff": "0.01s",
            "backoffMultiplier": 1,
            "retryableStatusCodes": ["ABORTED"],
        }
    )
    failing.fails = True
    for _ in range(2):
        assert ("b", "b", "b", "memory:b") == heard_of()


def test_the_winner(unsteady):
    """
    Of a hedged call the attempt that won is heard.
    """
    (slow, _), heard_of = unsteady(hedgingPolicy={"maxAttempts": 2, "hedgingDelay": "0.01s"})
    slow.dawdles_s = 0.5
    for _ in range(2):
        assert ("b", "b", "b", "memory:b") == heard_of()


def test_a_tie(unsteady):
    """
    Answers that come in the same turn do not mix.
    """
    services, heard_of = unsteady(hedgingPolicy={"maxAttempts": 2, "hedgingDelay": "0.01s"})
    for each in services:
        each.dawdles_s = 0.02
    answer, *details = heard_of()
    assert [answer, answer, f"memory:{answer}"] == details
