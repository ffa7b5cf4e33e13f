"""
The address of a client behind proxies.
"""

from __future__ import annotations

import pytest

from rpcfw.console.access.client_address import ClientAddresses
from rpcfw.console.http.messages import WebRequest
from rpcfw.console.options import ConsoleOptions
from rpcfw.kernel.settings import options_of

PROXY = "10.0.0.9"


def address(header, *lines, peer=PROXY, proxies="10.0.0.8, 10.0.0.9, ::1"):
    """
    Return the address of who sends a request through one proxy or more.
    """
    given = {"users": "u", "address_header": header, "trusted_proxies": proxies}
    request = WebRequest("GET", "/", peer=peer, headers={header.lower(): [*lines]})
    return ClientAddresses(options_of(ConsoleOptions, **given)).of(request)


def listed(*lines, **more):
    return address("X-Forwarded-For", *lines, **more)


def forwarded(*lines, **more):
    return address("Forwarded", *lines, **more)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7\t", "192.0.2.7"),
        ("192.0.2.7:4711", "192.0.2.7"),
        ("2001:DB8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("192.0.2.7, 10.0.0.8", "192.0.2.7"),
        ("192.0.2.7,10.0.0.8, ::1", "192.0.2.7"),
    ],
)
def test_a_client_behind_trusted_proxies(line, found):
    """
    It is the last address that is not one of a trusted proxy.
    """
    assert found == listed(line)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("for=192.0.2.7", "192.0.2.7"),
        ("For=192.0.2.7;proto=https;by=10.0.0.9", "192.0.2.7"),
        ('by="_x";for="192.0.2.7:4711" ; host=a', "192.0.2.7"),
        ('for="[2001:db8::1]:4711"', "2001:db8::1"),
        ("for=192.0.2.7, for=10.0.0.8;proto=http", "192.0.2.7"),
        ('for="192.0.2.7:_a-1"', "192.0.2.7"),
        (";for=192.0.2.7; ;proto=https;", "192.0.2.7"),
    ],
)
def test_forwarded(line, found):
    """
    The same in the form of RFC 7239.
    """
    assert found == forwarded(line)


@pytest.mark.parametrize(
    "forged",
    [
        "198.51.100.1",
        "10.0.0.9",
        "10.0.0.8, 10.0.0.9, 10.0.0.8",
        '"',
        'for="',
        'for=";for="',
        'for=10.0.0.9;a="',
        "for=198.51.100.1;",
        "\\",
        "," * 1000,
    ],
)
def test_what_a_client_has_sent_itself(forged):
    """
    The proxy adds the client's address on the right: what the client has sent is not looked at.
    """
    assert "192.0.2.7" == listed(f"{forged}, 192.0.2.7")
    assert "192.0.2.7" == listed(forged, "192.0.2.7")
    assert "192.0.2.7" == forwarded(f"{forged}, for=192.0.2.7")
    assert "192.0.2.7" == forwarded(forged, 'for="192.0.2.7:1"')
    assert "192.0.2.7" == listed(f"{forged}, 192.0.2.7", "10.0.0.8")


@pytest.mark.parametrize("peer", ["192.0.2.1", "", "a local peer", "10.0.0.90"])
def test_others_are_not_believed(peer):
    """
    From any other address the headers are as if they were not there.
    """
    assert peer == listed("198.51.100.1", peer=peer)
    assert peer == forwarded("for=198.51.100.1", peer=peer)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "unknown",
        "192.0.2.7 198.51.100.1",
        "192.0.2.07",
        "192.0.2",
        "fe80::1%eth0",
        "[192.0.2.7]x",
        "192.0.2.7:123456",
        "\u0661.2.3.4",
    ],
)
def test_what_is_no_address(line):
    """
    Where a proxy says no address, it is that of the proxy.
    """
    assert PROXY == listed(line)
    assert "10.0.0.8" == listed(f"{line}, 10.0.0.8")
    assert PROXY == forwarded(f"for={line}")


@pytest.mark.parametrize(
    "line",
    [
        "for=192.0.2.7;for=198.51.100.1",
        "for=_hidden",
        "for=192.0.2.7;by",
        "for = 192.0.2.7",
        'for="192.0.2.7',
        'for="192.0.2.7"x',
        "for=2001:db8::1",
        "proto=https",
        "192.0.2.7",
    ],
)
def test_what_is_no_element(line):
    """
    An element that does not have the form of RFC 7239 says no address.
    """
    assert PROXY == forwarded(line)


def test_no_header():
    """
    A proxy that adds none is the client, and so it is where the option does not name one.
    """
    assert PROXY == listed()
    given = {"users": "u", "trusted_proxies": PROXY}
    request = WebRequest("GET", "/", peer=PROXY, headers={"x-forwarded-for": ["192.0.2.7"]})
    assert PROXY == ClientAddresses(options_of(ConsoleOptions, **given)).of(request)


def test_many_proxies():
    """
    Of a long list only the last ten are looked at.
    """
    assert "192.0.2.7" == listed(", ".join(["192.0.2.7", *["10.0.0.8"] * 9]))
    assert "10.0.0.8" == listed(", ".join(["192.0.2.7", *["10.0.0.8"] * 10]))
    assert "10.0.0.8" == listed("10.0.0.8," * 100_000 + "10.0.0.8")
