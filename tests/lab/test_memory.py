"""
What calls leave in memory: nothing.
"""

from __future__ import annotations

import gc
from collections import Counter

import pytest

from rpcfw import CallError
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.values.rule import service_scope
from tests.lab.services import Greeter, Kinds, Streams
from tests.lab.test_rules import put, refusals

SERVICE = service_scope("demo.Greeter")
#: Whose objects are counted.
MODULES = ("rpcfw", "twisted.internet.base")


@pytest.fixture
def _no_gc():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def many(lab, call, count):
    for _ in range(count):
        await call()


@pytest.mark.usefixtures("_no_gc")
@pytest.mark.parametrize("kind", ["coroutine", "waiting", "deferred"])
def test_a_unary_call_makes_no_cycles(lab, kind):
    """
    Calls are freed as they end, without the garbage collector.
    """
    lab.serve(Kinds(lab.clock))
    call = getattr(lab.client(Kinds), kind)
    lab.run(many(lab, lambda: call("x"), 10))
    lab.advance(10)
    gc.collect()
    lab.run(many(lab, lambda: call("x"), 1000), limit_s=1000)
    lab.advance(10)
    assert gc.collect() < 100


def kept():
    """
    Return how many objects there are of the classes that calls are made of.
    """
    gc.collect()
    return Counter(
        type(one).__name__
        for one in gc.get_objects()
        if str(type(one).__module__).startswith("rpcfw") or "Deferred" in type(one).__name__
    )


def test_cancelled_streams_leave_nothing(lab):
    """
    Ten thousand streams that were cancelled take no more memory than a hundred.
    """
    streams = Streams(lab.clock)
    lab.serve(streams)
    client = lab.client(Streams)

    async def look():
        async with client.tick(1) as stream:
            await stream.__anext__()
        await sleep(lab.clock, 0.02)

    lab.run(many(lab, look, 100))
    lab.advance(1)
    before = kept()
    lab.run(many(lab, look, 10_000), limit_s=1000)
    lab.advance(1)
    assert 10_100 == len(streams.closed)
    grown = kept() - before
    assert sum(grown.values()) < 50, grown


def test_failed_calls_leave_nothing(lab):
    """
    Calls that ran out of time, or were given up, take no memory when they are over.
    """
    lab.serve(Greeter("a", lab.clock))
    client = lab.client(Greeter)

    async def late():
        with pytest.raises(CallError):
            await client.slow(5, timeout=0.01)

    lab.run(many(lab, late, 100))
    lab.advance(10)
    before = kept()
    lab.run(many(lab, late, 1000), limit_s=100)
    lab.advance(10)
    grown = kept() - before
    assert sum(grown.values()) < 50, grown


POLICIES = [
    """
    [balancer]
    plugin = p2c
    [breaker]
    plugin = consecutive
    [client]
    routers = tag
    limiters = token_bucket
    insert = fallback before ATTEMPTS
    [filter fallback]
    value = []
    """,
    """
    [balancer]
    plugin = adaptive
    [breaker]
    plugin = failure_rate
    [client]
    routers = subset
    limiters = adaptive
    [attempts]
    plugin = hedge
    [health]
    enabled = no
    """,
    """
    [balancer]
    plugin = consistent_hash
    key = caller
    [retry]
    plugin = never
    """,
]


def test_changes_of_rules_leave_nothing(lab):
    """
    However often rules choose other plugins, none of those before is left, nor a timer of theirs.
    """
    for name in "ab":
        lab.serve(Greeter(name, lab.clock), name=name)
    process = lab.consumer()
    greeter = process.application.client(Greeter)

    def turns(count):
        for turn in range(count):
            put(lab, process, SERVICE, POLICIES[turn % 3])
            put(lab, process, SERVICE, f"[instance memory:a]\nweight = {turn % 3}\n", "instances")
            lab.run(greeter.who())
        gc.collect()
        found = (type(each) for each in gc.get_objects())
        return Counter(each.__name__ for each in found if each.__module__.startswith(MODULES))

    before = turns(9)
    grown = turns(9) - before
    # Each document comes three times; heads of requests are kept for later calls.
    assert {} == {name: count for name, count in grown.items() if count >= 3}
    assert 0 == refusals(process)
