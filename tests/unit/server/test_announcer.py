"""
What a server says of itself, and what it refuses to say.
"""

from __future__ import annotations

from random import Random
from unittest.mock import Mock

import pytest
from twisted.logger import LogLevel, capturedLogs

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.server.announcer import Announcer
from rpcfw.server.offline import OfflineInstances
from rpcfw.server.options import ServerOptions
from rpcfw.server.reachable import AddressQueries
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw.testing.lab import Lab
from rpcfw.testing.lab_registry import LabRegistry, RegistryPlace
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.address import Address
from tests.lab.services import Greeter, Kinds


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("listen", "", "at least one address"),
        ("listen", "tcp:a:80, unix:/b, tcp:a:80", "tcp:a:80 is named twice"),
        ("listen", "tcp:localhost:80@127.0.0.1", "leave out what follows the @"),
        ("advertise", "tcp:0.0.0.0:2200", "name the host that callers connect to"),
        ("advertise", "tls:[::]:2200", "name the host that callers connect to"),
        ("weight", "-1", "0 to 1000000, not -1"),
        ("weight", "1000001", "not 1000001"),
        ("tags", "a=b, c", "'c' is not name=value"),
        ("tags", "=b", "'=b' is not name=value"),
        ("tags", "a=\u2764\ufe0f", "a tag has characters that control a terminal or are not seen"),
        ("tags", f"{'a' * 257}=b", "a tag has 257 characters, more than 256"),
        ("tags", ", ".join(f"t{each}=x" for each in range(101)), "has 101 of them; at most 100"),
        ("group", "a\u200bb", "not seen: a.u200bb"),
        ("version", "1" * 257, "it has 257 characters, more than 256"),
        ("zone", "\u202ea", "control a terminal"),
    ],
)
def test_mistakes_stop_the_start(name, text, told):
    """
    What no consumer could read is refused before anything starts.
    """
    with pytest.raises(SettingsError, match=told):
        options_of(ServerOptions, **{name: text})


def test_all_mistakes_at_once():
    """
    Every mistake is told in one go.
    """
    with pytest.raises(SettingsError) as caught:
        options_of(ServerOptions, listen="", weight="-1", tags="x")
    assert 3 == len(caught.value.mistakes)


def test_an_instance():
    """
    An instance says what the options say, under an id that every registry takes.
    """
    texts = ("weight=7", "group=g", "version=2", "zone=z", "tags=a=b, c = d")
    with Lab() as lab:
        lab.advance(1000)
        lab.serve(
            Greeter(),
            name="odd name/€",
            sets=[f"server.{text}" for text in texts] + ["server.listen=memory:odd name"],
        )
        (instance,) = lab.registry.instances("demo.Greeter")
    assert (7, "g", "2", "z") == (
        instance.weight,
        instance.group,
        instance.version,
        instance.zone,
    )
    assert {"a": "b", "c": "d"} == instance.tags
    assert instance.id.startswith("odd_name:0-")
    assert instance.started_at == pytest.approx(1000, abs=1)


PORT = "tcp:0.0.0.0:2200"


class Distant(LabRegistry):
    """
    A registry with servers elsewhere.
    """

    addresses = (Address("tcp", "10.0.0.1", 2181),)


class Near(LabRegistry):
    """
    A registry that only this machine reaches.
    """

    addresses = (Address("unix", "/run/node"), Address("tcp", "127.0.0.1", 2181))


def announced(listened: str, registry: type[LabRegistry] = Distant, **texts: str):
    """
    Return the address that is announced, and what is logged as a warning.
    """
    routes = {"10.0.0.1": "10.0.0.5"}
    queries = AddressQueries(lambda host, port, family: routes.get(host, ""), lambda family: ())
    around = plugin_context()
    place = RegistryPlace()
    runtime = Mock(plugin_context=around, random=Random(1), timers=around.timers)
    announcer = Announcer(
        registry(place, around), options_of(ServerOptions, **texts), runtime, queries
    )
    with capturedLogs() as logged:
        running = spawn(announcer.start([Greeter()], [Address.parse(listened)]))
        assert running.called
    warnings = [each["log_format"] for each in logged if each["log_level"] is LogLevel.warn]
    (instance,) = place.instances("demo.Greeter")
    return str(instance.address), warnings


def test_every_interface_is_announced_by_the_way_to_the_registry():
    """
    A server that listens everywhere announces the address that leads to its registry.
    """
    assert announced(PORT) == ("tcp:10.0.0.5:2200", [])


def test_what_the_user_says_is_announced():
    """
    A port of 0 in it is the one that is listened at.
    """
    assert announced(PORT, advertise="tcp:here:1") == ("tcp:here:1", [])
    assert announced(PORT, advertise="tls:here:0") == ("tls:here:2200", [])


@pytest.mark.parametrize("listened", ["tcp:127.0.0.1:2200", "tcp:localhost:1", "unix:/run/a"])
def test_an_address_of_this_machine_alone(listened):
    """
    It is announced to a registry elsewhere, with a warning.
    """
    address, (warning,) = announced(listened)

    assert address == listened
    assert "which only this machine reaches" in warning


@pytest.mark.parametrize("listened", ["tcp:127.0.0.1:2200", "unix:/run/a"])
def test_an_address_of_this_machine_beside_its_registry(listened):
    """
    A registry that only this machine reaches, at a Unix socket too, is no reason to warn.
    """
    assert announced(listened, Near) == (listened, [])


def test_services_are_announced_and_withdrawn_together():
    """
    The registry has all services in hand before the first answer.
    """
    asked: list[str] = []
    answers: list[Waiter[None]] = []

    class Slow(LabRegistry):
        async def announce(self, instance):
            await self.answer(f"announce {instance.service}")

        async def withdraw(self, instance):
            await self.answer(f"withdraw {instance.service}")

        async def answer(self, request):
            asked.append(request)
            answers.append(Waiter())
            await answers[-1]

    around = plugin_context()
    runtime = Mock(plugin_context=around, random=Random(1), timers=around.timers)
    announcer = Announcer(Slow(RegistryPlace(), around), options_of(ServerOptions), runtime)
    for act in (
        lambda: announcer.start([Greeter(), Kinds()], [Address.parse("tcp:10.0.0.5:80")]),
        announcer.stop,
    ):
        running = spawn(act())
        for answer in answers[-2:]:
            assert not running.called
            answer.callback(None)
        assert running.called
    assert asked == [
        "announce demo.Greeter",
        "announce demo.Kinds",
        "withdraw demo.Greeter",
        "withdraw demo.Kinds",
    ]


def test_rules_that_nobody_tells_leave_time_for_the_announcement():
    """
    The registry is given half of ``announce_timeout``, so the start waits for its answer.
    """
    answers: list[Waiter[None]] = []

    class Slow(LabRegistry):
        async def announce(self, instance):
            answers.append(Waiter())
            await answers[-1]

    around = plugin_context()
    runtime = Mock(plugin_context=around, random=Random(1), timers=around.timers)
    runtime.clock = around.clock
    offline = OfflineInstances()
    offline.expect("demo.Greeter")
    registry = Slow(RegistryPlace(), around)
    options = options_of(ServerOptions, announce_timeout="10s")
    announcer = Announcer(registry, options, runtime, offline=offline)
    with capturedLogs() as logged:
        running = spawn(announcer.start([Greeter()], [Address.parse("tcp:10.0.0.5:80")]))
        around.clock.pump([0.1] * 55)
        assert not running.called
        around.clock.pump([0.1] * 10)
        answers[0].callback(None)
    assert running.called
    assert [] == [each for each in logged if each["log_level"] is LogLevel.warn]
