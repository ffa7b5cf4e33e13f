"""
Limiters in whole systems.
"""

from __future__ import annotations

import pytest

from rpcfw import CallError, Service, Status, method
from rpcfw.errors import Overloaded
from rpcfw.server.calls.thread_pool import BlockingThreads, QueueTimeout
from rpcfw.spi.runtime.waiting import Waiter, sleep
from rpcfw.spi.service import blocking
from rpcfw.status import Hint
from tests.lab.services import Greeter

ONE = ("server.limiters=concurrency", "limiter concurrency.max_calls=1")
NO_RETRY = "retry.plugin=never"


class Numbers(Service, name="demo.Greeter"):
    """
    What a caller takes the greeter for that sends other messages than it reads.
    """

    @method
    async def say(self, name: int) -> str:
        raise NotImplementedError


def status_of(lab, call):
    try:
        lab.run(call)
    except CallError as error:
        return error.status.name
    return "OK"


def test_a_server_refuses_before_it_begins(lab):
    """
    A call too many is refused before its body is decoded, with pushback; nothing of it ran.
    """
    greeter = Greeter("a", lab.clock)
    lab.serve(greeter, sets=ONE)
    client = lab.consumer(NO_RETRY).application.client(Greeter)
    waiting = lab.begin(client.slow(1))
    lab.advance(0.1)
    with pytest.raises(Overloaded, match=r"than \[limiter concurrency\] allows per") as caught:
        lab.run(client.say("bob"))
    assert caught.value.hints & Hint.NOT_BEGUN
    assert 0.1 <= caught.value.retry_after_s <= 0.2
    # What cannot be decoded is refused for the same reason: nobody has looked at it.
    numbers = lab.consumer(NO_RETRY).application.client(Numbers)
    assert "RESOURCE_EXHAUSTED" == status_of(lab, numbers.say(5))
    assert ["slow"] == greeter.begun
    lab.finish(waiting)
    assert "hello bob" == lab.run(client.say("bob"))
    assert "INVALID_ARGUMENT" == status_of(lab, numbers.say(5))


def test_another_node_takes_what_was_refused(lab):
    """
    What one server refuses, another one serves, also if the method is not idempotent.
    """
    busy, free = Greeter("busy", lab.clock), Greeter("free", lab.clock)
    lab.serve(busy, name="busy", sets=ONE)
    lab.serve(free, name="free")
    client = lab.client(Greeter)
    waiting = lab.begin(lab.consumer("client.routers=").application.client(Greeter).slow(50))
    lab.advance(0.1)
    results = [status_of(lab, client.write(str(number))) for number in range(20)]
    assert ["OK"] * 20 == results
    lab.advance(60)
    assert waiting.done


def test_callers_are_apart(lab):
    """
    An application that calls too much takes nothing from another.
    """
    limiter = ["server.limiters=token_bucket", "limiter token_bucket.per=caller"]
    rate = ["limiter token_bucket.rate=1/s", "limiter token_bucket.burst=3"]
    lab.serve(Greeter("a", lab.clock), sets=[*limiter, *rate])
    greedy, modest = (
        lab.consumer(NO_RETRY, name=name).application.client(Greeter)
        for name in ("greedy", "modest")
    )
    results = [status_of(lab, greedy.say("x")) for _ in range(10)]
    assert ["OK"] * 3 + ["RESOURCE_EXHAUSTED"] * 7 == results
    assert ["OK"] * 3 == [status_of(lab, modest.say("x")) for _ in range(3)]
    lab.advance(2)
    assert ["OK"] * 2 == [status_of(lab, greedy.say("x")) for _ in range(2)]


def test_a_client_limits_itself(lab):
    """
    At a client a limiter stands above the attempts: its refusals are not retried.
    """
    greeter = Greeter("a", lab.clock)
    lab.serve(greeter)
    sets = ["client.limiters=token_bucket", "limiter token_bucket.per=method"]
    rate = ["limiter token_bucket.rate=1/s", "limiter token_bucket.burst=2"]
    client = lab.consumer(*sets, *rate).application.client(Greeter)
    results = [status_of(lab, client.say("x")) for _ in range(5)]
    assert ["OK"] * 2 + ["RESOURCE_EXHAUSTED"] * 3 == results
    assert "OK" == status_of(lab, client.who())
    assert ["x", "x", "who"] == greeter.begun


def test_limiters_stand_one_behind_the_other(lab):
    """
    Several limiters are named in their order; each can refuse.
    """
    sets = [
        "server.limiters=token_bucket, concurrency",
        "limiter token_bucket.rate=1/s",
        "limiter token_bucket.burst=3",
        "limiter concurrency.max_calls=1",
    ]
    process = lab.serve(Greeter("a", lab.clock), sets=sets)
    client = lab.consumer(NO_RETRY).application.client(Greeter)
    waiting = lab.begin(client.slow(0.1))
    lab.advance(0.05)
    assert "RESOURCE_EXHAUSTED" == status_of(lab, client.say("x"))
    lab.finish(waiting)
    assert ["OK", "RESOURCE_EXHAUSTED"] == [status_of(lab, client.say("x")) for _ in range(2)]
    meter = process.application.runtime.plugin_context.meter
    (family,) = [each for each in meter if each.name == "rpcfw_limiter_refused_total"]
    assert {("demo.Greeter", "say"): 2} == {labels: one.value for labels, one in family}


