"""
Arguments as people write them.
"""

from __future__ import annotations

from argparse import ArgumentTypeError

import pytest

from rpcfw.cli.arguments import a_duration, a_method, a_pair, an_address
from rpcfw.values.address import Address


def test_what_is_read():
    """
    Durations, addresses, methods and pairs are read as elsewhere in the framework.
    """
    assert 0.5 == a_duration("500ms")
    assert Address("tcp", "127.0.0.1", 1) == an_address("127.0.0.1:1")
    assert ("demo.Greeter", "say") == a_method("demo.Greeter/say") == a_method("/demo.Greeter/say")
    assert ("token", "a=b") == a_pair("Token=a=b")
    assert ("token-bin", b"\x00") == a_pair("token-bin=AA==")


@pytest.mark.parametrize(
    ("read", "text", "said"),
    [
        (a_duration, "3", "has no unit"),
        (an_address, "nowhere", "is no address"),
        (a_method, "demo.Greeter.say", "if say is the method: demo.Greeter/say"),
        (a_method, "demo.Shop", "if that is the service, add a method: demo.Shop/METHOD"),
        (a_method, "say", "if that is the service, add a method: say/METHOD"),
        (a_method, "a/b/c", "is not SERVICE/METHOD"),
        (a_pair, "token", "is not NAME=VALUE"),
        (a_pair, "token-bin=?", "base64"),
        (a_pair, "to ken=x", "characters other than"),
    ],
)
def test_what_is_not(read, text, said):
    """
    What cannot be read is refused in words that argparse shows.
    """
    with pytest.raises(ArgumentTypeError) as refused:
        read(text)

    assert said in str(refused.value)
