"""
Routers at work, chosen and set by the INI alone.
"""

from __future__ import annotations

from contextlib import suppress
from typing import ClassVar

import pytest

from rpcfw.errors import CallError, NoInstances, PermissionDenied
from rpcfw.spi.filter import Filter
from rpcfw.spi.service import Service, method
from rpcfw.status import Hint
from rpcfw.transport.pool.link import LinkState
from rpcfw_balancers.weighted_random import WeightedRandom
from rpcfw_routers.split import slots


class Shop(Service, name="demo.Shop"):
    def __init__(self, name: str) -> None:
        self.name = name

    @method(idempotent=True)
    async def get(self, id: int) -> str:
        return self.name


class Counted(WeightedRandom):
    """
    Counts its pickers.
    """

    made = 0

    def picker(self, candidates):
        Counted.made += 1
        return super().picker(candidates)


class Routes(Filter):
    """
    Sees the routes of calls.
    """

    seen: ClassVar[list] = []

    async def apply(self, call, proceed):
        self.seen.append(call.route)
        return await proceed(call)


def serve(lab, name, *sets):
    return lab.serve(Shop(name), name=name, sets=list(sets))


def client(lab, *sets):
    return lab.consumer(*sets).application.client(Shop)


def asked(lab, shop, count=20, **options) -> set[str]:
    """
    Return which providers answer.
    """
    return {lab.run(shop.get(number, **options)) for number in range(count)}


