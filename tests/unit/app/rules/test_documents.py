"""
What documents may contain.
"""

from __future__ import annotations

import pytest

from rpcfw.app.rules.documents import check_kind, read_instances, read_policies
from rpcfw.cluster.instance_rules import InstanceRule
from rpcfw.errors import SettingsError
from rpcfw.kernel.ini import MAX_MISTAKES
from rpcfw.values.rule import MAX_DOCUMENT_BYTES


def refused(read, text):
    with pytest.raises(SettingsError) as caught:
        read(text, "shop.ini")
    return caught.value.mistakes


def test_instances():
    """
    An instance has a weight, is disabled or offline, or has nothing of its own.
    """
    text = (
        "[instance 10.0.0.5:2200-ab]\nweight = 5\n[instance tcp:10.0.0.6:1]\nenabled = no\n"
        "[instance tcp:10.0.0.7:1]\noffline = yes\n"
    )
    assert {
        "10.0.0.5:2200-ab": InstanceRule(weight=5, enabled=True, offline=False),
        "tcp:10.0.0.6:1": InstanceRule(weight=None, enabled=False, offline=False),
        "tcp:10.0.0.7:1": InstanceRule(weight=None, enabled=True, offline=True),
    } == read_instances(text, "shop.ini")
    assert {} == read_instances("", "shop.ini")


def test_mistakes_in_instances():
    """
    Each mistake has its line and the nearest known name.
    """
    (first, second) = refused(
        read_instances, "[instance a]\nwieght = 5\n[instance b]\nweight = -1\n"
    )
    assert first.startswith("shop.ini:2: [instance a] wieght: unknown option; did you mean")
    assert second == "shop.ini:4: [instance b] weight: must be between 0 and 1000000, not -1"
    assert ("shop.ini:1: [instance]: name one, as [instance 10.0.0.5:2200]",) == refused(
        read_instances, "[instance]\nweight = 5\n"
    )
    (unknown,) = refused(read_instances, "[node a]\n")
    assert unknown.startswith("shop.ini:1: [node a]: unknown section")


def test_what_instances_have_in_common():
    """
    A version, a zone, a group or a tag names several; anything else is a mistake.
    """
    names = ["version=2.0", "zone=north", "group=blue", "tag.disk=slow", "unix:/run/a=b"]
    text = "".join(f"[instance {name}]\nweight = 5\n" for name in names)
    assert names == sorted(read_instances(text, "shop.ini"), key=names.index)
    (mistake,) = refused(read_instances, "[instance versoin=2.0]\nweight = 5\n")
    assert mistake.startswith(
        "shop.ini:1: [instance versoin=2.0]: no rule can be for all instances"
    )
    assert "did you mean 'version'?" in mistake
    (mistake,) = refused(read_instances, "[instance zone=north]\noffline = yes\n")
    assert mistake.endswith("offline is for one instance: name its id or its address")


def test_sections_of_policies():
    """
    A document has the sections that can change, also those of a method and of named plugins.
    """
    text = "[retry]\nmax_attempts = 2\n[balancer demo.Shop/get]\n[router gray]\n[filter mine]\n"
    layer = read_policies(text, "shop.ini")
    assert ["[retry]", "[balancer demo.Shop/get]", "[router gray]", "[filter mine]"] == [
        str(name) for name in layer.sections
    ]


def test_all_mistakes_at_once():
    """
    Every mistake is reported, in the order of the lines.
    """
    mistakes = refused(read_policies, "x\n[server]\n[retry]\n[router]\n")
    assert [1, 2, 4] == [int(one.split(":")[1]) for one in mistakes]


def test_sections_of_methods_are_bounded():
    """
    Each may be of another service, and what it does to that is looked at.
    """
    text = "".join(f"[balancer demo.S{number}/m]\n" for number in range(51))
    (mistake,) = refused(read_policies, text)
    assert "shop.ini: has 51 sections of methods; at most 50 are read" == mistake
    read_policies(text.rpartition("[")[0], "shop.ini")


def test_a_list_of_plugins_is_bounded():
    """
    Each name is looked up, so a document of names would keep every consumer busy.
    """
    for key in "plugin", "routers", "insert":
        (mistake,) = refused(read_policies, f"[client]\n{key} = {'tag, ' * 300}\n")
        assert f"shop.ini:2: [client] {key}: at most 1000 characters" == mistake


def test_the_largest_document():
    """
    A document that is larger than any store takes is not read.
    """
    comment = "#" * MAX_DOCUMENT_BYTES
    assert {} == read_instances(comment, "shop.ini")
    (mistake,) = refused(read_instances, f"{comment}#")
    assert str(MAX_DOCUMENT_BYTES) in mistake


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_policies, "".join(f"[router r{number}]\n" for number in range(501))),
        (read_policies, "[retry]\n" + "".join(f"o{number} = 1\n" for number in range(500))),
        (read_instances, "[instance a]\n" + "".join(f"o{number} = 1\n" for number in range(500))),
        (read_instances, "".join(f"[node n{number}]\n" for number in range(500))),
        (read_instances, "x\n" * 500),
    ],
)
def test_the_mistakes_of_a_hostile_document_are_bounded(read, text):
    """
    A document of nothing but mistakes is refused with a bounded number of them.
    """
    assert len(refused(read, text)) <= MAX_MISTAKES


def test_an_address_of_ipv6():
    """
    An instance is named by its address, also one of IPv6.
    """
    rules = read_instances("[instance tcp:[::1]:2200]\nweight = 5\n", "shop.ini")
    assert ["tcp:[::1]:2200"] == list(rules)


def test_unknown_kinds():
    """
    A kind that nobody knows is refused with the nearest.
    """
    check_kind("policies")
    with pytest.raises(SettingsError, match="did you mean 'instances'"):
        check_kind("instance")
