"""
What ``[server] listen`` takes, and what it refuses before anything starts.
"""

from __future__ import annotations

import pytest

from rpcfw.app.plan import read_plan
from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import Sources
from rpcfw.values.address import Address
from rpcfw.values.inherited_socket import InheritedSocket


def listen(text: str):
    return read_plan(Sources.load((), {}, (f"server.listen={text}",))).server.listen


def test_addresses_and_sockets():
    """
    Addresses and sockets that are open already may stand in one list.
    """
    expected = (Address("tcp", "127.0.0.1", 0), InheritedSocket("fd", "3"))

    assert expected == listen("tcp:127.0.0.1:0, fd:3")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fd:three", "expected the number of a file descriptor, as fd:3"),
        ("systemd:", "expected the FileDescriptorName="),
        ("fd:3, tls+fd:03", "fd:3 is named twice"),
        ("unix:/a, unix:/a", "unix:/a is named twice"),
        ("tcp:a:1@127.0.0.1", "is one that was looked up"),
        ("tls+fd:3", "tls+fd:3 needs a certificate: set [tls] certificate and key"),
    ],
)
def test_mistakes(text, expected):
    """
    A mistake is found when the configuration is read.
    """
    with pytest.raises(SettingsError) as raised:
        listen(text)

    assert expected in str(raised.value)