def test_options_are_replaced(lab):
    """
    With another limit, calls in flight still count.
    """
    process = lab.serve(Greeter("a", lab.clock), sets=ONE)
    client = lab.consumer(NO_RETRY).application.client(Greeter)
    waiting = lab.begin(client.slow(1))
    lab.advance(0.1)
    policies = process.application.policies
    lab.run(policies.replace("limiter concurrency", {"max_calls": "2"}))
    assert "OK" == status_of(lab, client.say("x"))
    lab.run(policies.replace("limiter concurrency", {}))
    assert 1 == policies.options("limiter concurrency").max_calls
    assert "RESOURCE_EXHAUSTED" == status_of(lab, client.say("x"))
    lab.finish(waiting)
    assert "OK" == status_of(lab, client.say("x"))


def test_invented_names_take_no_memory(lab):
    """
    Callers with ever new names share one limit when there are too many, and take no memory.
    """
    per = ["server.limiters=token_bucket", "limiter token_bucket.per=caller"]
    rate = ["limiter token_bucket.rate=1/s", "limiter token_bucket.burst=2"]
    sets = [*per, *rate, "limiter token_bucket.max_keys=5"]
    process = lab.serve(Greeter("a", lab.clock), sets=sets)
    results = []
    for number in range(30):
        consumer = lab.consumer(NO_RETRY, name=f"invented-{number}")
        client = consumer.application.client(Greeter)
        results += [status_of(lab, client.say("x")) for _ in range(2)]
        lab.run(consumer.application.stop())
    ((_, limiter),) = process.application.server.stack.filters
    assert 5 == limiter.keys
    assert "RESOURCE_EXHAUSTED" in results


class Blocking(Service, name="demo.Blocking"):
    """
    Runs in a thread.
    """

    @method
    @blocking
    def get(self) -> int:
        raise AssertionError("it must not begin")


def test_a_long_wait_for_a_thread_is_not_begun(lab, monkeypatch):
    """
    The caller of a call that waited too long for a thread gets the promise that it never ran.
    """
    waiting = Waiter()
    monkeypatch.setattr(BlockingThreads, "run", lambda *_: waiting)
    lab.serve(Blocking())
    call = lab.begin(lab.consumer(NO_RETRY).application.client(Blocking).get())
    lab.advance(0.1)
    waiting.errback(QueueTimeout("no thread was free"))
    with pytest.raises(Overloaded, match="no thread was free") as caught:
        lab.finish(call)
    assert caught.value.hints & Hint.NOT_BEGUN


class Shop(Service, name="demo.Shop"):
    """
    Serves four calls at a time, 20 ms each; all others wait.
    """

    def __init__(self, clock):
        self.clock = clock
        self.busy = 0
        self.queue = []

    @method
    async def get(self, number: int) -> int:
        if self.busy >= 4:
            waiter = Waiter()
            self.queue.append(waiter)
            await waiter
        else:
            self.busy += 1
        try:
            await sleep(self.clock, 0.02)
        finally:
            self._next()
        return number

    def _next(self):
        while self.queue:
            waiter = self.queue.pop(0)
            if not waiter.called:
                waiter.callback(None)
                return
        self.busy -= 1


def goodput(lab, *limiter):
    """
    Return how many calls a second are served in time, at three times what can be served.
    """
    process = lab.serve(Shop(lab.clock), sets=limiter)
    client = lab.consumer(NO_RETRY, "client.timeout=100ms").application.client(Shop)
    ended = []

    async def one(number):
        try:
            await client.get(number)
        except CallError as error:
            ended.append((lab.clock.seconds(), error.status))
        else:
            ended.append((lab.clock.seconds(), Status.OK))

    begun_at = lab.clock.seconds()
    for number in range(2400):  # 4 s of 600 a second, in groups of 3
        lab.begin(one(number))
        if number % 3 == 2:
            lab.advance(0.005)
    lab.advance(1)
    lab.run(process.application.stop())
    # The first second is for it to learn in.
    served = [at for at, status in ended if status is Status.OK]
    return sum(begun_at + 1 <= at < begun_at + 4 for at in served) / 3


def test_goodput_at_three_times_the_load(lab):
    """
    The adaptive limit serves at least 90 % of what the best fixed one does.

    Without a limit, and with one that is too high, calls wait longer than they have time.
    """
    unlimited = goodput(lab)
    fixed = [
        goodput(lab, "server.limiters=concurrency", f"limiter concurrency.max_calls={limit}")
        for limit in (2, 4, 8, 16, 80)
    ]
    adaptive = goodput(lab, "server.limiters=adaptive")
    assert adaptive >= 0.9 * max(fixed)
    assert unlimited < 0.5 * max(fixed)
