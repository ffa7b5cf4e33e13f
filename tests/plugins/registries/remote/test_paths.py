"""
Names of services and instances as parts of a path.
"""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from rpcfw.testing.contracts.registry import an_instance
from rpcfw.values.instance import instance_to_json
from rpcfw_registries.remote.paths import decoded, encoded, normal_root, znode_name


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_any_name_is_one_part(name):
    """
    Whatever a service is called, its name is one printable part of a path, and comes back.
    """
    part = encoded(name)
    assert name == decoded(part)
    assert "/" not in part
    assert part not in (".", "..")
    assert part.isascii()
    assert part.isprintable()


def test_leaves_plain_names_alone():
    """
    The usual names stand in the path as they are.
    """
    assert "com.example.Greeter" == encoded("com.example.Greeter")


def test_node_names_change_with_the_record():
    """
    The same record has the same name; another record of the same instance another.
    """

    def name(instance):
        return znode_name(instance.id, instance_to_json(instance))

    one = an_instance(id="host-1:2200")
    assert name(one) == name(an_instance(id="host-1:2200"))
    assert name(one) != name(evolve(one, weight=1))
    assert name(one).startswith("host-1%3A2200~")


@pytest.mark.parametrize(("expected", "root"), [("/rpcfw", "/rpcfw/"), ("/a/b.c", "/a/b.c")])
def test_roots(expected, root):
    """
    A root is an absolute path; a slash at its end does not count.
    """
    assert expected == normal_root(root)


@pytest.mark.parametrize("root", ["", "/", "rpcfw", "/a//b", "/a/../b", "/a\n"])
def test_refuses_roots(root):
    """
    What no server would take as a path is refused.
    """
    with pytest.raises(ValueError, match=r"no path|which no path"):
        normal_root(root)
