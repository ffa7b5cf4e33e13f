"""
Rules about calls and instances.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.testing.contracts.router import RouterContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.address import Address
from rpcfw_routers.condition import ConditionRouter

GIVEN = [
    candidate("a", zone="east", version="1.0", address=Address.parse("tcp:10.1.0.7:2210")),
    candidate("b", zone="east", version="2.0", address=Address.parse("tcp:10.1.0.8:2210")),
    candidate("c", zone="west", version="2.0", tags={"lane": "blue"}),
]


def router(rules, application="shop-web", **options: str) -> ConditionRouter:
    context = plugin_context(application=application)
    options = {"host": "10.1.0.7", **options}
    return ConditionRouter(options_of(ConditionRouter.Options, rules=rules, **options), context)


def routed(rules, call=None, **options: str) -> str:
    """
    Return the ids of those that are left, joined.
    """
    found = router(rules, **options).narrow(call or a_call(), GIVEN)
    return "".join(one.instance.id for one in found)


RULES = """
method=write & argument.id=1~7 => zone=west
metadata.tag=gray,blue => tag.tag=$application,gray
- 'method=get => version!=1.*'
method!=say & application=shop-* =>
"""


class TestConditionContract(RouterContract):
    def make(self):
        return router(RULES)


class TestForcedConditionContract(RouterContract):
    def make(self):
        return router(RULES, application="x", force="yes")


@pytest.mark.parametrize(
    ("rule", "left"),
    [
        ("=> zone=east", "ab"),
        ("method=say => zone=west", "c"),
        ("method=demo.Greeter/* => zone=west", "c"),
        ("method=get*,sa* => version=2.* & zone!=west", "b"),
        ("method!=say => zone=west", "abc"),
        ("argument.id=7 => id=a", "a"),
        ("argument.id=1~6 => id=a", "abc"),
        ("arguments[0].user.name=b* => id=b", "b"),
        ("argument.nothing=x => id=a", "abc"),
        ("argument.nothing!=x => id=a", "a"),
        ("metadata.user=bob => id=a", "a"),
        ("attachments[User]=bob => id=a", "a"),
        ("application=shop-* => id=a", "a"),
        ("application!=shop-* => id=a", "abc"),
        ("host=10.1.0.0/16 => host=$host", "a"),
        ("host!=10.1.* => id=a", "abc"),
        ("=> host=10.1.0.0/29", "a"),
        ("=> address=10.1.0.8:2210", "b"),
        ("=> tag.lane=blue", "c"),
        ("=> tags[lane]!=blue", "ab"),
        ("method=say =>", ""),
        ("method=get =>", "abc"),
        ("- method=say=>zone=west", "c"),
        ('- "method = say => zone = west"', "c"),
    ],
)
def test_rules(rule, left):
    """
    A rule is for the calls that meet its left side, and leaves the instances of its right side.
    """
    call = a_call(request={"id": 7, "user": {"name": "bob"}}, metadata={"user": "bob"})

    assert left == routed(rule, call)


def test_one_after_the_other():
    """
    Each rule that holds narrows what those before it left.
    """
    assert "b" == routed("=> zone=east\nmethod=say => version=2.*")


def test_a_rule_that_leaves_nothing():
    """
    A rule that would leave nothing is skipped, or with ``force`` the call fails.
    """
    rules = "=> zone=north\n=> version=2.*"

    assert "bc" == routed(rules)
    assert "" == routed(rules, force="yes")


def test_an_empty_right_side_refuses():
    """
    A rule without a right side refuses its calls, with and without ``force``.
    """
    for force in "yes", "no":
        assert "" == routed("application=shop-web =>", force=force)


def test_keys_are_rules_not_values():
    """
    Calls with other arguments that meet the same rules have the same key.
    """
    made = router("argument.id=1~9 => zone=west\nmethod=say => version=2.*")
    keys = [made.key(a_call(request={"id": id})) for id in range(20)]

    assert 2 == len(set(keys))
    assert {keys[0]} == {*keys[:1], *keys[10:]}


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ("", "at least one rule"),
        ("method=say", "line 1 of the rules.*has => between"),
        ("=> zone=a\nmehtod=say => zone=a", "line 2 of the rules.*did you mean 'method'"),
        ("=> zoen=a", "did you mean 'zone'"),
        ("method => zone=a", "is no condition"),
        ("host=$hots => zone=a", r"did you mean '\$host'"),
        ("argument.a..b=1 => zone=a", "is no path"),
        ("force: true", "only the lines under conditions"),
    ],
)
def test_mistakes(rules, reason):
    """
    A rule that cannot be read is refused with its line, and with the nearest known name.
    """
    with pytest.raises(SettingsError, match=reason):
        router(rules)
