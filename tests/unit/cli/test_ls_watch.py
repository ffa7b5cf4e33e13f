"""
``rpcfw ls --watch``: what is new in a list.
"""

from __future__ import annotations

import json

import attrs

from rpcfw.cli.ls_watch import InstanceChanges, as_json, as_text
from rpcfw.testing.contracts.registry import an_instance


def test_changes():
    """
    An instance is added, changed and removed once each; a list that is the same says nothing.
    """
    seen = []
    changes = InstanceChanges(lambda what, one, was: seen.append((what, one.id, was)))
    first = an_instance(id="a", service="demo.A")
    heavier = attrs.evolve(first, weight=first.weight + 1)
    for instances in ([first], [first], [heavier], []):
        changes.take("demo.A", instances)
    assert [("added", "a", None), ("changed", "a", first), ("removed", "a", None)] == seen


def test_lines():
    """
    A line says what differs, and shows no control characters; JSON has the whole instance.
    """
    before = an_instance(id="a", service="demo.A", version="1.0")
    after = attrs.evolve(before, version="2\x1b")
    line = as_text("12:00:00", "changed", after, before)
    assert f"12:00:00  changed  demo.A  {after.address}  version=1.0 -> 2\\x1b\n" == line
    record = json.loads(as_json("12:00:00", "removed", before))
    assert ("removed", "a") == (record["change"], record["instance"]["id"])
