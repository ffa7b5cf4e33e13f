"""
A server's limit of calls on one connection, and a client that wants more of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rpcfw.errors import CallError, Cancelled, DeadlineExceeded, Overloaded
from rpcfw.spi.runtime.waiting import Waiter, sleep
from rpcfw.spi.service import Service, method
from rpcfw.status import Hint

LIMIT = 4


class Slow(Service, name="demo.Slow"):
    """
    Takes its time, in every shape.
    """

    def __init__(self, clock=None):
        self.clock = clock
        self.open = 0
        self.most_open = 0
        self.order = []

    async def _take(self, number):
        self.order.append(number)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await sleep(self.clock, 0.1)
        finally:
            self.open -= 1

    @method
    async def unary(self, number: int) -> int:
        await self._take(number)
        return number

    @method
    async def count(self, number: int) -> AsyncIterator[int]:
        await self._take(number)
        for each in range(3):
            yield each

    @method
    async def total(self, numbers: AsyncIterator[int]) -> int:
        await self._take(0)
        return sum([each async for each in numbers])

    @method
    async def chat(self, numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        await self._take(0)
        async for each in numbers:
            yield each

    @method
    async def hang(self) -> int:
        await Waiter()
        return 0


async def unary(client, number):
    return await client.unary(number) == number


async def count(client, number):
    async with client.count(number) as stream:
        return [each async for each in stream] == [0, 1, 2]


async def total(client, number):
    return await client.total([number, 1]) == number + 1


async def chat(client, number):
    async with client.chat([number, 1]) as stream:
        return [each async for each in stream] == [number, 1]


def connections(process) -> int:
    return len(process.network.connections)


@pytest.mark.parametrize("wire", ["native", "grpc"])
@pytest.mark.parametrize("shape", [unary, count, total, chat])
def test_many_calls_at_once(lab, wire, shape):
    """
    A hundred calls at a server that takes four on one connection all succeed.

    They share no more connections than were allowed, and one is left in the end.
    """
    wires = f"app.protocols={wire}"
    service = Slow(lab.clock)
    server = lab.serve(
        service, sets=[wires, f"server.protocols={wire}", f"limits.max_calls={LIMIT}"]
    )
    consumer = lab.consumer(wires, f"client.protocols={wire}", "connection.max_connections=3")
    client = consumer.application.client(Slow)
    running = [lab.begin(shape(client, number)) for number in range(100)]
    lab.until(lambda: service.open == 3 * LIMIT)
    assert 3 == connections(server)

    assert all(lab.finish(one) for one in running)
    assert 3 * LIMIT == service.most_open
    lab.advance(61)
    assert 1 == connections(server)


def test_calls_are_begun_in_order(lab):
    """
    The first to come is the first to be served, also if others call again at once.
    """
    service = Slow(lab.clock)
    lab.serve(service, sets=[f"limits.max_calls={LIMIT}"])
    consumer = lab.consumer("connection.max_connections=1")
    client = consumer.application.client(Slow)

    async def again(number):
        await client.unary(number)
        await client.unary(number + 100)

    running = [lab.begin(again(number)) for number in range(20)]
    for one in running:
        lab.finish(one)

    assert [*range(20), *range(100, 120)] == service.order


def test_no_room_for_ever(lab):
    """
    A call that finds no room until its deadline says so; it was never sent.
    """
    lab.serve(Slow(lab.clock), sets=[f"limits.max_calls={LIMIT}"])
    consumer = lab.consumer("connection.max_connections=1")
    client = consumer.application.client(Slow)
    hanging = [lab.begin(client.hang(timeout="20s")) for _ in range(LIMIT)]
    lab.advance(0.1)
    with pytest.raises(DeadlineExceeded, match="no call on them ended in time") as caught:
        lab.run(client.unary(1, timeout="2s"))
    assert Hint.NEVER_SENT in caught.value.hints
    for one in hanging:
        with pytest.raises(CallError):
            lab.finish(one)


def test_no_room_to_wait(lab):
    """
    What would wait beyond max_waiting_calls is refused, as never sent, with what to set.
    """
    lab.serve(Slow(lab.clock), sets=[f"limits.max_calls={LIMIT}"])
    consumer = lab.consumer("connection.max_connections=1", "connection.max_waiting_calls=0")
    client = consumer.application.client(Slow)
    lab.run(client.unary(0))
    running = [lab.begin(client.unary(number)) for number in range(LIMIT)]
    lab.advance(0.05)
    with pytest.raises(Overloaded, match="max_waiting_calls = 0") as caught:
        lab.run(client.unary(1))
    assert Hint.NEVER_SENT in caught.value.hints
    assert [0, 1, 2, 3] == [lab.finish(one) for one in running]


def test_another_node_has_room(lab):
    """
    Calls do not wait at a full node while another takes them.
    """
    services = [Slow(lab.clock), Slow(lab.clock)]
    lab.serve(services[0], name="small", sets=[f"limits.max_calls={LIMIT}"])
    lab.serve(services[1], name="large")
    consumer = lab.consumer("connection.max_connections=1", "balancer.plugin=round_robin")
    client = consumer.application.client(Slow)
    lab.run(client.unary(0))
    began = lab.clock.seconds()
    running = [lab.begin(client.unary(number)) for number in range(100)]
    for one in running:
        lab.finish(one)

    assert LIMIT <= len(services[0].order) < 3 * LIMIT
    assert lab.clock.seconds() - began < 0.3


def test_a_stop_while_calls_wait(lab):
    """
    A client that stops lets its waiting calls fail, begins none of them, and leaves nothing.
    """
    slow = Slow(lab.clock)
    lab.serve(slow, sets=[f"limits.max_calls={LIMIT}"])
    consumer = lab.consumer("connection.max_connections=2")
    client = consumer.application.client(Slow)
    running = [lab.begin(client.hang(timeout="20s")) for _ in range(30)]
    running += [lab.begin(client.unary(number)) for number in range(30)]
    lab.advance(0.5)
    lab.stop(consumer)
    for one in running:
        with pytest.raises(Cancelled):
            lab.finish(one)
    assert [] == slow.order


def test_a_drained_node_beside_a_full_one(lab):
    """
    A node of weight 0 gets no calls while another is connected, even if they wait there.
    """
    full, drained = Slow(lab.clock), Slow(lab.clock)
    lab.serve(full, name="full", sets=[f"limits.max_calls={LIMIT}"])
    lab.serve(drained, name="drained", sets=["server.weight=0"])
    client = lab.consumer("connection.max_connections=1").application.client(Slow)
    lab.run(client.unary(0))
    lab.advance(0.1)
    before = len(drained.order)
    calls = [lab.begin(client.unary(number)) for number in range(20)]
    lab.advance(0.01)
    calls += [lab.begin(client.unary(number)) for number in range(20, 30)]

    assert [*range(30)] == [lab.finish(call) for call in calls]
    assert before == len(drained.order)
