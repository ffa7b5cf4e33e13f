"""
Who may do what at a registry server, who holds what is announced, and how much one may have.
"""

from __future__ import annotations

import json

import msgspec
import pytest
from twisted.internet.defer import Deferred, ensureDeferred
from twisted.logger import capturedLogs, formatEvent

from rpcfw.errors import CallError, Overloaded, PermissionDenied, SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.status import Status
from rpcfw.testing.contracts.registry import an_instance
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.instance import instance_from_json, instance_to_json
from rpcfw_registries.rules.records import MAX_RECORD_BYTES
from rpcfw_registries.standalone.node.options import NodeOptions
from rpcfw_registries.standalone.node.service import node_services
from tests.plugins.registries.standalone.callers import HERE, called_by
from tests.plugins.registries.standalone.watching import Consumer, ids

SHOP = ("hmac:shop",)
OTHER = ("hmac:other",)
THERE = "10.0.0.2"


class Node:
    """
    A registry server, as its callers see it.
    """

    def __init__(self, **options):
        context = plugin_context()
        self.clock = context.clock
        self.options = options_of(NodeOptions, **options)
        self.service, self.rules = node_services(self.options, context)
        ensureDeferred(self.service.started())

    def announce(self, *ids, owner="me", service="demo.Greeter", weight=100, seen=0):
        records = [
            msgspec.Raw(instance_to_json(an_instance(id=id, service=service, weight=weight)))
            for id in ids
        ]
        granted = self.service.announce(owner, 10.0, records, seen)
        return [one.reason for one in granted.refused]

    def renew(self, id="a", owner="me"):
        return self.service.renew(owner, 10.0, [("demo.Greeter", id)]).missing

    def withdraw(self, id="a", owner="me"):
        return self.service.withdraw(owner, [("demo.Greeter", id)])

    def watch(self, service="demo.Greeter"):
        consumer = Consumer(self.service, self.clock)
        consumer.add(service)
        return consumer

    @property
    def ids(self):
        changes = self.service.catalog.changes("demo.Greeter", None)
        return sorted(instance_from_json(record).id for record in changes.put)

    @property
    def clients(self):
        return self.service.guard.clients


def result(coroutine):
    """
    Return what a coroutine that does not wait returns, or raise what it raises.
    """
    found = []
    deferred = (
        coroutine if isinstance(coroutine, Deferred) else Deferred.fromCoroutine(one(coroutine))
    )
    deferred.addBoth(found.append)
    (value,) = found
    return value.raiseException() if hasattr(value, "raiseException") else value


async def one(awaitable):
    return await awaitable


RULES = """
    allow identity=hmac:shop & action=announce & service=demo.Greeter
    allow action=watch & service=demo.*
    allow identity=hmac:shop & action=change_rules & application=shop
    deny host=10.9.0.0/16
"""


def test_rules_of_announcing():
    """
    Only callers that a rule allows may announce a service. What they learn is short.
    """
    node = Node(access=RULES)
    with called_by(SHOP):
        assert [] == node.announce("a")
        assert ["this caller may not announce service demo.Shop"] == node.announce(
            "a", service="demo.Shop"
        )
    with called_by(OTHER), capturedLogs() as events:
        assert ["this caller may not announce service demo.Greeter"] == node.announce("b")
    assert (
        "hmac:other from 10.0.0.1:4711 may not announce service demo.Greeter: no rule allows"
        in (formatEvent(events[-1]))
    )
    with called_by(SHOP, "10.9.0.1"), capturedLogs() as events:
        node.announce("c")
    assert "the rule 'deny host=10.9.0.0/16' holds" in formatEvent(events[-1])
    assert ["a"] == node.ids


