"""
The hosts of peers.
"""

from __future__ import annotations

import pytest
from twisted.internet.address import HostnameAddress, IPv4Address, IPv6Address, UNIXAddress

from rpcfw.transport.network.address_text import address_text
from rpcfw.values.peer_host import host_of, network_of


@pytest.mark.parametrize(
    ("address", "host"),
    [
        (IPv4Address("TCP", "10.0.0.7", 4711), "10.0.0.7"),
        (IPv6Address("TCP", "2001:DB8::1", 4711), "2001:db8::1"),
        (IPv6Address("TCP", "::ffff:10.0.0.7", 4711), "10.0.0.7"),
        (IPv6Address("TCP", "fe80::1%eth0", 4711), "fe80::1"),
        (UNIXAddress("/run/x"), ""),
        (HostnameAddress(b"shop.example", 4711), ""),
        (None, ""),
    ],
)
def test_of_connections(address, host):
    """
    The text that a connection has of its peer gives the peer's IP address.
    """
    assert host == host_of(address_text(address))


@pytest.mark.parametrize("peer", ["", ":", "memory:a:1", "[]:1", "10.0.0.7.1:1", "300.0.0.1:1"])
def test_no_host(peer):
    """
    Text that is no IP address is none.
    """
    assert "" == host_of(peer)


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("2001:db8:0:7:1:2:3:4", "2001:db8:0:7::/64"),
        ("", ""),
    ],
)
def test_networks(host, network):
    """
    The addresses of one IPv6 /64 count as one, since one customer has all of them.
    """
    assert network == network_of(host)
