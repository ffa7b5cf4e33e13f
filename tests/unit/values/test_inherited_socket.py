"""
How sockets that another process opened are written.
"""

from __future__ import annotations

import pytest

from rpcfw.values.address import Address
from rpcfw.values.inherited_socket import InheritedSocket, parse_listen_at


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fd:3", InheritedSocket("fd", "3")),
        ("tls+fd:17", InheritedSocket("fd", "17", secure=True)),
        ("systemd:rpc.socket", InheritedSocket("systemd", "rpc.socket")),
        ("tls+systemd:0", InheritedSocket("systemd", "0", secure=True)),
    ],
)
def test_written_and_read(text, expected):
    """
    What is read is written the same.
    """
    assert expected == parse_listen_at(f" {text} ")
    assert text == str(expected)


def test_two_spellings_of_a_number():
    """
    A descriptor is one, however its number is written.
    """
    assert parse_listen_at("fd:3") == parse_listen_at("fd:003")


@pytest.mark.parametrize("text", ["tcp:127.0.0.1:1", "tls:fd:3", "unix:/fd:3", "memory:systemd:a"])
def test_addresses_are_still_addresses(text):
    """
    A host may be called fd, and a path may hold a colon.
    """
    assert Address.parse(text) == parse_listen_at(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fd:", "expected the number of a file descriptor, as fd:3"),
        ("fd:-1", "expected the number of a file descriptor, as fd:3"),
        ("fd:stdin", "expected the number of a file descriptor, as fd:3"),
        ("fd:99999999999", "expected the number of a file descriptor, as fd:3"),
        ("systemd:", "expected the FileDescriptorName="),
        ("systemd:a b", "expected the FileDescriptorName="),
        ("tls+systemd:a:b", "expected the FileDescriptorName="),
        ("fd3", "is no address"),
    ],
)
def test_what_is_wrong(text, expected):
    """
    The error names the text, and how it is written.
    """
    with pytest.raises(ValueError, match=expected) as raised:
        parse_listen_at(text)
    assert text in str(raised.value)


@pytest.mark.parametrize("text", ["fd:3", "tls+fd:3"])
def test_no_address_of_a_client(text):
    """
    A registry cannot make a client use a descriptor of its own process: it is a host there.
    """
    assert Address("tcp", text[:-2], 3) == Address.parse(text)
