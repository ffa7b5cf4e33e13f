"""
Documents of condition rules, as Dubbo Admin writes them.
"""

from __future__ import annotations

import pytest

from rpcfw.testing.candidates import a_call, candidate
from rpcfw.values.address import Address
from rpcfw_dubbo_rules.condition_rule import read_condition_rules
from rpcfw_dubbo_rules.parameters import consumer_parameter
from tests.house.tree import ROOT

ME = consumer_parameter("shop", "10.0.0.9", "demo.Greeter")


def at(host: str, **fields):
    return candidate(host, address=Address("tcp", host, 20880), **fields)


EAST = at("10.0.0.1", tags={"region": "east"}, version="1.0.0", application="greeters")
WEST = at("10.0.0.2", tags={"region": "west"}, version="2.0.0", application="greeters")
PLAIN = at("10.0.1.3")
ALL = (EAST, WEST, PLAIN)

#: As Dubbo Admin writes it.
GOLDEN = """\
configVersion: v3.0
scope: service
force: true
runtime: true
enabled: true
priority: 1
key: demo.Greeter
conditions:
  - method=say => region=east
"""


def document(*conditions: str, force: bool = False, more: str = "") -> str:
    lines = "".join(f'  - "{each}"\n' for each in conditions)
    return f"force: {str(force).lower()}\n{more}conditions:\n{lines}"


def left(text: str, call=None, candidates=ALL) -> list[str]:
    """
    Return the ids that the rules of a document leave.
    """
    for rule in read_condition_rules(text).held(call or a_call(), ME):
        candidates = rule.narrow(candidates, ME)
    return [one.instance.id for one in candidates]


def ids(*candidates) -> list[str]:
    return [one.instance.id for one in candidates]


def test_the_document_of_dubbo_admin():
    """
    Calls of the method go to the providers with the parameter; calls of others to all.
    """
    assert left(GOLDEN) == ids(EAST)
    assert left(GOLDEN, a_call(method="other")) == ids(*ALL)


def test_the_document_of_a_grey_release():
    """
    The rule of the page sends products of a range to the new release, and all else to the old one.
    """
    page = (ROOT / "docs/governance/grey-release.md").read_text()
    text = page.partition("```yaml\n")[2].partition("```")[0]
    both = [at(f"10.0.0.{n}", tags={"release": f"{n}"}) for n in (1, 2)]
    old, new = both
    for request, expected in ([5000], new), ([5001], old), ([0], old):
        assert ids(expected) == left(text, a_call(method="get", request=request), both)
    assert ids(old) == left(text, a_call(method="list", request=[1]), both)


#: Conditions on providers, and who meets them.
THEN = {
    "host=10.0.0.1": (EAST,),
    "host=10.0.0.*": (EAST, WEST),
    "host=*.0.1.3": (PLAIN,),
    "host=10.*.3": (PLAIN,),
    "provider.host=10.0.0.1,10.0.1.3": (EAST, PLAIN),
    "host!=10.0.0.1": (WEST, PLAIN),
    "host=10.0.0.* & host!=10.0.0.1": (WEST,),
    "address=*:20880": ALL,
    "region=east": (EAST,),
    # A provider without the parameter meets no condition on it.
    "region!=east": (WEST,),
    "region=*": (EAST, WEST),
    "version=1.0.0,2.0.0": (EAST, WEST),
    "application=greeters": (EAST, WEST),
    "port=20000~20890": ALL,
    "port=~20879": (),
    "port=20881~": (),
    # What is no number is in each range on the right side, as in Dubbo.
    "region=1~2": (EAST, WEST),
    "host=$host": (),
    "interface=$interface": ALL,
    "region=$region": (),
}


@pytest.mark.parametrize(("then", "expected"), THEN.items())
def test_conditions_on_providers(then, expected):
    """
    Wildcards, lists, ranges, and parameters of the consumer mean what they mean in Dubbo.
    """
    assert left(document(f"=> {then}", force=True)) == ids(*expected)


#: Conditions on calls, and whether they hold for the call below.
WHEN = {
    "": True,
    "true": True,
    "method=say": True,
    "method=s*": True,
    "methods=say,get": True,
    "method!=say": False,
    "method=get": False,
    "host=10.0.0.9": True,
    "consumer.host=10.0.0.*": True,
    "host!=10.0.0.9": False,
    "application=shop & method=say": True,
    "application=shop & method=get": False,
    "application=other": False,
    "arguments[0]=7": True,
    "arguments[0]=1~9": True,
    "arguments[0]=8~": False,
    "arguments[1]=x": False,
    # An argument or attachment that is missing is another text.
    "arguments[1]!=x": True,
    "attachments[user]=bob": True,
    "attachments[User]=b*": True,
    "attachments[lane]=gray": False,
    "attachments[lane]!=gray": True,
    "attachments[user]=1~9": False,
    # A parameter that is missing meets nothing.
    "region=east": False,
    "region!=east": False,
}


@pytest.mark.parametrize(("when", "holds"), WHEN.items())
def test_conditions_on_calls(when, holds):
    """
    The method, the consumer, arguments and attachments decide whether a rule holds.
    """
    call = a_call(request=(7,), metadata={"user": "bob"})
    expected = [] if holds else ids(*ALL)
    assert left(document(f"{when} => host=nobody", force=True), call) == expected


def test_a_rule_that_leaves_none_is_skipped_unless_it_has_force():
    """
    ``force: false`` goes on as if the rule was not there.
    """
    assert left(document("=> host=nobody", "=> region=west")) == ids(WEST)
    assert left(document("=> host=nobody", force=True)) == []


@pytest.mark.parametrize("then", ["", "false"])
def test_nothing_on_the_right_refuses_the_call(then):
    """
    So it is with and without force.
    """
    assert left(document(f"host=10.0.0.9 => {then}")) == []


def test_a_rule_without_an_arrow_is_for_all_calls():
    """
    It is the right side then.
    """
    assert left(document("region=west")) == ids(WEST)


def test_a_document_that_is_not_enabled_changes_nothing():
    """
    It is read all the same.
    """
    assert left(document("=> region=west", more="enabled: false\n")) == ids(*ALL)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        ("- a", "expected a map"),
        ("force: true", "conditions: expected a list"),
        ("conditions: a => b", "conditions: expected a list"),
        ("conditions: [[a]]", "expected a list of texts"),
        ("force: perhaps\nconditions: ['=> a=b']", "force: expected true or false, got 'perhaps'"),
        (document(""), "a condition is empty"),
        (document("method => a=b"), "'method' is compared with nothing"),
        (document("=> =a"), "'=' before 'a' has no meaning"),
        (document("a==b => c=d"), "'==' before 'b' has no meaning"),
        (document("a=b ! => c=d"), "is no list of conditions"),
        (document("=> port=1~x"), "'1~x' is no range"),
        (document("=> port=~"), "'~' is no range"),
        ("configVersion: v3.1\nconditions: [{from: {match: a=b}}]", r"v3\.1'; up to v3\.0 is read"),
    ],
)
def test_refuses_what_it_cannot_read(text, reason):
    """
    The error says what is wrong.
    """
    with pytest.raises(ValueError, match=reason):
        read_condition_rules(text)
