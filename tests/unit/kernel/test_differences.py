"""
What differs between two readings of a configuration.
"""

from __future__ import annotations

from rpcfw.kernel.differences import differences, with_kept
from rpcfw.kernel.ini import SectionName
from rpcfw.kernel.settings import Sources

CLIENT = SectionName("client")


def sources(*sets):
    return Sources.load((), {}, sets)


def texts(found):
    return {
        (name.text, key): given.text
        for name, section in found.sections.items()
        for key, given in section.values.items()
    }


def test_differences():
    """
    An option differs if its text does, or if only one of the two has it.
    """
    old = sources("client.timeout=1s", "client.warm_up=1m", "retry.max_attempts=2")
    new = sources("client.timeout=2s", "client.warm_up=1m", "app.name=shop")
    assert {
        (CLIENT, "timeout"),
        (SectionName("retry"), "max_attempts"),
        (SectionName("app"), "name"),
    } == {*differences(old, new)}
    assert [] == differences(old, old)


def test_what_is_kept():
    """
    A kept option has its old text, and is away if it was.
    """
    old = sources("client.timeout=1s", "server.weight=5")
    new = sources("client.timeout=2s", "client.warm_up=1m", "app.name=shop")
    kept = [(CLIENT, "timeout"), (SectionName("app"), "name"), (SectionName("server"), "weight")]
    assert {
        ("client", "timeout"): "1s",
        ("client", "warm_up"): "1m",
        ("server", "weight"): "5",
    } == texts(with_kept(old, new, kept))
