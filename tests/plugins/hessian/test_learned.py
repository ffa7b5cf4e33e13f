"""
Which of many keys have a place: the first ones, and those that come often.
"""

from __future__ import annotations

import tracemalloc

from rpcfw_hessian import JavaObject, Schema
from rpcfw_hessian.learned import Learned
from tests.plugins.hessian.test_records import Circle


def test_the_first_keys():
    """
    Each has a place at once, while there are any.
    """
    learned = Learned[str, int](2)
    for key in "ab":
        assert learned.is_due(key)
        learned.put(key, 1)
    assert not learned.is_due("c")


def test_a_key_that_comes_often():
    """
    It gets the place of the oldest, and others are kept.
    """
    learned = Learned[str, int](2)
    for key in "ab":
        learned.put(key, 1)
    asked = 1
    while not learned.is_due("c"):
        asked += 1
    learned.put("c", 1)

    assert asked == 100
    assert list(learned.known) == ["b", "c"]


def test_keys_that_never_come_again():
    """
    None of them gets a place, and they leave nothing.
    """
    learned = Learned[str, int](1)
    learned.put("a", 1)
    tracemalloc.start()
    assert not any(learned.is_due(f"{number}" * 1000) for number in range(5000))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert list(learned.known) == ["a"]
    assert taken < 256 << 10


def test_what_came_before_is_not_changed():
    """
    Another thread may be looking through it.
    """
    learned = Learned[str, int](1)
    before = learned.known
    learned.put("a", 1)
    assert not before


def test_definitions_of_a_peer_with_many():
    """
    It does not keep the others away: a definition that comes often is read by a written function.
    """
    schema = Schema()
    shape = schema.shape(Circle)
    usual = schema.dumps(JavaObject("com.acme.Circle", {"radius": 7, "name": "a"}))
    others = [f"x{number}" for number in range(40)]
    for count in range(40):
        fields = dict.fromkeys(others[:count]) | {"name": "a"}
        assert Circle("a") == schema.loads(schema.dumps(JavaObject("com.acme.Circle", fields)))
    assert not shape.is_lasting(("radius", "name"))
    for _ in range(100):
        assert Circle("a", 7) == schema.loads(usual, Circle)
    assert shape.is_lasting(("radius", "name"))
