"""
Balancers in whole systems: what share of the calls a node gets.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rpcfw import Service, method
from rpcfw.app.plan import read_plan
from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import Sources
from rpcfw.spi.runtime.waiting import sleep


class Shop(Service, name="demo.Shop"):
    """
    Answers after its latency, which a test may change, and which grows with what it has to do.
    """

    def __init__(self, clock, latency_s=0.01):
        self.clock = clock
        self.latency_s = latency_s
        self.calls = self.busy = 0
        self.users = set()

    @method(idempotent=True)
    async def home(self, user: str) -> str:
        self.users.add(user)
        return user

    @method(idempotent=True)
    async def get(self, id: int) -> int:
        self.calls += 1
        self.busy += 1
        try:
            await sleep(self.clock, self.latency_s * self.busy)
        finally:
            self.busy -= 1
        return id


class Steady(Shop, name="demo.Steady"):
    """
    Answers after its latency, whatever else it has to do.
    """

    @method(idempotent=True)
    async def get(self, id: int) -> int:
        self.calls += 1
        await sleep(self.clock, self.latency_s)
        return id


def fleet(lab, size=10, kind=Shop):
    shops = [kind(lab.clock) for _ in range(size)]
    for number, shop in enumerate(shops):
        lab.serve(shop, name=f"n{number}")
    return shops


def drive(lab, client, seconds, per_second=200):
    """
    Begin calls at a steady rate, whether the earlier ones have ended or not.
    """
    for number in range(int(seconds * per_second)):
        lab.begin(client.get(number))
        lab.advance(1 / per_second)


def shares(lab, client, shops, seconds, per_second=200) -> list[float]:
    """
    Return the share of the calls that each of the nodes gets meanwhile.
    """
    before = [shop.calls for shop in shops]
    drive(lab, client, seconds, per_second)
    counts = [shop.calls - old for shop, old in zip(shops, before, strict=True)]
    return [count / sum(counts) for count in counts]


@pytest.mark.parametrize("balancer", ["p2c", "lalb", "adaptive", "least_active"])
def test_a_slow_node_among_ten(lab, balancer):
    """
    A node that becomes 50 times as slow has its share cut from a tenth to 2 % or less.
    """
    shops = fleet(lab)
    client = lab.consumer(f"balancer.plugin={balancer}").application.client(Shop)
    assert all(0.02 < share < 0.4 for share in shares(lab, client, shops, 5))

    shops[3].latency_s = 0.5
    drive(lab, client, 1)
    found = shares(lab, client, shops, 5)
    lab.advance(1)

    assert found[3] <= 0.02
    assert all(share > 0.02 for place, share in enumerate(found) if place != 3)


@pytest.mark.parametrize("balancer", ["p2c", "lalb"])
def test_a_node_that_answers_no_more(lab, balancer):
    """
    Calls that overrun their own deadline count as failures of the node that did not answer.
    """
    shops = fleet(lab, 5)
    sets = f"balancer.plugin={balancer}", "client.timeout=50ms"
    client = lab.consumer(*sets).application.client(Shop)
    drive(lab, client, 3)
    shops[0].latency_s = 1000
    drive(lab, client, 2)

    assert shares(lab, client, shops, 5)[0] < 0.03


@pytest.mark.parametrize("balancer", ["p2c"])
def test_a_node_that_has_recovered(lab, balancer):
    """
    A node that was slow has its share again five seconds after its recovery.
    """
    shops = fleet(lab, 3)
    client = lab.consumer(f"balancer.plugin={balancer}").application.client(Shop)
    shops[0].latency_s = 2.0
    drive(lab, client, 5, per_second=60)
    shops[0].latency_s = 0.01
    drive(lab, client, 5, per_second=60)

    assert shares(lab, client, shops, 5, per_second=60)[0] > 0.2


@pytest.mark.parametrize("balancer", ["p2c", "adaptive"])
def test_two_seconds_of_latency(lab, balancer):
    """
    One node of three answers after 2 s. Its share falls below 5 % within a second.

    After its recovery it is used again within 10 s.
    """
    shops = fleet(lab, 3, Steady)
    client = lab.consumer(f"balancer.plugin={balancer}").application.client(Steady)
    drive(lab, client, 2, per_second=500)
    shops[1].latency_s = 2.0
    drive(lab, client, 1, per_second=500)
    assert all(shares(lab, client, shops, 1, per_second=500)[1] < 0.05 for _ in range(4))

    shops[1].latency_s = 0.01
    drive(lab, client, 9, per_second=500)
    assert shares(lab, client, shops, 1, per_second=500)[1] > 0.2


@pytest.mark.parametrize(
    ("balancer", "most"),
    [("weighted_random", 0.18), ("round_robin", 0.18), ("p2c", 0.24), ("adaptive", 0.18)],
)
def test_a_cold_node(lab, balancer, most):
    """
    A node that joins gets a few calls at first, and about a quarter after the warm-up.

    Under p2c it is drawn twice as often as its weight says, and may win each time.
    """
    lab.advance(1000)  # else it starts at 0, which means unknown
    shops = fleet(lab, 3)
    sets = f"balancer.plugin={balancer}", "client.warm_up=40s"
    client = lab.consumer(*sets).application.client(Shop)
    drive(lab, client, 1)
    lab.advance(40)
    shops.append(Shop(lab.clock))
    lab.serve(shops[3], name="cold")
    drive(lab, client, 1)

    assert 0.005 < shares(lab, client, shops, 4)[3] < 0.06
    lab.advance(10)
    assert 0.08 < shares(lab, client, shops, 4)[3] < most
    lab.advance(25)
    assert 0.15 < shares(lab, client, shops, 4)[3] < 0.35


SLOW = 3


def test_options_of_a_collector_are_replaced(lab):
    """
    With a weight of 0 the latency no longer counts, and with 1 what was measured counts again.
    """
    shops = fleet(lab, 10)
    application = lab.consumer("balancer.plugin=adaptive").application
    client = application.client(Shop)
    shops[SLOW].latency_s = 0.2
    drive(lab, client, 2)
    assert shares(lab, client, shops, 2)[SLOW] < 0.02

    (balancer,) = [each.policies.balancer for each in application.clients]
    lab.run(application.policies.replace("collector latency", {"weight": "0"}))
    assert shares(lab, client, shops, 1)[SLOW] > 0.05
    assert 0 == application.policies.options("collector latency").weight

    lab.run(application.policies.replace("collector latency", {}))
    drive(lab, client, 1)
    assert shares(lab, client, shops, 2)[SLOW] < 0.02
    assert all(each.policies.balancer is not balancer for each in application.clients)


def test_other_collectors_while_calls_run(lab):
    """
    Those that stay know what they knew; a collector that is not in use has no options.
    """
    application = lab.consumer("balancer.plugin=adaptive").application
    fleet(lab, 2)
    lab.run(application.client(Shop).get(0))
    (before,) = (each.policies.balancer for each in application.clients)
    lab.run(application.policies.replace("balancer", {"collectors": "latency, state"}))
    (after,) = (each.policies.balancer for each in application.clients)
    assert ["Latency", "State"] == [type(each).__name__ for each in after.collectors]
    (latency,) = (one for one in before.collectors if type(one) is type(after.collectors[0]))
    assert latency._measured is after.collectors[0]._measured  # noqa: SLF001
    with pytest.raises(SettingsError, match=r"\[collector latenc\]; did you mean"):
        lab.run(application.policies.replace("collector latenc", {"weight": "2"}))


HOME = (
    "balancer demo.Shop/home.plugin=consistent_hash",
    "balancer demo.Shop/home.key=argument user",
)


def test_a_method_with_its_own_balancer(lab):
    """
    Calls of one method go by their key, and the others go round all nodes.
    """
    shops = fleet(lab, 5)
    client = lab.consumer("balancer.plugin=round_robin", *HOME).application.client(Shop)
    lab.run(client.get(0))
    for number in range(60):
        lab.run(client.home(f"user-{number % 20}"))
    drive(lab, client, 1, per_second=99)
    lab.advance(1)

    assert 20 == sum(len(shop.users) for shop in shops)
    assert [20] * 5 == [shop.calls for shop in shops]


def test_the_balancer_of_a_method_is_replaced(lab):
    """
    Its options are replaced by the name of its section, and those of the service are not.
    """
    fleet(lab, 3)
    application = lab.consumer(*HOME).application
    client = application.client(Shop)
    lab.run(client.home("bob"))
    lab.run(application.policies.replace("balancer demo.Shop/home", {"virtual_nodes": "7"}))
    lab.run(client.home("bob"))

    (used,) = application.clients
    (name, balancer), *_ = used.policies.method_balancers
    assert ("home", 7) == (name, balancer.options.virtual_nodes)


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        (["balancer.collectors=latensy"], r"among collectors; did you mean 'latency'"),
        (["collector latency.windo=5s"], r"\[collector latency\] windo: .*did you mean 'window'"),
        (["collector latency.window=0s"], r"\[collector latency\] window: must be above 0s"),
        (["balancer.collectors=state", "collector latency.weight=1"], r"\[collector latency\]"),
        (["balancer demo.Shop.collectors=stat"], r"\[balancer demo.Shop\] collectors: .*'state'"),
    ],
)
def test_mistakes_about_collectors(sets, message):
    """
    A collector or an option that nobody knows is a mistake, reported with the nearest name.
    """
    with pytest.raises(SettingsError, match=message):
        read_plan(Sources.load((), {}, ["balancer.plugin=adaptive", *sets]))


def test_collectors_of_one_service():
    """
    A service has collectors of its own by its section of the balancer.
    """
    sets = ["balancer.plugin=adaptive", "balancer demo.Shop.collectors=state"]
    plan = read_plan(Sources.load((), {}, sets))

    assert ["runtime", "latency", "state"] == [
        each.name for each in plan.client("demo.X").balancer.parts
    ]
    assert ["state"] == [each.name for each in plan.client("demo.Shop").balancer.parts]


@pytest.mark.parametrize("section", ["/home", "demo.Shop/", "demo.Shop/a/b"])
def test_a_section_that_names_no_method(section):
    """
    A balancer of a method names the service and the method.
    """
    with pytest.raises(SettingsError, match=r"as \[balancer demo.Shop/get\]"):
        read_plan(Sources.load((), {}, [f"balancer {section}.plugin=p2c"]))


class Feed(Shop, name="demo.Feed"):
    """
    Sends streams that do not end, too.
    """

    streams = 0

    @method
    async def watch(self) -> AsyncIterator[int]:
        self.streams += 1
        yield 0
        await sleep(self.clock, 10_000)

    @method
    async def talk(self, ids: AsyncIterator[int]) -> AsyncIterator[int]:
        self.streams += 1
        async for each in ids:
            yield each
        await sleep(self.clock, 10_000)


@pytest.mark.parametrize("balancer", ["p2c", "lalb", "adaptive"])
@pytest.mark.parametrize("kind", ["watch", "talk"])
def test_a_stream_that_lasts_is_no_latency(lab, balancer, kind):
    """
    A node on which a stream has been open for minutes gets its share of the calls.
    """
    feeds = fleet(lab, 4, Feed)
    client = lab.consumer(f"balancer.plugin={balancer}").application.client(Feed)
    drive(lab, client, 1)
    ids = (number for number in range(3))
    stream = client.watch() if kind == "watch" else client.talk(ids)
    assert 0 == lab.run(anext(stream))
    (open_on,) = [place for place, feed in enumerate(feeds) if feed.streams]
    lab.advance(600)
    drive(lab, client, 2)

    assert shares(lab, client, feeds, 2)[open_on] > 0.08
    stream.cancel()


@pytest.mark.parametrize("balancer", ["p2c", "lalb", "adaptive"])
def test_the_end_of_a_stream_is_no_latency(lab, balancer):
    """
    A stream that ends after minutes does not make its node look slow.
    """
    feeds = fleet(lab, 4, Feed)
    client = lab.consumer(f"balancer.plugin={balancer}").application.client(Feed)
    drive(lab, client, 1)
    stream = client.watch()
    assert 0 == lab.run(anext(stream))
    (open_on,) = [place for place, feed in enumerate(feeds) if feed.streams]
    lab.advance(600)
    stream.cancel()

    assert shares(lab, client, feeds, 2)[open_on] > 0.08
