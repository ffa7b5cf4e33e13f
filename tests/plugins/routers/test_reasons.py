"""
What routers say of what they left.
"""

from __future__ import annotations

from rpcfw.kernel.settings import options_of
from rpcfw.testing.candidates import a_call, candidate
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_routers.access import AccessRouter
from rpcfw_routers.condition import ConditionRouter
from rpcfw_routers.fixed import FixedRouter
from rpcfw_routers.group import GroupRouter
from rpcfw_routers.split import SplitRouter, slots
from rpcfw_routers.subset import SubsetRouter
from rpcfw_routers.tag import TagRouter
from rpcfw_routers.zone import ZoneRouter

WEST = candidate("west", zone="west", version="2.0")
EAST = candidate("east", zone="east", version="1.0")
GRAY = candidate("gray", zone="east", version="2.1", tags={"tag": "gray"})
ALL = (WEST, EAST, GRAY)


def said(plugin, call=None, candidates=ALL, **options):
    """
    Return what a router says of the whole step, and of each candidate that it removed.
    """
    call = a_call() if call is None else call
    router = plugin(options_of(plugin.Options, **options), plugin_context(application="shop"))
    left = router.narrow(call, candidates)
    reasons = router.reasons(call, candidates, left)
    removed = {one.instance.id: reasons.of(one) for one in candidates if one not in left}
    return reasons.step, removed


def test_condition():
    """
    Each removed instance has the rule that removed it; a rule that leaves none is named too.
    """
    rules = "method=say => version=2.*\n=> zone=west\n=> zone=moon\nmethod=write => zone=east"
    step, removed = said(ConditionRouter, rules=rules)

    assert (
        "'method=say => version=2.*' holds; '=> zone=west' holds; "
        "'=> zone=moon' leaves none, so it is skipped"
    ) == step
    assert {"east": "rule 'method=say => version=2.*'", "gray": "rule '=> zone=west'"} == removed


def test_condition_that_refuses():
    """
    A rule that refuses the call removed all that were left.
    """
    step, removed = said(ConditionRouter, rules="method=say =>")

    assert "'method=say =>' holds" == step
    assert set(removed.values()) == {"rule 'method=say =>'"}
    assert "no rule holds" == said(ConditionRouter, rules="method=write =>")[0]


def test_tag():
    """
    The tag of the call stands beside that of each instance; an instead is named.
    """
    assert ("the call has no tag", {"gray": "it has tag=gray"}) == said(TagRouter)
    gray = a_call(metadata={"tag": "gray"})
    assert (
        "the call has tag=gray",
        {"west": "it has no tag", "east": "it has no tag"},
    ) == said(TagRouter, gray)
    step, _ = said(TagRouter, a_call(metadata={"tag": "red"}))
    assert "the call has tag=red, which no instance fits; used: those without tag" == step
    step, _ = said(TagRouter, a_call(metadata={"tag": "red"}), force="yes")
    assert "the call has tag=red, which no instance fits; used: none" == step


def test_zone():
    """
    It says how many instances each zone has, and how many are needed.
    """
    step, removed = said(ZoneRouter, zone="west")

    assert "1 that can take calls in west; needed: 1 of 3" == step
    assert {"east": "it is in zone east", "gray": "it is in zone east"} == removed
    step, _ = said(ZoneRouter, zone="west", neighbors="east", min_share="50%")
    assert (
        "1 that can take calls in west; 3 that can take calls in west, east; needed: 2 of 3"
    ) == step


def test_group():
    """
    It says which groups and versions were tried before the one that is used.
    """
    step, removed = said(GroupRouter, versions="3.*, 2.*")

    assert (
        "group *, version 3.*: 0 can take calls; group *, version 2.*: 2 can take calls"
    ) == step
    assert {"east": "it has group (none), version 1.0"} == removed
    step, _ = said(GroupRouter, versions="2.*", min_instances="3")
    assert step.endswith("none has 3; used: all of these together")
    step, _ = said(GroupRouter, versions="3.*")
    assert step.endswith("none has 1; used: none")


def test_split():
    """
    It says in which slot the key of a call is, and whose share that is.
    """
    options = {"shares": "5% version=2.*", "key": "argument id"}
    slot_of = slots("")
    chosen = next(id for id in range(1000) if slot_of(str(id)) < 500)
    step, _ = said(SplitRouter, a_call(request={"id": chosen}), **options)
    assert f"the key '{chosen}' is in slot {slot_of(str(chosen))} of 10000: 5% version=2.*" == step
    step, _ = said(SplitRouter, a_call(request={}), **options)
    assert "the call has no key, so it goes with the largest share: the calls of no share" == step
    step, _ = said(SplitRouter, a_call(), methods="get", **options)
    assert "say is not split" == step


def test_fixed_subset_and_access():
    """
    The others say what they decide by, in a line.
    """
    named = a_call(metadata={"rpcfw-address": "memory:moon"})
    assert "the call names no address" == said(FixedRouter)[0]
    assert "the call names 'memory:moon', where no instance is" == said(FixedRouter, named)[0]
    step, removed = said(SubsetRouter, size="1", client="2", clients="3")
    assert "size is 1, for client 2 of 3" == step
    assert {"it is not in the subset of this client"} == set(removed.values())
    deny = {"rules": "deny application=shop", "default": "allow"}
    assert "the rule 'deny application=shop' holds" == said(AccessRouter, **deny)[0]
    assert "no rule allows it" == said(AccessRouter, rules="allow application=others")[0]
    assert "allowed" == said(AccessRouter, rules="allow method=say")[0]
