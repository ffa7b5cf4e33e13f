"""
What would become of a call: from code, and of a running process, without a call.
"""

from __future__ import annotations

import contextlib

import pytest

from rpcfw.client.stub import proxy
from rpcfw.errors import BreakerOpen, CallError, ContractError, Unavailable
from rpcfw.spi.runtime.waiting import sleep
from rpcfw.spi.service import Service, method
from rpcfw.status import Status
from rpcfw.values.address import Address
from rpcfw.values.explanation import Explanation
from rpcfw_inspection.explain import ExplainService


class Shop(Service, name="demo.Shop"):
    def __init__(self, clock=None, latency_s: float = 0.0) -> None:
        self.calls = 0
        self.fails = False
        self.clock = clock
        self.latency_s = latency_s

    @method(idempotent=True)
    async def get(self, id: int) -> int:
        self.calls += 1
        if self.clock is not None:
            await sleep(self.clock, self.latency_s)
        if id < 0 or self.fails:
            raise Unavailable("a bad day")
        return id

    @method
    async def put(self, id: int) -> int:
        return id


def fleet(lab, *sets: str, **versions: str) -> dict[str, Shop]:
    shops = {name: Shop() for name in versions}
    for name, version in versions.items():
        lab.serve(shops[name], name=name, sets=[f"server.version={version}", *sets])
    return shops


def explain(lab, process, called=Shop.get, *arguments, **named) -> Explanation:
    return lab.run(process.application.explain(called, *(arguments or (7,)), **named))


def shares(found: Explanation) -> dict[str, float]:
    return {one.address.partition(":")[2]: one.share for one in found.instances if one.share}


def policy(found: Explanation, kind: str):
    (one,) = [each for each in found.policies if each.kind == kind]
    return one


def test_which_router_removed_which(lab):
    """
    Each removed instance has the router that removed it and why; the others have their shares.
    """
    shops = fleet(lab, a="1.0", b="2.0", c="2.1")
    web = lab.consumer(
        "client.routers=condition, tag",
        "router condition.rules=method=get => version=2.*",
        name="web",
    )
    found = explain(lab, web)

    assert ("demo.Shop", "get", "web", 3.0) == (
        found.service,
        found.method,
        found.caller,
        found.timeout_s,
    )
    assert {"b": 0.5, "c": 0.5} == shares(found)
    assert [("router condition", 3, 2), ("router tag", 2, 2)] == [
        (one.policy.section, one.before, one.after) for one in found.routers
    ]
    (gone,) = [one for one in found.instances if one.removed_by]
    assert ("memory:a", "router condition", "rule 'method=get => version=2.*'") == (
        gone.address,
        gone.removed_by,
        gone.reason,
    )
    assert not any(shop.calls for shop in shops.values())


def test_what_calls_do(lab):
    """
    The calls go where the explanation says, by metadata and by arguments.
    """
    shops = fleet(lab, a="1.0", b="2.0")
    web = lab.consumer(
        "client.routers=condition",
        "router condition.rules=argument.id=100~ => version=1.*\nmetadata.new=yes => version=2.*",
    )
    shop = web.application.client(Shop)
    for id, metadata in ((100, {}), (7, {"new": "yes"})):
        (only,) = shares(explain(lab, web, Shop.get, id, metadata=metadata))
        before = {name: each.calls for name, each in shops.items()}
        for _ in range(5):
            lab.run(shop.get(id, metadata=metadata))

        assert {only: 5} == {
            name: each.calls - before[name]
            for name, each in shops.items()
            if each.calls > before[name]
        }


def test_nothing_is_left(lab):
    """
    An explanation of a call that would fail has the error of that call, and the router.
    """
    fleet(lab, a="1.0", b="2.0")
    web = lab.consumer("client.routers=condition, tag", "router condition.rules=method=get =>")
    found = explain(lab, web)
    with pytest.raises(CallError) as failed:
        lab.run(web.application.client(Shop).get(7))

    assert failed.value.message == found.error
    assert {"router condition"} == {one.removed_by for one in found.instances}
    assert 1 == len(found.routers)


