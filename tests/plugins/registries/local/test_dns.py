"""
The dns registry: names become the instances that their addresses are.
"""

from __future__ import annotations

import socket

import pytest
from twisted.internet.defer import Deferred

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.contracts.registry import ReceivedUpdates
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_registries.local.dns import DNSOptions, DNSRegistry
from rpcfw_registries.local.resolver import look_up

ORDERS = "demo.Orders = tls:orders.example.com:443 protocols=grpc weight=7"


class World:
    """
    A registry, and what its names are.
    """

    def __init__(self, instances=ORDERS, **texts):
        self.names = {"orders.example.com": ["10.0.0.2", "10.0.0.1"]}
        self.asked = []
        self.plugin_context = plugin_context()
        self.clock = self.plugin_context.clock
        options = options_of(DNSOptions, instances=instances, **texts)
        self.registry = DNSRegistry(options, self.plugin_context, self.ask)
        self.told = ReceivedUpdates()
        self.registry.watch("demo.Orders", self.told)

    def ask(self, host):
        self.asked.append(host)
        found = self.names[host]
        if isinstance(found, Exception):
            raise found
        return found

    def start(self):
        spawn(self.registry.start())
        self.clock.advance(0)
        return self

    def advance(self, seconds):
        for _ in range(seconds):
            self.clock.advance(1)
        self.clock.advance(0)

    @property
    def addresses(self):
        return [str(instance.address) for instance in self.told.last]


def test_every_address_is_an_instance():
    """
    Each keeps the name, for TLS and authority, and all else that is written of it.
    """
    world = World().start()
    name = "tls:orders.example.com:443"
    assert [f"{name}@10.0.0.1", f"{name}@10.0.0.2"] == world.addresses
    first, second = world.told.last
    assert ("orders.example.com:443", "10.0.0.1") == (first.address.authority, first.address.at)
    assert (7, ("grpc",)) == (first.weight, first.protocols)
    assert first.id != second.id


def test_a_name_is_looked_up_again():
    """
    After each refresh; a watch hears of it only if something has changed.
    """
    world = World(refresh_interval="30s").start()
    world.advance(29)
    assert 2 >= len(world.asked)
    heard = len(world.told.snapshots)
    world.advance(40)
    assert heard == len(world.told.snapshots)
    world.names["orders.example.com"] = ["2001:db8::1"]
    world.advance(31)
    assert ["tls:orders.example.com:443@2001:db8::1"] == world.addresses
    assert len(world.asked) <= 5


@pytest.mark.parametrize(
    "failure", [OSError("no such name"), RuntimeError("can't start new thread"), []]
)
def test_a_failed_look_up_keeps_the_list(failure):
    """
    What was known stays in force, and looking up goes on, ever more seldom.
    """
    world = World(refresh_interval="30s").start()
    before = world.addresses
    world.names["orders.example.com"] = failure
    world.advance(300)
    assert before == world.addresses
    assert len(world.asked) < 25
    world.names["orders.example.com"] = ["10.0.0.9"]
    world.advance(31)
    assert ["tls:orders.example.com:443@10.0.0.9"] == world.addresses


def test_a_name_never_found():
    """
    Until a name was found once it is not known where the service is: nothing is told.
    """
    world = World()
    world.names["orders.example.com"] = OSError("away")
    world.start()
    world.advance(3)
    assert [] == world.told.snapshots
    assert "orders.example.com cannot be looked up: away" in world.registry.trouble
    world.names["orders.example.com"] = ["10.0.0.1"]
    world.advance(5)
    assert 1 == len(world.addresses)
    assert "" == world.registry.trouble


def test_addresses_need_no_look_up():
    """
    IP addresses and Unix paths stand for themselves; a name beside them joins them.
    """
    world = World("demo.Orders = 10.0.0.5:1, [::1]:2, unix:/run/a, orders.example.com:3")
    world.names["orders.example.com"] = OSError("away")
    world.start()
    fixed = ["tcp:10.0.0.5:1", "tcp:[::1]:2", "unix:/run/a"]
    assert fixed == world.addresses
    assert ["orders.example.com"] == world.asked
    world.names["orders.example.com"] = ["10.0.0.6"]
    world.advance(5)
    assert {*fixed, "tcp:orders.example.com:3@10.0.0.6"} == set(world.addresses)


def test_so_many_addresses_are_used():
    """
    A name with more addresses than the limit is cut, the same way each time.
    """
    world = World(max_addresses="3")
    world.names["orders.example.com"] = [f"10.0.0.{number}" for number in range(9, 0, -1)]
    world.start()
    assert ["10.0.0.1", "10.0.0.2", "10.0.0.3"] == [one.address.at for one in world.told.last]


def test_a_star_serves_every_other_service():
    """
    Its names are followed like any, and told for each service without a line of its own.
    """
    world = World("* = orders.example.com:443, 10.0.0.9:443\ndemo.Own = 10.0.0.3:443").start()
    assert [
        "tcp:10.0.0.9:443",
        "tcp:orders.example.com:443@10.0.0.1",
        "tcp:orders.example.com:443@10.0.0.2",
    ] == world.addresses
    assert {"demo.Orders"} == {instance.service for instance in world.told.last}
    world.names["orders.example.com"] = ["10.0.0.4"]
    world.advance(31)
    assert "tcp:orders.example.com:443@10.0.0.4" == world.addresses[-1]
    own = ReceivedUpdates()
    world.registry.watch("demo.Own", own)
    world.clock.advance(0)
    assert ["tcp:10.0.0.3:443"] == [str(instance.address) for instance in own.last]


def test_a_star_not_yet_found():
    """
    Until a name behind * is found, nothing is told: it is not known where anything is.
    """
    world = World("* = orders.example.com:443")
    world.names["orders.example.com"] = OSError("not now")
    world.start()
    assert [] == world.told.snapshots


def test_a_stop():
    """
    After it nothing is looked up and nothing waits.
    """
    world = World().start()
    stopped: Deferred = spawn(world.registry.stop())
    assert stopped.called
    assert [] == world.clock.getDelayedCalls()


def test_mistakes_are_told():
    """
    Each option that cannot be used is named.
    """
    with pytest.raises(SettingsError) as caught:
        World("demo.Orders = nowhere", refresh_interval="10ms", max_addresses="0")
    assert 3 == len(caught.value.mistakes)


def test_localhost_needs_no_hosts_file(monkeypatch):
    """
    In a container without one the name is this machine's all the same; others are not.
    """

    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert ["127.0.0.1"] == look_up("localhost")
    with pytest.raises(OSError, match="not known"):
        look_up("shop.example")


def test_the_system_is_asked():
    """
    The hosts file counts.
    """
    assert {"127.0.0.1", "::1"} & set(look_up("localhost"))
