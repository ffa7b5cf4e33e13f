"""
Rules that consumers of a registry server watch, beside their lists.
"""

from __future__ import annotations

from twisted.internet.defer import ensureDeferred
from twisted.logger import capturedLogs, formatEvent

from rpcfw.kernel.settings import options_of
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_registries.rules.store import stamp_of
from rpcfw_registries.standalone.node.options import NodeOptions
from rpcfw_registries.standalone.node.service import node_services
from rpcfw_registries.standalone.updates import RulesOf, WantedRules
from tests.plugins.registries.standalone.callers import called_by
from tests.plugins.registries.standalone.watching import Consumer


class Server:
    """
    A registry server with rules, as its callers see it.
    """

    def __init__(self, **options):
        context = plugin_context()
        self.clock = context.clock
        self.node, self.rules = node_services(options_of(NodeOptions, **options), context)
        ensureDeferred(self.rules.started())

    def put(self, body, name="demo.Greeter", kind="service"):
        stamp = self.read(kind, name).stamp
        writing = ensureDeferred(self.rules.write(kind, name, body, b"", stamp))
        assert writing.result
        return stamp_of(body)

    def read(self, kind, name):
        return ensureDeferred(self.rules.read(kind, name)).result

    def consumer(self):
        return Consumer(self.node, self.clock)


def test_sends_what_there_is_then_each_change():
    """
    That there are no rules is sent, too. Rules of somebody else are not.
    """
    server = Server()
    consumer = server.consumer()
    consumer.add_rules()
    update = consumer.last()
    assert (None, "") == (update.documents, update.stamp)
    stamp = server.put(b"one")
    update = consumer.last()
    assert (b"one", stamp) == (update.documents, update.stamp)
    server.put(b"other", "demo.Other")
    server.put(b"other", "demo.Greeter", "application")
    server.clock.advance(1)
    assert [] == consumer.read()


def test_sends_nothing_that_a_consumer_has():
    """
    A consumer that comes from another server with the same rules is answered without them.
    """
    server = Server()
    stamp = server.put(b"one")
    consumer = server.consumer()
    consumer.add_rules(stamp=stamp)
    consumer.add_rules("demo.Other", stamp="")
    server.clock.advance(1)
    assert [] == consumer.read()
    assert 2 == consumer.messages[-1].answered
    server.put(b"two")
    assert b"two" == consumer.last().documents
    other = server.consumer()
    other.add_rules(stamp=stamp)
    assert b"two" == other.last().documents


def test_a_slow_consumer_gets_the_last_rules():
    """
    What it has not read costs no memory: of many changes it gets the last.
    """
    server = Server()
    consumer = server.consumer()
    consumer.add_rules()
    consumer.read()
    for number in range(50):
        server.put(b"%d" % number)
        server.clock.advance(0.1)
    # It had asked for one message already.
    assert [b"0", b"49"] == [update.documents for update in consumer.read()]


def test_is_one_watch_beside_those_of_lists():
    """
    Rules and the list of the same service go over one stream, and end apart.
    """
    server = Server()
    consumer = server.consumer()
    consumer.add()
    consumer.add_rules()
    consumer.read()
    assert 2 == server.node.watches
    consumer.request(remove_rules=[RulesOf("service", "demo.Greeter")])
    consumer.read()
    assert 1 == server.node.watches
    server.put(b"one")
    server.clock.advance(1)
    assert [] == consumer.read()
    consumer.close()
    assert 0 == server.node.watches


def test_permission_is_asked_for_each_scope():
    """
    One scope that may not be watched is refused. The others are sent, and so are lists.
    """
    server = Server(access="allow action=watch & service=demo.*")
    with called_by():
        consumer = server.consumer()
    consumer.add()
    consumer.add_rules()
    consumer.add_rules("shop", kind="application")
    server.clock.advance(0.1)
    found, rules, refused = consumer.read()
    assert not found.refused
    assert not rules.refused
    assert ("application", "shop", True) == (refused.kind, refused.name, refused.final)
    assert "this caller may not watch application shop" == refused.refused
    assert 2 == server.node.watches


def test_large_rules_are_messages_of_their_own():
    """
    A message has few large records, far below the limit of a message.
    """
    server = Server()
    for number in range(4):
        server.put(b"%d" % number * 200_000, f"demo.S{number}")
    consumer = server.consumer()
    before = len(consumer.messages)
    consumer.request(add_rules=[WantedRules("service", f"demo.S{n}") for n in range(4)])
    server.clock.advance(0.1)
    assert 4 == len(consumer.read())
    assert 4 == len(consumer.messages) - before


def test_says_why_rules_in_the_folder_are_not_here(tmp_path):
    """
    A file that cannot be read, or that exceeds a limit, is no empty record.
    """
    writer = Server(rules_folder=str(tmp_path))
    writer.put(b"one", "demo.A")
    writer.put(b"two", "demo.B")
    (tmp_path / "service~demo.Torn.json").mkdir()
    with capturedLogs() as events:
        server = Server(rules_folder=str(tmp_path), max_rule_scopes="1")
    assert 2 == sum("the rules of service demo." in formatEvent(event) for event in events)
    consumer = server.consumer()
    for name in "demo.A", "demo.B", "demo.Torn", "demo.None":
        consumer.add_rules(name)
    server.clock.advance(0.1)
    first, second, torn, none = consumer.read()
    assert b"one" == first.documents
    assert "more rules than the limits allow" in second.refused
    assert "cannot be read" in torn.refused
    assert (None, "") == (none.documents, none.refused)
