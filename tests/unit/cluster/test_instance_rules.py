"""
Rules of single instances.
"""

from __future__ import annotations

from rpcfw.cluster.instance_rules import InstanceRule, RuledInstances
from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.registry import an_instance

DISABLED = options_of(InstanceRule, enabled="no")
HEAVY = options_of(InstanceRule, weight="500")


def updates():
    received = []
    return RuledInstances(received.append), received


def test_rules_that_come_first():
    """
    Nothing is passed on before the instances are known; then at once as the rules have them.
    """
    ruled, received = updates()
    ruled.follow({"a": DISABLED, "b": HEAVY}, "a rule")
    assert [] == received
    ruled.take((an_instance(id="a"), an_instance(id="b"), an_instance(id="c")))
    (instances,) = received
    assert [("b", 500), ("c", 70)] == [(one.id, one.weight) for one in instances]
    assert (["a"], ["b"]) == (ruled.disabled, ruled.weighted)


def test_rules_that_go():
    """
    Without rules the instances are those of the registry, the very same.
    """
    ruled, received = updates()
    known = (an_instance(id="a"), an_instance(id="b"))
    ruled.take(known)
    ruled.follow({"a": DISABLED}, "a rule")
    ruled.follow({}, "")
    assert [known, known[1:], known] == received


def test_rules_of_several_instances():
    """
    What instances have in common names them all; the rule of one is stronger, the lightest wins.
    """
    ruled, received = updates()
    ruled.follow(
        {
            "version=2.0": options_of(InstanceRule, weight="20"),
            "tag.disk=slow": options_of(InstanceRule, weight="10"),
            "zone=north": DISABLED,
            "b": HEAVY,
        },
        "a rule",
    )
    new = {"version": "2.0", "zone": "south", "tags": {}}
    ruled.take(
        (
            an_instance(id="a", **new),
            an_instance(id="b", **new),
            an_instance(id="c", **{**new, "tags": {"disk": "slow"}}),
            an_instance(id="d", **{**new, "zone": "north"}),
            an_instance(id="e", **{**new, "version": "1.0"}),
        )
    )
    (instances,) = received
    found = [("a", 20), ("b", 500), ("c", 10), ("e", an_instance().weight)]
    assert found == [(one.id, one.weight) for one in instances]
    assert ["d"] == ruled.disabled


def test_instances_that_have_it_in_common_but_come_later():
    """
    They are as the rule has them from the first list on that has them.
    """
    ruled, received = updates()
    ruled.follow({"version=2.0": DISABLED}, "a rule")
    ruled.take((an_instance(id="a", version="1.0"),))
    ruled.take((an_instance(id="a", version="1.0"), an_instance(id="b", version="2.0")))
    assert [["a"], ["a"]] == [[one.id for one in each] for each in received]
    ruled.follow({}, "")
    assert ["a", "b"] == [one.id for one in received[-1]]


def test_rules_by_address():
    """
    An address outlives a restart; the weight of an id is more exact.
    """
    ruled, received = updates()
    address = "tcp:10.0.0.5:2200"
    ruled.follow({address: options_of(InstanceRule, weight="5"), "b": HEAVY}, "a rule")
    ruled.take((an_instance(id="a"), an_instance(id="b")))
    assert [[("a", 5), ("b", 500)]] == [[(one.id, one.weight) for one in each] for each in received]


def test_the_weight_of_an_id_enables_nothing():
    """
    What is disabled by its address stays so, whatever else there is for its id.
    """
    ruled, received = updates()
    ruled.follow({"tcp:10.0.0.5:2200": DISABLED, "b": HEAVY}, "a rule")
    ruled.take((an_instance(id="a"), an_instance(id="b")))
    assert [()] == received


def test_why_there_is_none():
    """
    Only if all are disabled, the rules are the reason.
    """
    ruled, _ = updates()
    ruled.take(())
    assert "" == ruled.why_none
    ruled.take((an_instance(id="a"),))
    assert "" == ruled.why_none
    ruled.follow({"a": DISABLED}, "instances of service demo.Shop, version 3")
    assert "all 1 that are known are disabled by instances of service demo.Shop, version 3" == (
        ruled.why_none
    )
