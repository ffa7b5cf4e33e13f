"""
The static registry, and instances as people write them.
"""

from __future__ import annotations

import pytest
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.registry import ReceivedUpdates, an_instance
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw_registries.local.lines import instances_from_lines
from rpcfw_registries.local.static import StaticOptions, StaticRegistry

TWO = """
demo.Greeter = tcp:10.0.0.5:2200 weight=50 zone=a, 10.0.0.6:2200
# a comment, and the service of another team
demo.Other = unix:/run/other.sock group=blue version=2 protocols=grpc+native tags.disk=fast
"""


def mistakes_in(text):
    """
    Return what is said of a text.
    """
    return instances_from_lines(text)[1]


def test_reads_what_people_write():
    """
    Services, several addresses and everything about an instance can be written.
    """
    services, mistakes = instances_from_lines(TWO)
    assert [] == mistakes
    five, six = services["demo.Greeter"]
    (other,) = services["demo.Other"]
    at_five = Address("tcp", "10.0.0.5", 2200)
    assert Instance("demo.Greeter", "tcp:10.0.0.5:2200", at_five, weight=50, zone="a") == five
    assert (100, "tcp:10.0.0.6:2200") == (six.weight, six.id)
    assert ("unix:_run_other.sock", "blue", "2") == (other.id, other.group, other.version)
    assert (("grpc", "native"), {"disk": "fast"}) == (other.protocols, other.tags)


def test_takes_addresses_of_ipv6():
    """
    The id of an IPv6 address has only the characters of an id.
    """
    services, _ = instances_from_lines("demo.Greeter = tcp:[::1]:2200")
    assert "tcp:_::1_:2200" == services["demo.Greeter"][0].id


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tcp:10.0.0.5:2200", "no SERVICE = ADDRESS"),
        ("demo Greeter = tcp:10.0.0.5:2200", "no SERVICE = ADDRESS"),
        ("demo.Greeter = 10.0.0.5", "is no address"),
        ("demo.Greeter = 10.0.0.5:1 weight", "no NAME=VALUE"),
        ("demo.Greeter = 10.0.0.5:1 weight=-1", "whole number"),
        ("demo.Greeter = 10.0.0.5:1 wieght=1", "'wieght' is not known"),
        ("demo.Greeter = 10.0.0.5:1 tags.=1", "is not known"),
        ("demo.Greeter = 10.0.0.5:1, tcp:10.0.0.5:1", "twice"),
    ],
)
def test_says_what_is_wrong(text, said):
    """
    A mistake is named, with what was expected.
    """
    (mistake,) = mistakes_in(text)
    assert said in mistake


def test_one_mistake_does_not_hide_the_next():
    """
    All mistakes are told in one go, and what is right is read.
    """
    text = "demo.A = nowhere, 10.0.0.5:1\n?\ndemo.B = 10.0.0.5:1 x"
    services, mistakes = instances_from_lines(text)
    assert 3 == len(mistakes)
    assert 1 == len(services["demo.A"])


class TestStatic(SynchronousTestCase):
    def setUp(self):
        self.plugin_context = plugin_context()
        self.registry = self.made(TWO)

    def made(self, text):
        return StaticRegistry(options_of(StaticOptions, instances=text), self.plugin_context)

    def done(self, coroutine):
        """
        Return what a coroutine that does not wait returns.
        """
        with pytest.raises(StopIteration) as stopped:
            coroutine.send(None)
        return stopped.value.value

    def told(self, service):
        told = ReceivedUpdates()
        self.registry.watch(service, told)
        self.plugin_context.clock.advance(0)
        return told.last

    def test_knows_what_the_ini_says(self):
        """
        A watch is told what is written, and nothing of a service that isn't.
        """
        assert ["tcp:10.0.0.5:2200", "tcp:10.0.0.6:2200"] == [
            instance.id for instance in self.told("demo.Greeter")
        ]
        assert [] == self.told("demo.Unknown")
        assert ("demo.Greeter", "demo.Other") == self.done(self.registry.services())

    def test_a_star_serves_every_other_service(self):
        """
        What stands behind * is told for each service that has no line of its own.
        """
        self.registry = self.made(TWO + "* = tcp:10.0.0.9:2200 weight=7, tcp:10.0.0.8:2200")
        eight, nine = self.told("demo.Any")
        assert ("demo.Any", "tcp:10.0.0.9:2200", 7) == (nine.service, nine.id, nine.weight)
        assert ("demo.Any", "tcp:10.0.0.8:2200") == (eight.service, eight.id)
        assert ["unix:_run_other.sock"] == [each.id for each in self.told("demo.Other")]
        assert ("demo.Greeter", "demo.Other") == self.done(self.registry.services())

    def test_ignores_announcements(self):
        """
        A provider may run with the INI of its consumers.
        """
        before = self.told("demo.Greeter")
        self.done(self.registry.announce(an_instance()))
        self.done(self.registry.withdraw(before[0]))
        assert before == self.told("demo.Greeter")

    def test_refuses_mistakes_before_anything_starts(self):
        """
        A wrong option is a mistake of the settings, every line of it told.
        """
        with pytest.raises(SettingsError) as raised:
            self.made("demo.A = x\ndemo.B = y")
        assert 2 == len(raised.value.mistakes)
        assert raised.value.mistakes[0].startswith("StaticOptions: [options] instances: demo.A: ")

    def test_is_silent_once_stopped(self):
        """
        Nothing is told after stop.
        """
        told = ReceivedUpdates()
        self.registry.watch("demo.Greeter", told)
        self.done(self.registry.stop())
        self.plugin_context.clock.advance(1)
        assert [] == told.snapshots
