"""
Documents of tags, and where calls go by them.
"""

from __future__ import annotations

import pytest

from rpcfw.testing.candidates import candidate
from rpcfw.values.address import Address
from rpcfw_dubbo_rules.tag_rule import read_tag_rule
from rpcfw_dubbo_rules.tags import narrow_by_tags

#: As Dubbo Admin writes it.
GOLDEN = """\
configVersion: v3.0
force: {force}
enabled: true
runtime: false
priority: 1
key: greeters
tags:
  - name: gray
    addresses: ["10.0.0.1:20880", 10.0.0.9]
  - name: blue
    match:
      - key: lane
        value: {{exact: b}}
"""


def at(host: str, application: str = "greeters", **tags: str):
    address = Address("tcp", host, 20880)
    return candidate(host, address=address, application=application, tags=tags)


GRAY = at("10.0.0.1")
BLUE = at("10.0.0.2", lane="b")
PLAIN = at("10.0.0.3")
OWN_GRAY = at("10.0.0.4", **{"dubbo.tag": "gray"})
OWN_GREEN = at("10.0.0.5", **{"dubbo.tag": "green"})
ALL = (GRAY, BLUE, PLAIN, OWN_GRAY, OWN_GREEN)


def left(tag: str, *candidates, text: str | None = None, forced: bool = False) -> list:
    rules = {} if text is None else {"greeters": read_tag_rule(text)}
    return list(narrow_by_tags(tag, candidates, rules, forced=forced))


def golden(*, force: bool = False) -> str:
    return GOLDEN.format(force=str(force).lower())


def test_a_tag_goes_to_the_addresses_of_the_rule():
    """
    By address, by host, or by a parameter. A tag that a provider has itself does not count then.
    """
    assert left("gray", *ALL, text=golden()) == [GRAY]
    assert left("blue", *ALL, text=golden()) == [BLUE]


def test_a_tag_that_the_rule_does_not_name_goes_by_the_providers_own():
    """
    Both kinds of tags are used side by side.
    """
    assert left("green", *ALL, text=golden()) == [OWN_GREEN]


def test_no_tag_leaves_tagged_providers_alone():
    """
    A provider's own tag counts only if the rule names it.
    """
    assert left("", *ALL, text=golden()) == [PLAIN, OWN_GREEN]
    assert left("", *ALL) == [GRAY, BLUE, PLAIN]
    assert left("", GRAY, BLUE, text=golden()) == []


def test_a_tag_that_nobody_has_falls_back_to_providers_without_any():
    """
    Unless the rule has force, or the call forces its tag.
    """
    assert left("gray", BLUE, PLAIN, text=golden()) == [PLAIN]
    assert left("gray", BLUE, PLAIN, OWN_GRAY, text=golden(force=True)) == []
    assert left("red", *ALL, text=golden()) == [PLAIN]
    assert left("red", *ALL, text=golden(), forced=True) == []
    assert left("red", *ALL) == [GRAY, BLUE, PLAIN]
    assert left("red", *ALL, forced=True) == []


def test_a_rule_that_is_not_enabled_is_none():
    """
    Then only tags that providers have themselves count.
    """
    assert read_tag_rule(golden().replace("enabled: true", "enabled: false")) is None


def test_a_rule_is_for_its_application():
    """
    Providers of another application at the same host keep out of it.
    """
    other = at("10.0.0.1", application="others")
    assert left("gray", GRAY, other, text=golden()) == [GRAY]
    assert left("", GRAY, other, text=golden()) == [other]


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("10.0.0.1", True),
        ("10.0.0.1:20880", True),
        ("10.0.0.1:20881", False),
        ("10.0.0.*", True),
        ("10.0.0.1-63", True),
        ("10.0.0.2-63", False),
        ("10.0.0.²-63", False),  # a digit for `str.isdigit`, and no number for `int`
        ("10.0.0.1-63:20880", True),
        ("10.0.0.0/24", True),
        ("10.0.1.0/24", False),
        ("0.0.0.0:20880", True),
        ("0.0.0.0:1", False),
        ("*", True),
        ("10.0.0", False),
        ("::1", False),
        ("[::1]:20880", False),
    ],
)
def test_addresses(pattern, fits):
    """
    Addresses are hosts, with or without port, wildcards, ranges, or networks.
    """
    text = f"tags: [{{name: gray, addresses: ['{pattern}']}}]"
    assert left("gray", GRAY, text=text, forced=True) == ([GRAY] if fits else [])


def test_a_host_of_digits_is_an_address():
    """
    In a network, as in Java; a larger number is none.
    """
    text = "tags: [{name: gray, addresses: ['10.0.0.0/24']}]"
    assert left("gray", at(str(0x0A000001)), text=text, forced=True)
    assert not left("gray", at(str((1 << 32) + 0x0A000001)), text=text, forced=True)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("enabled: true", "tags: expected a list"),
        ("tags: [a]", "tags 1: expected a map"),
        ("tags: [{addresses: [a]}]", "tags 1: name: expected the name"),
        ("tags: [{name: a, addresses: [10.0.0.1/99]}]", r"'10\.0\.0\.1/99' is no network"),
        ("tags: [{name: a, match: [{key: b}]}]", "expected a key and a value"),
        ("tags: [{name: a, match: [{key: b, value: {regex: (x+)+y}}]}]", "regex: expected one of"),
        ("configVersion: v4.0\ntags: [{name: a}]", r"up to v3\.0 is read"),
    ],
)
def test_refuses_what_it_cannot_read(text, reason):
    """
    The error says where, and what was expected.
    """
    with pytest.raises(ValueError, match=reason):
        read_tag_rule(text)