def test_rules_of_watching():
    """
    Nobody sees instances, rules or the names of services that it may not watch.
    """
    node = Node(access=RULES + "allow identity=hmac:other")
    with called_by(OTHER):
        node.announce("a")
        node.announce("a", service="other.Service")
        assert ["demo.Greeter", "other.Service"] == node.service.services()
    with called_by(SHOP):
        assert ["demo.Greeter"] == node.service.services()
        assert ["a"] == ids(node.watch().last())
        update = node.watch("other.Service").last()
        assert "this caller may not watch service other.Service" == update.refused
        assert update.final
        assert "" == result(node.rules.read("service", "demo.Greeter")).stamp
        with pytest.raises(PermissionDenied, match="may not watch service other"):
            result(node.rules.read("service", "other.Service"))
        consumer = node.watch()
        consumer.last()
        consumer.add_rules("other.Service")
        update = consumer.last()
        assert "this caller may not watch service other.Service" == update.refused
        assert update.final


def test_rules_of_changing_rules():
    """
    Rules of a service and of an application are put by whom a rule allows to.
    """
    node = Node(access=RULES)
    with called_by(SHOP):
        assert result(node.rules.write("application", "shop", b"{}", b"", ""))
        with pytest.raises(PermissionDenied, match="change the rules of service demo"):
            result(node.rules.write("service", "demo.Greeter", b"{}", b"", ""))
    with called_by(OTHER), pytest.raises(PermissionDenied, match="the rules of application shop"):
        result(node.rules.write("application", "shop", b"{}", b"", ""))


@pytest.mark.parametrize(
    ("kind", "documents", "problem"),
    [
        ("node", b"{}", "'node' has no rules; known: application, service"),
        ("service", bytes(MAX_RECORD_BYTES + 1), "bytes of rules and"),
    ],
)
def test_wrong_requests(kind, documents, problem):
    """
    What no caller may send is the caller's fault: INVALID_ARGUMENT, which nobody tries again.
    """
    with pytest.raises(CallError, match=problem) as raised:
        result(Node().rules.write(kind, "demo.Greeter", documents, b"", ""))
    assert Status.INVALID_ARGUMENT is raised.value.status


def test_who_may_not_announce_any_more(tmp_path):
    """
    Rules in a file are read again when it changes. What may not be announced any more expires.
    """
    file = tmp_path / "access"
    file.write_text("allow identity=hmac:shop\n")
    node = Node(access_file=str(file))
    with called_by(SHOP):
        node.announce("a")
        file.write_text("deny action=announce & service=demo.Greeter\nallow identity=hmac:shop\n")
        assert [] == node.renew()
        node.clock.advance(1)
        assert [("demo.Greeter", "a")] == node.renew()
        assert ["this caller may not announce service demo.Greeter"] == node.announce("a")
        assert 1 == node.withdraw()