def test_no_instance_is_known(lab):
    """
    Likewise if no instance is known; and if the application was not started.
    """
    web = lab.consumer()
    found = explain(lab, web)
    with pytest.raises(CallError) as failed:
        lab.run(web.application.client(Shop).get(7))

    assert failed.value.message == found.error
    assert () == found.instances
    unstarted = lab.process("unstarted")
    assert "has not been started" in explain(lab, unstarted).error


def test_wrong_arguments(lab):
    """
    The arguments are checked as those of a call are.
    """
    web = lab.consumer()
    with pytest.raises(TypeError, match="id"):
        explain(lab, web, Shop.get, 1, 2)
    with pytest.raises(ContractError):
        explain(lab, web, len, 1)


def turns(lab) -> list[int]:
    """
    Return which of three nodes gets each of nine calls, with questions between them.
    """
    shops = [Shop() for _ in range(3)]
    for number, shop in enumerate(shops):
        lab.serve(shop, name=f"n{number}")
    web = lab.consumer("balancer.plugin=round_robin", "client.routers=tag")
    client, order = web.application.client(Shop), []
    for _ in range(9):
        before = [shop.calls for shop in shops]
        lab.run(client.get(7))
        order += [n for n, shop in enumerate(shops) if shop.calls > before[n]]
        explain(lab, web)
        explain(lab, web, metadata={"tag": "gray"})
    return order


def test_asking_disturbs_nothing(lab):
    """
    Nodes take their turns as before, however often somebody asks, for whatever calls.
    """
    order = turns(lab)

    assert 3 == len(set(order[:3]))
    assert order[:3] * 3 == order


def test_asking_connects_to_nothing(lab):
    """
    Asking makes no connections, and no call.
    """
    shops = fleet(lab, a="1.0", b="2.0")
    web = lab.consumer("client.max_connected_nodes=0")
    for _ in range(3):
        found = explain(lab, web)
        lab.advance(1)

    assert ["untried", "untried"] == [one.connection for one in found.instances]
    assert {"a": 0.5, "b": 0.5} == shares(found)
    assert not any(shop.calls for shop in shops.values())


def test_policies_and_their_places(lab):
    """
    Each policy has its options, where they are given, and what it says of this call.
    """
    fleet(lab, a="1.0")
    web = lab.consumer(
        "client.limiters=concurrency",
        "limiter concurrency.max_calls=9",
        "retry.max_attempts=5",
        "balancer demo.Shop/get.plugin=round_robin",
    )
    found = explain(lab, web)

    assert ("round_robin", "balancer demo.Shop/get") == (
        found.balancer.name,
        found.balancer.section,
    )
    assert "for service demo.Shop: 0 of 9 calls are in flight" == policy(found, "limiter").says
    retry = policy(found, "retry")
    assert "" == retry.place
    assert (
        "idempotent: up to 5 attempts, if it was not begun or failed with UNAVAILABLE" == retry.says
    )
    given = {one.name: one.value for one in retry.options if one.place}
    assert {"max_attempts": "5"} == given
    assert "not idempotent" in policy(explain(lab, web, Shop.put), "retry").says
    assert "weighted_random" == explain(lab, web, Shop.put).balancer.name


def test_options_replaced_at_run_time(lab):
    """
    What was replaced while the process runs is shown, as such.
    """
    fleet(lab, a="1.0")
    web = lab.consumer("retry.max_attempts=5", "client.routers=zone", "router zone.zone=west")
    web.application.client(Shop)
    lab.run(web.application.policies.replace("retry", {"max_attempts": "2"}))
    lab.run(web.application.policies.replace("router zone", {"zone": "east"}))
    found = explain(lab, web)
    retry, (router,) = policy(found, "retry"), found.routers

    (option,) = [one for one in retry.options if one.name == "max_attempts"]
    assert ("2", "replaced at run time") == (option.value, option.place)
    assert "up to 2 attempts" in retry.says
    assert "--set client.routers" == router.policy.place
    values = {one.name: one.value for one in router.policy.options}
    assert "east" == values["zone"]


