"""
How many attempts calls make, chosen in the INI alone.
"""

from __future__ import annotations

import pytest

from rpcfw import ApplicationError, CallError, Service, Status, context, method
from rpcfw.errors import Overloaded, Rejected
from rpcfw.spi.runtime.waiting import sleep

WIRES = (
    "app.protocols=native, grpc, dubbo",
    "server.protocols=native, grpc, dubbo",
)


class Shop(Service, name="demo.Shop"):
    """
    Fails as it is told to, and counts what it is asked.
    """

    def __init__(self, error=None):
        self.error = error
        self.asked = []

    @method(idempotent=True)
    async def get(self, key: int) -> str:
        return self.answer("get", key)

    @method(idempotent=True)
    async def find(self, key: int) -> str:
        return self.answer("find", key)

    def answer(self, name, key):
        self.asked.append((name, key))
        if self.error is not None:
            raise self.error
        return f"{name} {key}"


class Front(Service, name="demo.Front"):
    """
    Asks another service for what it is asked.
    """

    def __init__(self):
        self.behind = None
        self.asked = 0

    @method(idempotent=True)
    async def get(self, key: int) -> str:
        self.asked += 1
        return await self.behind(key)


class Middle(Front, name="demo.Middle"):
    """
    Another one.
    """


@pytest.fixture
def shops(lab):
    shops = [Shop() for _ in range(3)]
    for number, shop in enumerate(shops):
        lab.serve(shop, name=f"shop-{number}")
    return shops


def asked(shops):
    return sum(len(shop.asked) for shop in shops)


def test_a_strategy_for_a_method(lab, shops):
    """
    A service and a method may have a strategy of their own.
    """
    consumer = lab.consumer("attempts demo.Shop/get.plugin=failfast")
    client = consumer.application.client(Shop)
    for shop in shops:
        shop.error = ApplicationError(Status.UNAVAILABLE, "gone")
    for call, expected in ((client.get, 1), (client.find, 3)):
        for shop in shops:
            shop.asked.clear()
        with pytest.raises(CallError):
            lab.run(call(7))
        assert expected == asked(shops)


def test_a_strategy_is_replaced(lab, shops):
    """
    The options of a strategy, of all or of one method, are replaced while it runs.
    """
    consumer = lab.consumer("attempts demo.Shop/get.max_unsent=3")
    client = consumer.application.client(Shop)
    policies = consumer.application.policies
    assert "get 7" == lab.run(client.get(7))
    lab.run(policies.replace("attempts demo.Shop/get", {"max_unsent": "5"}, "demo.Shop"))
    lab.run(policies.replace("attempts", {"max_unsent": "6"}))
    assert 5 == policies.options("attempts demo.Shop/get", "demo.Shop").max_unsent
    assert 6 == policies.options("attempts", "demo.Shop").max_unsent
    assert "get 7" == lab.run(client.get(7))


@pytest.mark.parametrize("wire", ["native", "grpc", "dubbo"])
def test_retries_do_not_multiply(lab, wire):
    """
    In a chain of three services, only the calls of a first attempt are retried.

    Without that, the last service would be asked 27 times.
    """
    shop, middle, front = Shop(ApplicationError(Status.UNAVAILABLE, "gone")), Middle(), Front()
    sets = (*WIRES, f"client.protocols={wire}")
    for service, name in ((shop, "shop"), (middle, "middle"), (front, "front")):
        service.process = lab.serve(service, name=name, sets=sets)
    middle.behind = middle.process.application.client(Shop).get
    front.behind = front.process.application.client(Middle).get
    client = lab.consumer(*sets).application.client(Front)
    with pytest.raises(CallError):
        lab.run(client.get(7))
    assert 3 == front.asked
    # The first attempt at the front is retried by it, the other two are not.
    assert 3 + 1 + 1 == middle.asked
    # Of the first three at the middle, only the first is retried by it.
    assert 3 + 1 + 1 + 1 + 1 == len(shop.asked)


def test_what_nested_calls_are_told(lab):
    """
    A call that is made to serve a retried one says so on its first attempt.
    """

    class Told(Front, name="demo.Told"):
        """
        Says what it is told of previous attempts.
        """

        @method(idempotent=True)
        async def get(self, key: int) -> str:
            return str(context().metadata.get("grpc-previous-rpc-attempts"))

    told, front = Told(), Front()
    lab.serve(told, name="told")
    process = lab.serve(front, name="front")
    front.behind = process.application.client(Told).get
    client = lab.consumer().application.client(Front)
    assert "None" == lab.run(client.get(7))
    told_that = {"grpc-previous-rpc-attempts": "2"}
    assert "2" == lab.run(client.get(7, metadata=told_that))


@pytest.mark.parametrize(
    "error",
    [ApplicationError(Status.UNAVAILABLE, "gone"), Overloaded("full"), Rejected("leaving")],
    ids=["failed", "overloaded", "refused"],
)
def test_a_retry_storm(lab, shops, error):
    """
    If every attempt fails, the default budget ends the retries: at most a tenth is added.
    """
    client = lab.client(Shop)
    for shop in shops:
        shop.error = error

    async def ask(count):
        for _ in range(count):
            with pytest.raises(CallError):
                await client.get(7)

    lab.run(ask(1000), limit_s=600)
    before = asked(shops)
    lab.run(ask(1000), limit_s=600)
    assert asked(shops) - before <= 1100