def pass_time(lab, shop, seconds) -> None:
    """
    Let time pass with a call now and then; some fail while nodes are lost.
    """
    for _ in range(seconds // 5):
        lab.advance(5)
        with suppress(CallError):
            lab.run(shop.get(1))


def test_split_sends_exactly_the_chosen_keys(lab):
    """
    The calls with the chosen product ids, and no others, meet the new version, each time.
    """
    for name, version in (("old", "1.4"), ("older", "1.3"), ("new", "2.0")):
        serve(lab, name, f"server.version={version}")
    shop = client(
        lab,
        "client.routers=split",
        "router split.shares=5% version=2.*, 95% version=1.*",
        "router split.key=argument id",
    )
    chosen = {id for id in range(600) if slots("")(str(id)) < 500}

    for _ in range(2):
        met = {id for id in range(600) if lab.run(shop.get(id)) == "new"}
        assert chosen == met


def test_a_grey_release(lab):
    """
    A release with a tag gets the calls of the application that is configured for it, no others.
    """
    serve(lab, "old")
    gray = serve(lab, "gray", "server.tags=tag=gray")
    tester = client(lab, "client.routers=tag", "router tag.default=gray")
    user = client(lab, "client.routers=tag")

    assert {"old"} == asked(lab, user)
    assert {"gray"} == asked(lab, tester)

    lab.stop(gray)
    lab.advance(10)
    assert {"old"} == asked(lab, tester)


class Front(Service, name="demo.Front"):
    """
    Asks a shop to serve a call, and returns which one it was.
    """

    def __init__(self):
        self.behind = None

    @method
    async def who(self) -> str:
        return await self.behind(7)


@pytest.mark.parametrize(("pass_on", "expected"), [("yes", "gray"), ("no", "old")])
def test_a_tag_through_a_chain(lab, pass_on, expected):
    """
    With ``pass_on`` a nested call has the tag of the call that is served.
    """
    serve(lab, "old")
    serve(lab, "gray", "server.tags=tag=gray")
    front = Front()
    sets = ("client.routers=tag", f"router tag.pass_on={pass_on}")
    process = lab.serve(front, name="front", sets=sets)
    front.behind = process.application.client(Shop).get
    caller = lab.consumer().application.client(Front)
    for _ in range(5):
        assert expected == lab.run(caller.who(metadata={"tag": "gray"}))
        assert "old" == lab.run(caller.who())


def test_ever_new_tags(lab):
    """
    Calls with tags that nobody has share one picker and one list of nodes, however many they are.
    """
    Routes.seen.clear()
    for name in ("old", "older"):
        serve(lab, name)
    serve(lab, "new", "server.tags=tag=gray")
    counted = "plugins.balancers.counted=tests.lab.test_routers:Counted"
    routes = "plugins.filters.routes=tests.lab.test_routers:Routes"
    sets = counted, "balancer.plugin=counted", routes, "client.insert=routes before SELECTION"
    shop = client(lab, "client.routers=tag", *sets)
    lab.advance(0.1)
    lab.run(shop.get(0))
    lab.advance(0.1)
    Counted.made = 0
    answers = {lab.run(shop.get(0, metadata={"tag": f"tag-{number}"})) for number in range(50)}

    assert {"old", "older"} == answers
    assert 1 == len({id(route.all) for route in Routes.seen[-50:]})
    assert {"new"} == asked(lab, shop, metadata={"tag": "gray"})
    assert Counted.made == 1


def test_a_zone_that_cannot_be_reached(lab):
    """
    When the instances of the own zone are cut off, calls go to others, and come back with them.
    """
    near = serve(lab, "near", "server.zone=east")
    serve(lab, "far", "server.zone=west")
    shop = client(lab, "client.routers=zone", "router zone.zone=east")
    assert {"near"} == asked(lab, shop)

    lab.cut_off(near)
    lab.advance(60)
    assert {"far"} == asked(lab, shop)

    lab.reconnect(near)
    lab.advance(60)
    assert {"near"} == asked(lab, shop)


def test_the_error_names_the_router(lab):
    """
    The error of a call that a router leaves nothing names the router.
    """
    serve(lab, "old")
    shop = client(lab, "client.routers=tag", "router tag.force=yes")

    with pytest.raises(NoInstances, match=r"left none of them; \[router tag\] refused the last"):
        lab.run(shop.get(1, metadata={"tag": "blue"}))


@pytest.mark.parametrize("kept", [0, 64])
def test_a_backup_group(lab, kept):
    """
    A backup group takes over when the main one is unreachable, and gives the calls back.

    Also if no node stays connected without calls.
    """
    main = serve(lab, "main", "server.group=pay")
    serve(lab, "backup", "server.group=pay-backup")
    serve(lab, "other", "server.group=report")
    shop = client(
        lab,
        "client.routers=group",
        "router group.groups=pay, pay-backup",
        f"client.max_connected_nodes={kept}",
    )
    assert {"main"} == asked(lab, shop)

    lab.cut_off(main)
    pass_time(lab, shop, 120)
    assert {"backup"} == asked(lab, shop)

    lab.reconnect(main)
    pass_time(lab, shop, 120)
    assert {"main"} == asked(lab, shop)


def test_a_call_to_one_address(lab):
    """
    A call whose metadata has an address goes there, and others go anywhere.
    """
    for name in "abc":
        serve(lab, name)
    consumer = lab.consumer("client.routers=fixed")
    shop = consumer.application.client(Shop)
    asked(lab, shop)
    (made,) = consumer.application.clients
    for node in made.nodes:
        met = asked(lab, shop, metadata={"rpcfw-address": str(node.instance.address)})
        assert 1 == len(met)
    assert {"a", "b", "c"} == asked(lab, shop, 60)


def test_access_at_both_ends(lab):
    """
    A server refuses a caller that its rules deny; a client with the same rules does not send.
    """
    rules = "access.rules=allow application!=report"
    serve(lab, "a", "server.insert=access after AUTH", f"filter {rules}")
    report = client(lab, "app.name=report")
    careful = client(lab, "app.name=report", "client.routers=access", f"router {rules}")
    other = client(lab, "app.name=shop", "client.routers=access", f"router {rules}")

    with pytest.raises(PermissionDenied, match="this caller may not call") as raised:
        lab.run(report.get(1))
    assert raised.value.hints == Hint.FINAL
    with pytest.raises(PermissionDenied, match=r"\[router access\] refuses .*no rule") as raised:
        lab.run(careful.get(1))
    assert raised.value.hints == Hint.NEVER_SENT | Hint.FINAL
    assert "a" == lab.run(other.get(1))


RULES = """
method=get & argument.id=1~9 => version=2.*
attachments[user]=admin => tag.role=admin
"""


def test_a_subset_has_few_connections(lab):
    """
    A process has connections to the instances of its subset, and to no others.
    """
    for number in range(20):
        serve(lab, f"n{number}")
    consumer = lab.consumer("client.routers=subset", "router subset.size=3")
    shop = consumer.application.client(Shop)
    met = set()
    for _ in range(20):
        met |= asked(lab, shop, 3)
        lab.advance(0.1)
    (one,) = consumer.application.clients

    assert len(met) == 3
    assert 3 == sum(node.links.state is LinkState.READY for node in one.nodes)


def test_a_rule_that_refuses(lab):
    """
    A call that a rule refuses fails with the rule, and other calls go on.
    """
    serve(lab, "a")
    rule = "router condition.rules=argument.id=7 =>"
    consumer = lab.consumer("client.routers=condition", rule)
    shop = consumer.application.client(Shop)

    assert "a" == lab.run(shop.get(1))
    with pytest.raises(PermissionDenied, match=r"the rule 'argument\.id=7 =>' holds"):
        lab.run(shop.get(7))


def test_conditions(lab):
    """
    Rules in the INI send calls by their arguments and metadata; a rule in vain is skipped.
    """
    serve(lab, "old", "server.version=1.0")
    serve(lab, "new", "server.version=2.0")
    serve(lab, "admin", "server.tags=role=admin", "server.version=1.1")
    shop = client(lab, "client.routers=condition", f"router condition.rules={RULES}")

    assert {"new"} == {lab.run(shop.get(id)) for id in range(1, 10)}
    assert {"old", "new", "admin"} == {lab.run(shop.get(id)) for id in range(10, 60)}
    admin = {"metadata": {"user": "admin"}}
    assert {"admin"} == {lab.run(shop.get(id, **admin)) for id in range(10, 60)}
    assert {"new"} == {lab.run(shop.get(id, **admin)) for id in range(1, 10)}


def test_a_share_that_grows_while_calls_run(lab):
    """
    The share of a release is raised in a running process; keys that had met it still do.
    """
    serve(lab, "old", "server.version=1")
    serve(lab, "new", "server.version=2")
    options = {"shares": "5% version=2, 95% version=1", "key": "argument id"}
    sets = [f"router split.{name}={value}" for name, value in options.items()]
    consumer = lab.consumer("client.routers=split", *sets)
    shop = consumer.application.client(Shop)

    def met_new() -> set[int]:
        return {id for id in range(300) if lab.run(shop.get(id)) == "new"}

    before = met_new()
    grown = {"shares": "50% version=2, 50% version=1"}
    lab.run(consumer.application.policies.replace("router split", grown))
    after = met_new()

    assert before < after
    assert {id for id in range(300) if slots("")(str(id)) < 5_000} == after