def test_breakers_are_shown(lab):
    """
    The breaker of the method at each node says whether it is open, and when it is probed.
    """
    fleet(lab, a="1.0")
    web = lab.consumer(
        "breaker.plugin=consecutive",
        "breaker.failures=2",
        "breaker.open_time=5s",
        "breaker.open_jitter=0%",
        "retry.plugin=never",
    )
    client = web.application.client(Shop)
    assert ["closed"] == [one.breaker for one in explain(lab, web).instances]
    for _ in range(2):
        with pytest.raises(Unavailable):
            lab.run(client.get(-1))
    found = explain(lab, web)
    assert ["open: it is probed in 5 s"] == [one.breaker for one in found.instances]
    assert "breakers refuse the call at 1 of 1 candidates; a call fails" == found.note
    with pytest.raises(BreakerOpen):
        lab.run(client.get(1))
    assert ["closed"] == [one.breaker for one in explain(lab, web, Shop.put).instances]


def test_a_breaker_at_one_of_two(lab):
    """
    A call takes another candidate while there is one, and the note says so.
    """
    shops = fleet(lab, a="1.0", b="1.0")
    web = lab.consumer(
        "breaker.plugin=consecutive",
        "breaker.failures=2",
        "retry.plugin=never",
        "health.enabled=no",
    )
    client = web.application.client(Shop)
    shops["a"].fails = True
    for _ in range(20):
        with contextlib.suppress(Unavailable):
            lab.run(client.get(1))
    note = explain(lab, web).note
    assert "breakers refuse the call at 1 of 2 candidates; a call takes another one then" == note
    for _ in range(20):
        lab.run(client.get(1))


def test_drained(lab):
    """
    A drained node is not given to the balancer while another is connected; it says why.
    """
    fleet(lab, a="1.0")
    lab.serve(Shop(), name="drained", sets=["server.weight=0"])
    web = lab.consumer()
    lab.run(web.application.client(Shop).get(1))
    found = explain(lab, web)

    assert {"a": 1.0} == shares(found)
    (gone,) = [one for one in found.instances if one.removed_by]
    assert ("memory:drained", "it is drained: its weight is 0") == (gone.address, gone.reason)


def test_sub_healthy(lab):
    """
    A node that the balancer does not get for its health has no share, and it says why.
    """
    shops = fleet(lab, a="1.0", b="1.0", c="1.0")
    web = lab.consumer("retry.plugin=never")
    client = web.application.client(Shop)
    shops["a"].fails = True
    for _ in range(150):
        lab.begin(client.get(1))
        lab.advance(0.02)
    found = explain(lab, web)

    assert {"b": 0.5, "c": 0.5} == shares(found)
    (gone,) = [one for one in found.instances if one.removed_by]
    assert ("memory:a", "sub-healthy") == (gone.address, gone.health)
    assert gone.reason.startswith("others are healthy, this one is sub-healthy")


def test_unreachable(lab):
    """
    A node that others are better connected than is not given to the balancer; it says why.
    """
    fleet(lab, a="1.0")
    dead = lab.serve(Shop(), name="dead")
    web = lab.consumer()
    client = web.application.client(Shop)
    lab.run(client.get(1))
    lab.kill(dead)
    lab.advance(10)
    lab.run(client.get(1))
    found = explain(lab, web)

    assert {"a": 1.0} == shares(found)
    (gone,) = [one for one in found.instances if one.removed_by]
    assert ("memory:dead", "selection") == (gone.address, gone.removed_by)
    assert gone.reason.startswith("others are ready, this one is ")