class Uneven(Service, name="demo.Uneven"):
    """
    Takes 10 ms. One that is uneven takes half a second for the last 50 ms of each second.
    """

    def __init__(self, clock, *, uneven):
        self.clock = clock
        self.uneven = uneven
        self.asked = 0

    @method(idempotent=True)
    async def get(self) -> str:
        self.asked += 1
        slow = self.uneven and self.clock.seconds() % 1 >= 0.95
        await sleep(self.clock, 0.5 if slow else 0.01)
        return "got"


def p99(lab, client, count):
    """
    Return the latency that 99 % of steady calls did not exceed.
    """
    took = []

    async def one():
        began = lab.clock.seconds()
        await client.get()
        took.append(lab.clock.seconds() - began)

    async def all_of_them():
        running = []
        for _ in range(count):
            running.append(lab.begin(one()))
            await sleep(lab.clock, 0.00501)
        return running

    running = lab.run(all_of_them())
    lab.until(lambda: all(each.done for each in running))
    return sorted(took)[int(0.99 * count)]


def test_hedging_cuts_the_tail(lab):
    """
    One of three nodes is slow for 5 % of the time: hedging halves the p99, within its budget.
    """
    fleet = [Uneven(lab.clock, uneven=number == 0) for number in range(3)]
    for number, service in enumerate(fleet):
        lab.serve(service, name=f"uneven-{number}")
    plain = p99(lab, lab.consumer().application.client(Uneven), 3000)
    before = sum(service.asked for service in fleet)
    hedged = lab.consumer("attempts.plugin=hedge")
    cut = p99(lab, hedged.application.client(Uneven), 3000)
    extra = sum(service.asked for service in fleet) - before - 3000
    assert plain >= 0.5
    assert cut < plain / 2
    assert 0 < extra <= 0.1 * 3000 + 10


def test_broadcast(lab, shops):
    """
    Every node gets the call once, also the first call of a client that knows no node yet.
    """
    consumer = lab.consumer("attempts demo.Shop.plugin=broadcast")
    client = consumer.application.client(Shop)
    for key in (1, 2):
        assert f"get {key}" == lab.run(client.get(key))
        assert [[("get", key)]] * 3 == [shop.asked for shop in shops]
        for shop in shops:
            shop.asked.clear()


def test_broadcast_reaches_new_nodes(lab, shops):
    """
    A node that the client has not connected to is called, and one that is dead is reported.
    """
    consumer = lab.consumer("attempts.plugin=broadcast", "client.max_connected_nodes=1")
    client = consumer.application.client(Shop)
    lab.run(client.get(1))
    late, dead = Shop(), Shop()
    lab.serve(late, name="late")
    process = lab.serve(dead, name="dead")
    lab.advance(1)
    lab.run(client.get(2))
    assert [("get", 2)] == late.asked
    lab.kill(process)
    lab.advance(1)
    with pytest.raises(CallError, match="1 of 5 nodes failed; the first was memory:dead"):
        lab.run(client.get(3))
    assert [3, 3, 3] == [shop.asked[-1][1] for shop in shops]


def test_forking(lab, shops):
    """
    Two nodes get each call, also the first one; one that is alone gets it once.
    """
    consumer = lab.consumer("attempts.plugin=forking")
    client = consumer.application.client(Shop)
    for key in range(1, 10):
        lab.run(client.get(key))
        assert 2 * key == asked(shops)


@pytest.mark.parametrize("strategy", ["failsafe", "failback"])
def test_hidden_failures(lab, shops, strategy):
    """
    The caller of a failed call gets an empty answer, also if its time is over.
    """
    consumer = lab.consumer(f"attempts.plugin={strategy}", "client.timeout=1s")
    client = consumer.application.client(Shop)
    for shop in shops:
        shop.error = ApplicationError(Status.UNAVAILABLE, "gone")
    assert lab.run(client.get(1)) is None
    for process in lab.processes[:3]:
        lab.cut_off(process)
    assert lab.run(client.get(2)) is None
    for process in lab.processes[:3]:
        lab.reconnect(process)
    lab.advance(1)  # what was on its way arrives
    for shop in shops:
        shop.error = None
        shop.asked.clear()
    lab.advance(10)
    later = [("get", 1), ("get", 2)] if strategy == "failback" else []
    assert later == sorted({each for shop in shops for each in shop.asked})


def test_failback_at_the_stop(lab, shops):
    """
    What waits for a retry when the process stops is given up, and nothing is left behind.
    """
    consumer = lab.consumer("attempts.plugin=failback", "attempts.period=1s")
    client = consumer.application.client(Shop)
    for shop in shops:
        shop.error = ApplicationError(Status.UNAVAILABLE, "gone")
    for key in range(5):
        assert lab.run(client.get(key)) is None
    lab.advance(1)
    lab.stop(consumer)
