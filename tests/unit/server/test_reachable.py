"""
Where callers reach a server that listens on every interface.
"""

from __future__ import annotations

import socket

import pytest

from rpcfw.errors import SetupError
from rpcfw.server.reachable import (
    AddressQueries,
    advertised_address,
    is_every_interface,
    is_loopback,
)
from rpcfw.values.address import Address

V4, V6 = socket.AF_INET, socket.AF_INET6
ANYWHERE = ("192.0.2.1", "2001:db8::1")


def queries(routes=None, v4=("127.0.0.1",), v6=("::1",)) -> AddressQueries:
    """
    Return queries on a machine with these routes, by host and family, and interfaces.
    """
    routes = routes or {}
    return AddressQueries(
        towards=lambda host, port, family: routes.get((host, family), ""),
        interfaces=lambda family: v4 if family == V4 else v6,
    )


def found(listened="tcp:0.0.0.0:2200", *registry, **machine):
    """
    Return the address that is found, as text, and why.
    """
    places = [Address.parse(text) for text in registry]
    reached = advertised_address(Address.parse(listened), places, queries(**machine))
    return str(reached.address), reached.why


def test_the_way_to_the_registry_decides():
    """
    Of several interfaces it is the one that leads to the registry, before the default route.
    """
    routes = {("reg", V4): "10.0.0.5", (ANYWHERE[0], V4): "192.168.0.9"}
    address, why = found("tls:0.0.0.0:2200", "tcp:reg:2181", routes=routes)

    assert address == "tls:10.0.0.5:2200"
    assert "on the way to the registry at tcp:reg:2181" in why


def test_a_registry_server_that_cannot_be_found():
    """
    The next server of the registry is asked for, then the default route.
    """
    routes = {("b", V4): "10.0.0.5", (ANYWHERE[0], V4): "192.168.0.9"}

    assert found("tcp:0.0.0.0:1", "tcp:a:1", "tcp:b:1", routes=routes)[0] == "tcp:10.0.0.5:1"
    assert found("tcp:0.0.0.0:1", "tcp:a:1", routes=routes)[0] == "tcp:192.168.0.9:1"
    assert found("tcp:0.0.0.0:1", routes=routes)[0] == "tcp:192.168.0.9:1"


def test_a_registry_on_this_machine():
    """
    Loopback is not announced while there is an address that others reach too.
    """
    routes = {("localhost", V4): "127.0.0.1", (ANYWHERE[0], V4): "192.168.0.9"}

    assert found("tcp:0.0.0.0:1", "tcp:localhost:1", routes=routes)[0] == "tcp:192.168.0.9:1"


def test_a_container_without_a_default_route():
    """
    Its only interface is the one.
    """
    address, why = found(v4=("127.0.0.1", "172.18.0.3"))

    assert address == "tcp:172.18.0.3:2200"
    assert "only one except loopback" in why


def test_nothing_but_loopback():
    """
    A machine with no network has callers of its own alone, and is told so.
    """
    assert found("tcp:0.0.0.0:1", "tcp:127.0.0.1:2181")[0] == "tcp:127.0.0.1:1"
    assert found("tcp:[::]:1", "tcp:[::1]:2181")[0] == "tcp:[::1]:1"
    assert "only processes on it" in found()[1]


@pytest.mark.parametrize(
    ("registry", "machine", "told"),
    [
        (["tcp:10.0.0.1:2181"], {}, "has only loopback; set .server. advertise"),
        ([], {"v4": ("10.0.0.5", "10.1.0.5")}, "has 10.0.0.5, 10.1.0.5; set .server. advertise"),
        ([], {"v4": ("10.0.0.5", "10.1.0.5")}, "advertise = tcp:10.0.0.5:2200"),
    ],
)
def test_what_cannot_be_known_is_refused(registry, machine, told):
    """
    Where nobody can know, the start says what to set rather than announce a guess.
    """
    with pytest.raises(SetupError, match=told):
        found("tcp:0.0.0.0:2200", *registry, **machine)


def test_both_families():
    """
    [::] is reached by IPv6 if that leads to the registry, else by IPv4; never link-local.
    """
    both = {("reg", V6): "2001:db8:1::5", ("reg", V4): "10.0.0.5"}
    local = {("reg", V6): "fe80::5", ("reg", V4): "10.0.0.5"}

    assert found("tcp:[::]:1", "tcp:reg:1", routes=both)[0] == "tcp:[2001:db8:1::5]:1"
    assert found("tcp:[::]:1", "tcp:reg:1", routes=local)[0] == "tcp:10.0.0.5:1"
    assert found("tcp:0.0.0.0:1", "tcp:reg:1", routes=both)[0] == "tcp:10.0.0.5:1"


def test_what_every_interface_is():
    """
    All spellings are known, and nothing else is taken for it.
    """
    every = ["tcp:0.0.0.0:1", "tcp:0:1", "tls:[::]:1", "tcp:[0:0::0]:1"]
    some = ["tcp:127.0.0.1:1", "tcp:host:1", "unix:/0.0.0.0", "memory:0.0.0.0"]

    assert all(is_every_interface(Address.parse(text)) for text in every)
    assert not any(is_every_interface(Address.parse(text)) for text in some)


def test_what_loopback_is():
    """
    127.0.1.1, which Debian gives to a host's own name, is loopback.
    """
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.0.1.1", "::1", "LOCALHOST"))
    assert not any(is_loopback(host) for host in ("10.0.0.5", "localhost.example.com"))


def test_this_very_machine():
    """
    The system is asked in a way that it answers.
    """
    machine = AddressQueries()

    assert machine.towards("127.0.0.1", 1, V4) == "127.0.0.1"
    assert machine.towards("no such host", 1, V4) == ""
    assert "127.0.0.1" in machine.interfaces(V4)