def test_a_rule_that_comes_during_a_watch(tmp_path):
    """
    Who may not watch any more sees no further change, of instances or of rules.
    """
    file = tmp_path / "access"
    file.write_text("allow action=*\n")
    node = Node(access_file=str(file))
    with called_by(SHOP):
        consumer = node.watch()
        consumer.add_rules()
        node.clock.advance(0.1)
        assert [False, False] == [bool(update.refused) for update in consumer.read()]
    file.write_text("deny action=watch & identity=hmac:shop\nallow action=*\n")
    node.clock.advance(1)
    with called_by(OTHER):
        assert [] == node.announce("a")
        result(node.rules.write("service", "demo.Greeter", b"{}", b"", ""))
    node.clock.advance(1)
    found, rules = consumer.read()
    refused = "this caller may not watch service demo.Greeter"
    assert ([], refused) == (found.put, found.refused)
    assert (None, refused) == (rules.documents, rules.refused)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"access": "allow actoin=watch"}, "no field of a call is called 'actoin'; did you mean"),
        ({"access": "deny action=watch"}, "access_default: no line allows anything"),
        ({"access_file": "/nowhere"}, "access_file: /nowhere cannot be read"),
        ({"audit_file": "/nowhere/trail"}, "there is no folder /nowhere"),
        ({"max_client_instances": "0"}, "max_client_instances: must be at least 1, not 0"),
        ({"max_client_changes": "0/s"}, "max_client_changes: must be more than 0"),
    ],
)
def test_mistakes(options, problem):
    """
    What would allow nothing, or cannot be read, is a mistake at the start.
    """
    with pytest.raises(SettingsError) as raised:
        options_of(NodeOptions, **options)
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((SHOP, HERE), (OTHER, HERE)),
        ((SHOP, HERE), ((), HERE)),
        (((), HERE), ((), THERE)),
        (((), HERE), (OTHER, THERE)),
        (((*SHOP, "dns:a.example.org"), HERE), (SHOP, HERE)),
        (((), "2001:db8::1"), ((), "2001:db8:0:1::1")),
    ],
)
def test_nobody_takes_over_what_is_held(first, second):
    """
    An instance is not replaced, renewed or withdrawn by another client, even with its owner's name.
    """
    node = Node()
    with called_by(*first):
        assert [] == node.announce("a")
    with called_by(*second):
        refused = ["another client has announced it, and its lease is not over"]
        assert refused == node.announce("a", weight=0)
        assert refused == node.announce("a", owner="new", weight=0)
        assert 0 == node.withdraw()
        node.clock.advance(9)
        # It is told that it does not hold the instance; see what it was told above.
        assert [("demo.Greeter", "a")] == node.renew()
    with called_by(*first):
        assert [] == node.renew()
    node.clock.advance(9)
    assert ["a"] == node.ids
    node.clock.advance(2)
    assert [] == node.ids
    with called_by(*second):
        assert [] == node.announce("a", owner="new")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((SHOP, HERE), (SHOP, THERE)),
        ((SHOP, HERE), ((*SHOP, "dns:a.example.org"), HERE)),
        (((), HERE), ((), HERE)),
        (((), HERE), (SHOP, HERE)),
        (((), "2001:db8::1"), ((), "2001:db8::2")),
    ],
)
def test_a_successor_takes_over(first, second):
    """
    A process that starts again holds its instances at once: it has all names that the former had.
    """
    node = Node()
    with called_by(*first):
        node.announce("a")
    with called_by(*second):
        assert [] == node.announce("a", owner="new", weight=1)
        assert 1 == node.withdraw(owner="new")
    assert [] == node.ids


def test_limits_of_instances():
    """
    A client has at most so many instances; others are not affected by it.
    """
    node = Node(max_client_instances="2")
    full = "this client has its limit of max_client_instances = 2"
    for host in HERE, THERE:
        with called_by(host=host):
            assert [full] == node.announce(*(f"{host}-{number}" for number in range(3)))
            assert [] == node.announce(f"{host}-1", weight=1)
    with called_by():
        assert 1 == node.withdraw(f"{HERE}-1")
        assert [] == node.announce("other")


def test_limits_of_services():
    """
    A client has instances of so many services at most, so nobody fills `max_services` alone.
    """
    node = Node(max_client_services="2", max_services="3")
    with called_by(SHOP):
        assert [] == node.announce("a", "b", service="demo.A")
        assert [] == node.announce("a", service="demo.B")
        full = "this client has its limit of max_client_services = 2"
        assert [full] == node.announce("a", service="demo.C")
        assert [] == node.announce("c", service="demo.B")
        node.service.withdraw("me", [("demo.A", "a")])
        assert [full] == node.announce("a", service="demo.C")
        node.service.withdraw("me", [("demo.A", "b")])
        assert [] == node.announce("a", service="demo.C")
    with called_by(OTHER):
        assert [] == node.announce("a", service="demo.A")


def test_a_lease_of_no_number():
    """
    Some codecs can carry NaN: it is the shortest lease, and not one that never ends.
    """
    node = Node()
    with called_by():
        for number, lease_s in enumerate((float("nan"), float("-inf"))):
            record = instance_to_json(an_instance(id=f"i{number}", service="demo.Greeter"))
            assert [] == node.service.announce("me", lease_s, [msgspec.Raw(record)]).refused
        node.announce("a")
        assert 1.0 == node.service.renew("me", float("nan"), [("demo.Greeter", "a")]).lease_s
    node.clock.advance(1.5)
    assert [] == node.ids


