"""
The names in the header Host that are ours.
"""

from __future__ import annotations

import pytest

from rpcfw.admin.exchange import Asked
from rpcfw.admin.host_header import HostNames
from rpcfw.spi.page import PageRefused
from rpcfw.values.address import Address

NAMES = HostNames([Address("tls", "admin.example.org", 2290)], ["shop.internal"])


def asked(*hosts):
    return Asked("GET", "/", {"host": list(hosts)} if hosts else {})


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:2290",
        "10.0.0.7:2290",
        "[::1]:2290",
        "[fe80::1]",
        "localhost",
        "LOCALHOST:2290",
        "localhost.",
        "admin.example.org:2290",
        "shop.internal",
    ],
)
def test_our_names(host):
    """
    IP addresses, localhost, the host of the address, and the names of the configuration.
    """
    NAMES.check(asked(host))


@pytest.mark.parametrize(
    "host",
    [
        "attacker.example",
        "attacker.example:2290",
        "127.0.0.1.attacker.example",
        "localhost.attacker.example",
        "[::1",
        "[attacker]",
        "",
        "127.0.0.1@attacker.example",
        "2130706433",
    ],
)
def test_other_names_are_refused(host):
    """
    A page of somebody else, whose name resolves to this machine, reads nothing.
    """
    with pytest.raises(PageRefused) as refused:
        NAMES.check(asked(host))
    assert 421 == refused.value.status


def test_without_a_name():
    """
    A request without the header, or with two, is refused.
    """
    with pytest.raises(PageRefused):
        NAMES.check(asked())
    with pytest.raises(PageRefused):
        NAMES.check(asked("127.0.0.1", "attacker.example"))
