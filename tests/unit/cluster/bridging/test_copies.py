"""
Which copies a bridge keeps.
"""

from __future__ import annotations

from attrs import evolve

from rpcfw.cluster.bridging.copies import BRIDGE_TAG, is_copy, wanted_copies
from rpcfw.testing.contracts.registry_case import an_instance


def only(copies):
    (copy,) = copies.values()
    return copy


def test_a_copy_has_all_facts():
    """
    All that an instance says travels; the copy has its own id, and a tag with the bridge.
    """
    instance = an_instance(
        protocols=("tri", "grpc"),
        group="blue",
        version="2",
        zone="z1",
        started_at=5.0,
        tags={"dubbo.tag": "gray"},
        methods=("say",),
    )
    copy = only(wanted_copies([instance], [], "b1"))

    tags = {"dubbo.tag": "gray", BRIDGE_TAG: "b1"}
    assert evolve(instance, id=f"{instance.id}.b1", tags=tags) == copy
    assert is_copy(copy)
    assert not is_copy(instance)


def test_copies_are_not_copied():
    """
    Whatever bridge keeps a copy, no bridge copies it again.
    """
    copy = only(wanted_copies([an_instance()], [], "b1"))

    assert {} == wanted_copies([copy], [], "b1") == wanted_copies([copy], [], "b2")


def test_an_instance_in_both_registries_has_no_copy():
    """
    It is the id and the address that say so: a restarted provider has another id.
    """
    here = an_instance(id="a")
    moved = an_instance(id="a", weight=7)
    restarted = an_instance(id="b")

    assert {} == wanted_copies([here], [moved], "b1")
    assert ["a.b1"] == [*wanted_copies([here], [restarted], "b1")]


def test_bridges_share_the_weight():
    """
    Two bridges give an instance its weight together, and no weight becomes 0 by that.
    """
    other = only(wanted_copies([an_instance(weight=100)], [], "b2"))

    def weight(number):
        return only(wanted_copies([an_instance(weight=number)], [other], "b1")).weight

    assert [50, 1, 0] == [weight(100), weight(1), weight(0)]
    assert 100 == only(wanted_copies([an_instance(weight=100)], [], "b1")).weight


def test_its_own_copy_takes_no_share():
    """
    A bridge sees its own copies in the list, and they change nothing.
    """
    copies = wanted_copies([an_instance()], [], "b1")

    assert copies == wanted_copies([an_instance()], copies.values(), "b1")
