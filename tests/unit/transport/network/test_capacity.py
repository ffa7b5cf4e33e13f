"""
How many connections a server takes, in all and from one address.
"""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.task import Clock

from rpcfw.transport.network.capacity import Capacity, origin_of


def ip(host: str, port: int = 1) -> IPv4Address | IPv6Address:
    return (IPv6Address if ":" in host else IPv4Address)("TCP", host, port)


def test_so_many_in_all():
    """
    One too many may not stay, whoever it is, until another has gone.
    """
    capacity = Capacity(2, 0, Clock().seconds)
    assert [True, True, False] == [capacity.enter(ip("10.0.0.1")) for _ in range(3)]
    capacity.leave(ip("10.0.0.1", 2))

    assert capacity.enter(None)
    assert 2 == len(capacity)


def test_so_many_from_one_address():
    """
    An address that has its share is refused, and others are not; an end makes room.
    """
    capacity = Capacity(100, 2, Clock().seconds)
    assert [True, True, False] == [capacity.enter(ip("10.0.0.1", port)) for port in range(3)]
    assert capacity.enter(ip("10.0.0.2"))
    capacity.leave(ip("10.0.0.1", 0))
    assert capacity.enter(ip("10.0.0.1"))
    assert not capacity.enter(ip("10.0.0.1"))
    assert 3 == len(capacity)


def test_no_limit_for_an_address():
    """
    0 is for servers behind a proxy, which calls for all.
    """
    capacity = Capacity(100, 0, Clock().seconds)
    assert all(capacity.enter(ip("10.0.0.1")) for _ in range(100))


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff::2", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("127.0.0.1", ""),
        ("127.9.9.9", ""),
        ("::1", ""),
        ("::ffff:127.0.0.1", ""),
        ("memory:there", ""),
    ],
)
def test_what_counts_as_one_address(host, origin):
    """
    An IPv4 address, in either spelling, and a /64 of IPv6; what calls from here does not.
    """
    assert origin == origin_of(ip(host))


def test_peers_without_an_address():
    """
    Unix sockets count only in all.
    """
    assert "" == origin_of(UNIXAddress("there.socket"))
    assert "" == origin_of(None)
