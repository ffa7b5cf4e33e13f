"""
Conditions and their patterns.
"""

from __future__ import annotations

import pytest

from rpcfw.testing.candidates import candidate
from rpcfw.values.address import Address
from rpcfw.values.patterns import pattern, read_conditions
from rpcfw_routers.targets import read_target


@pytest.mark.parametrize(
    ("text", "fitting", "others"),
    [
        ("get", ["get"], ["getx", "Get", ""]),
        ("get*", ["get", "get_all"], ["forget"]),
        ("*get", ["get", "forget"], ["gets"]),
        ("a*b*c", ["abc", "a1b2c", "abbc"], ["acb", "abcd"]),
        ("ab*ba", ["abba", "abxba"], ["aba"]),
        ("a*bc*c", ["abcc", "xabcc"[1:]], ["abc"]),
        ("*", ["", "x", "a\nb"], []),
        ("a.c", ["a.c"], ["abc"]),
        ("1~9", ["1", "9", "5.5"], ["0", "10", "x", "", "1e0"]),
        ("~9", ["-3", "9"], ["10"]),
        ("-5~", ["-5", "100"], ["-6"]),
        ("~", ["~"], ["1"]),
        ("10.1.0.0/16", ["10.1.2.3"], ["10.2.0.1", "shop", "10.1.0.0/16"]),
        ("10.1.0.7/16", ["10.1.2.3"], ["10.2.0.7"]),
        ("fd00::/8", ["fd00::1"], ["10.1.0.1", "fe80::1"]),
        ("a/b", ["a/b"], ["a"]),
    ],
)
def test_patterns(text, fitting, others):
    """
    A pattern fits equal text, anything at a star, numbers of a range, addresses of a network.
    """
    fits = pattern(text)

    assert (fitting, []) == (
        [value for value in fitting if fits(value)],
        [value for value in others if fits(value)],
    )


@pytest.mark.parametrize(
    ("text", "values", "holds"),
    [
        ("a=1,2", ["2"], True),
        ("a=1,2", ["3"], False),
        ("a!=1,2", ["3"], True),
        ("a != 1, 2", ["2"], False),
        ("a=1", [], False),
        ("a!=1", [], True),
        ("a=*", [], True),
        ("a=1", ["0", "1"], True),
        ("a!=1", ["0", "1"], False),
        ("a==", ["="], True),
    ],
)
def test_equal_and_not_equal(text, values, holds):
    """
    ``=`` holds if a value fits one of the patterns, ``!=`` if none does.
    """
    (condition,) = read_conditions(text, {})

    assert holds is condition.holds(values)


def test_names_as_dubbo_writes_them():
    """
    Names with brackets are those with a dot.
    """
    text = "arguments[0].id=1 & attachments[user] = bob & tags[lane]!=x & arguments[1]=2"
    names = [each.field for each in read_conditions(text, {})]

    assert ["argument.0.id", "metadata.user", "tag.lane", "argument.1"] == names


@pytest.mark.parametrize("text", ["a", "=1", "a=", "a=,", "a&b=1", "a!1", "a=$hots"])
def test_what_is_no_condition(text):
    """
    What is no condition is refused.
    """
    with pytest.raises(ValueError, match=r"is no condition|has no value|did you mean '\$host'"):
        read_conditions(text, {"host": "10.0.0.1"})


def test_stars_are_fast():
    """
    A pattern with many stars is done at once, though each of them fits in many places.
    """
    assert not pattern("a*" * 30 + "b*c")("a" * 2_000 + "c")


GIVEN = [
    candidate("a", version="1.0", zone="east", tags={"lane": "x"}),
    candidate("b", version="2.0", group="pay", address=Address.parse("tcp:10.0.0.7:2210")),
    candidate("c", version="2.1", address=Address.parse("tls:c.example:443@10.0.0.8")),
]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("version=2.*", ["b", "c"]),
        ("version=2.* & group!=pay", ["c"]),
        ("zone=east", ["a"]),
        ("tag.lane=x", ["a"]),
        ("tags[lane]!=x", ["b", "c"]),
        ("id=a,b", ["a", "b"]),
        ("host=10.0.0.0/29", ["b"]),
        ("host=10.0.0.8", ["c"]),
        ("host=c.example", ["c"]),
        ("port=1~3000", ["b", "c"]),
        ("address=10.0.0.7:2210", ["b"]),
        ("address=tcp:10.0.0.7:2210", ["b"]),
        ("protocol=native", ["a", "b", "c"]),
        ("host=$host", ["b"]),
        ("", ["a", "b", "c"]),
    ],
)
def test_targets(text, ids):
    """
    Conditions on the fields of an instance select instances.
    """
    target = read_target(text, {"host": "10.0.0.7"})

    assert ids == [one.instance.id for one in target.of(GIVEN)]


def test_an_unknown_field():
    """
    A field that instances do not have is refused, with the nearest one.
    """
    with pytest.raises(ValueError, match="did you mean 'version'"):
        read_target("verison=1")