def asked(lab, service="demo.Shop", name="get", request=None, metadata=()):
    """
    Ask the process at memory:look from another one.
    """
    tool = lab.process("tool", (), "registry.plugin=memory")
    lab.start(tool)
    context = tool.application.runtime.plugin_context
    channel = context.open_channel(Address("memory", "look"), "native")
    try:
        return lab.run(
            proxy(ExplainService, channel).explain(
                service, name, request or {"id": 7}, list(metadata), False
            )
        )
    finally:
        lab.run(channel.close())
        lab.stop(tool)
        tool.alive = False


def test_of_a_running_process(lab):
    """
    A running process says what it would do now, with what its balancer has learned.
    """
    lab.serve(Shop(lab.clock, 0.01), name="fast")
    lab.serve(Shop(lab.clock, 1.0), name="slow")
    web = lab.consumer("balancer.plugin=p2c", "inspection.listen=memory:look", name="web")
    client = web.application.client(Shop)
    for number in range(20):
        lab.run(client.get(number))
    found = asked(lab)

    assert "web" == found.caller
    assert {"fast": 1.0} == shares(found)
    fast, slow = found.instances
    assert slow.score > 10 * fast.score
    assert found == explain(lab, web)


def test_a_running_process_is_asked_wrongly(lab):
    """
    A service that the process does not call is refused, with the nearest name that it calls.

    So is metadata that no wire can carry. No client is made for either.
    """
    fleet(lab, a="1.0")
    web = lab.consumer("inspection.listen=memory:look")
    web.application.client(Shop)
    with pytest.raises(CallError, match=r"did you mean 'demo\.Shop'") as failed:
        asked(lab, "demo.Shp")
    assert Status.NOT_FOUND is failed.value.status
    with pytest.raises(CallError, match="metadata") as failed:
        asked(lab, metadata=[("x-bin", "?")])
    assert Status.INVALID_ARGUMENT is failed.value.status
    assert 1 == len(web.application.clients)


def test_a_method_that_was_called(lab):
    """
    Of a method that the process has called, the types and marks are known.

    So the request has to fit, and the method is idempotent. Of another method there is a note
    with the nearest name.
    """
    fleet(lab, a="1.0")
    web = lab.consumer("inspection.listen=memory:look")
    web.application.client(Shop)
    assert "not called demo.Shop/get yet; none is known here" in asked(lab).note
    lab.run(web.application.client(Shop).get(7))

    found = asked(lab)
    assert ("", True) == (found.note, policy(found, "retry").says.startswith("idempotent"))
    with pytest.raises(CallError, match="Expected `int`") as failed:
        asked(lab, request={"id": "seven"})
    assert Status.INVALID_ARGUMENT is failed.value.status
    assert "did you mean 'get'?" in asked(lab, name="gte").note


def test_none_is_healthy(lab):
    """
    If nodes are used that are not healthy, because none is, a note says so.
    """
    dead = lab.serve(Shop(), name="dead")
    web = lab.consumer("retry.plugin=never")
    client = web.application.client(Shop)
    lab.run(client.get(1))
    lab.kill(dead)
    lab.advance(10)
    with pytest.raises(CallError):
        lab.run(client.get(1))

    assert "no instance is healthy, so all are used" == explain(lab, web).note
    fleet(lab, a="1.0")
    lab.advance(10)
    found = explain(lab, web)

    assert ("", {"a": 1.0}) == (found.note, shares(found))


def test_adaptive_scores(lab):
    """
    The adaptive balancer states the scores of its collectors, and shares by them.
    """
    lab.serve(Shop(lab.clock, 0.01), name="fast")
    lab.serve(Shop(lab.clock, 0.4), name="slow")
    web = lab.consumer(
        "balancer.plugin=adaptive", "balancer.collectors=latency", "collector latency.weight=1"
    )
    client = web.application.client(Shop)
    for number in range(40):
        lab.run(client.get(number))
    found = explain(lab, web)
    fast, slow = found.instances

    assert "memory:fast" == fast.address
    assert fast.share > 0.8
    assert fast.score > 4 * slow.score
    assert "collector latency" in {one.section for one in found.policies}
