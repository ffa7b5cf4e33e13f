"""
Answers for calls that failed, in whole systems.
"""

from __future__ import annotations

import pytest

from rpcfw import ApplicationError, CallError, Service, Status, method
from rpcfw.errors import InvalidMessage, NoInstances
from rpcfw.spi.runtime.waiting import sleep
from tests.lab.services import Greeter

INSERT = "client.insert=fallback before DEADLINE"
VALUE = (INSERT, 'filter fallback.value="nobody"')
TARGET = (INSERT, "filter fallback.target=tests.lab.test_fallbacks:Instead")


class Instead:
    """
    Answers for the greeter; the test gives it the clock.
    """

    clock = None

    def say(self, call, error):
        return f"no greeting for {call.request.name}: {error.status.name}"

    async def who(self, call, error):
        await sleep(self.clock, 0.2)
        return "late"

    async def slow(self, call, error):
        raise ApplicationError(Status.NOT_FOUND, "not here either")


class Numbers(Service, name="demo.Numbers"):
    """
    Is served by nobody.
    """

    @method
    async def get(self) -> int:
        raise NotImplementedError


def serve(lab, error=None):
    greeter = Greeter("a", lab.clock)
    greeter.error = error
    lab.serve(greeter)
    return greeter


def test_a_value(lab):
    """
    A call that no server took has the value of the INI.
    """
    client = lab.consumer(*VALUE).application.client(Greeter)
    assert "nobody" == lab.run(client.say("bob"))


def test_an_answer_of_the_server_stays(lab):
    """
    What succeeds, and what fails by a business error, is not answered otherwise.
    """
    greeter = serve(lab)
    client = lab.consumer(*VALUE).application.client(Greeter)
    assert "hello bob" == lab.run(client.say("bob"))
    greeter.error = ApplicationError(Status.NOT_FOUND, "nobody is called so")
    with pytest.raises(CallError, match="nobody is called so"):
        lab.run(client.who())


def test_out_of_time(lab):
    """
    A value answers a call that is out of time, and that has an open breaker.
    """
    serve(lab)
    sets = ("client.timeout=100ms", "breaker.plugin=consecutive", "breaker.failures=2")
    client = lab.consumer(*VALUE, *sets, "retry.plugin=never").application.client(Greeter)
    for _ in range(5):
        assert "nobody" == lab.run(client.slow(5))


def test_refused(lab):
    """
    A call that a limiter refuses has a fallback.
    """
    serve(lab)
    sets = ("client.limiters=token_bucket", "limiter token_bucket.burst=1")
    rate = "limiter token_bucket.rate=1/s"
    client = lab.consumer(*VALUE, *sets, rate).application.client(Greeter)
    assert ["hello x", "nobody"] == [lab.run(client.say("x")) for _ in range(2)]


def test_a_class(lab):
    """
    A method of the same name answers, and sees the call and its error.
    """
    client = lab.consumer(*TARGET).application.client(Greeter)
    assert "no greeting for bob: UNAVAILABLE" == lab.run(client.say("bob"))
    with pytest.raises(CallError, match="not here either"):
        lab.run(client.slow(1))
    with pytest.raises(NoInstances):  # the class has no such method
        lab.run(client.write("x"))


def test_a_class_needs_time(lab):
    """
    A method answers only while the call has time; then the call fails as it failed.
    """
    Instead.clock = lab.clock
    client = lab.consumer(*TARGET).application.client(Greeter)
    assert "late" == lab.run(client.who())
    hurried = lab.consumer(*TARGET, "client.timeout=100ms").application.client(Greeter)
    with pytest.raises(NoInstances):
        lab.run(hurried.who())
    serve(lab)
    with pytest.raises(CallError) as caught:
        lab.run(hurried.slow(5))
    assert Status.DEADLINE_EXCEEDED is caught.value.status


def test_some_methods(lab):
    """
    Only the methods that are named have the fallback.
    """
    methods = "filter fallback.methods=demo.Greeter/say"
    client = lab.consumer(*VALUE, methods).application.client(Greeter)
    assert "nobody" == lab.run(client.say("bob"))
    with pytest.raises(NoInstances):
        lab.run(client.who())


def test_a_value_that_does_not_fit(lab):
    """
    A value of another type than the response is an error that says so.
    """
    client = lab.consumer(*VALUE).application.client(Numbers)
    with pytest.raises(InvalidMessage, match=r"the fallback value for demo.Numbers/get does"):
        lab.run(client.get())