def test_limits_of_bytes():
    """
    What counts is the records that are announced now.
    """
    size = len(instance_to_json(an_instance(id="a")))
    node = Node(max_client_bytes=f"{2 * size}B")
    with called_by(SHOP):
        assert [] == node.announce("a", "b")
        (reason,) = node.announce("c")
        assert "this client has its limit of max_client_bytes" in reason
        assert [] == node.announce("a", "b", weight=99)
        node.withdraw("a")
        assert [] == node.announce("c")


def test_limits_of_watches():
    """
    Watches of instances and of rules count together, until they end.
    """
    node = Node(max_client_watches="2")
    refused = "this client has its limit of max_client_watches = 2"
    with called_by(SHOP):
        first = node.watch()
        assert not first.last().refused
        first.add_rules()
        assert not first.last().refused
        assert refused == node.watch().last().refused
        first.request(remove=["demo.Greeter"])
        first.read()
        second = node.watch()
        assert not second.last().refused
        second.add_rules()
        assert refused == second.last().refused
    with called_by(OTHER):
        assert not node.watch().last().refused
    second.close()


def test_limits_of_streams():
    """
    A client has no more streams than so many, until one ends. Others do not notice.
    """
    node = Node(max_client_streams="2")
    with called_by(SHOP):
        first, second = node.watch(), node.watch()
        third = node.watch()
        assert isinstance(third.ended, Overloaded)
        assert "this client has its limit of max_client_streams = 2" in str(third.ended)
        first.close()
        assert node.watch().ended is None
    with called_by(OTHER):
        assert node.watch().ended is None
    second.close()


def test_limits_of_changes():
    """
    A client changes no more than so much in a minute. It is told when to come back.
    """
    node = Node(max_client_changes="1/s")
    with called_by(SHOP):
        for number in range(61):
            assert [] == node.announce("a", weight=number)
        for change in (lambda: node.announce("b"), lambda: write(node)):
            with pytest.raises(Overloaded, match="max_client_changes = 1/s") as raised:
                change()
            assert pytest.approx(1) == raised.value.retry_after_s
        assert [] == node.renew()
        node.clock.advance(1)
        assert write(node)
        assert 1 == node.withdraw()
    with called_by(OTHER):
        assert [] == node.announce("b")


def write(node):
    return result(node.rules.write("service", "demo.Greeter", b"{}", b"", ""))


def test_clients_are_forgotten():
    """
    A client that has nothing any more, and has changed nothing lately, takes no memory.
    """
    node = Node()
    for number in range(100):
        with called_by(host=f"10.0.1.{number}"):
            node.announce(f"i{number}")
            node.watch().close()
    assert 100 == len(node.clients)
    node.clock.advance(11)
    with called_by(SHOP):
        node.watch().close()
    assert 0 == len(node.clients)


def test_the_trail(tmp_path):
    """
    Each change and refusal is a line with who, what and when.
    """
    file = tmp_path / "trail"
    node = Node(audit_file=str(file), access="allow identity=hmac:shop")
    with called_by(SHOP):
        node.announce("a", "b")
        node.announce("a")
        node.withdraw("b")
        write(node)
    with called_by():
        node.announce("a")
    node.clock.advance(11)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [
        ("announce", "a"),
        ("announce", "b"),
        ("withdraw", "b"),
        ("change_rules", None),
        ("announce", None),
        ("expire", "a"),
    ] == [(line["action"], line.get("id")) for line in lines]
    assert {
        "time": "1970-01-01T00:00:00.000+00:00",
        "action": "announce",
        "service": "demo.Greeter",
        "id": "a",
        "address": "tcp:10.0.0.5:2200",
        "identity": ["hmac:shop"],
        "peer": "10.0.0.1:4711",
    } == lines[0]
    assert "no rule allows it" == lines[4]["refused"]
    assert "identity" not in lines[5]


def test_refusals_hide_no_changes(tmp_path):
    """
    Whoever is refused very often does not keep the changes of others out of the trail.
    """
    file = tmp_path / "trail"
    node = Node(audit_file=str(file), access="allow identity=hmac:shop", max_audit_lines="3")
    with called_by(OTHER):
        for _ in range(10):
            node.announce("a")
    with called_by(SHOP):
        node.announce("b")
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [None, None, None, "b"] == [line.get("id") for line in lines]
