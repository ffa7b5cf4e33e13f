"""
The store of a registry server.
"""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfw_registries.standalone.node.catalog import Catalog, CatalogFull, Changes, Limits
from rpcfw_registries.standalone.updates import hash_of_list, hash_of_record

SERVICES = ("demo.A", "demo.B", "demo.C")


class Follower:
    """
    One who knows a service by what `Catalog.changes` told.
    """

    def __init__(self, service):
        self.service = service
        self.number = None
        self.known = {}

    def catch_up(self, catalog):
        changes = catalog.changes(self.service, self.number)
        if changes.complete:
            self.known = {}
        for record in changes.put:
            self.known[record.split(b"=")[0].decode()] = record
        for gone in changes.gone:
            del self.known[gone]
        self.number = changes.number
        return changes


def record(id, value):
    """
    Return a record that says its id.
    """
    return f"{id}={value}".encode()


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "remove", "ask"]),
        st.sampled_from(SERVICES),
        st.integers(0, 5),
        st.integers(0, 3),
    ),
    max_size=80,
)


@given(STEPS, st.integers(1, 3), st.integers(1, 3))
def test_whoever_asks_knows_what_is_there(steps, tombstones, services):
    """
    Whenever one asks, and however little is remembered, one then knows the list.
    """
    catalog = Catalog(Limits(services=services, tombstones=tombstones))
    truth = {service: {} for service in SERVICES}
    followers = [Follower(service) for service in SERVICES for _ in range(2)]
    for what, service, number, value in steps:
        name = f"i{number}"
        if what == "put":
            try:
                catalog.put(service, name, record(name, value), "me")
            except CatalogFull:
                continue
            truth[service][name] = record(name, value)
        elif what == "remove":
            assert (name in truth[service]) == catalog.remove(service, name)
            truth[service].pop(name, None)
        else:
            follower = followers[number % len(followers)]
            follower.catch_up(catalog)
            assert truth[follower.service] == follower.known
    for follower in followers:
        follower.catch_up(catalog)
        assert truth[follower.service] == follower.known


def test_tells_what_is_new_alone():
    """
    Who knows all up to a number is told no more than what came after it.
    """
    catalog = Catalog()
    for number in range(1000):
        catalog.put("demo.A", f"i{number}", b"x", "me")
    known = catalog.changes("demo.A", None)
    catalog.put("demo.A", "i7", b"y", "me")
    catalog.put("demo.A", "i7", b"z", "me")
    catalog.remove("demo.A", "i8")
    assert Changes(1003, False, (b"z",), ("i8",)) == catalog.changes("demo.A", known.number)


@pytest.mark.parametrize(("instances", "remembered"), [(3, 16), (100, 100), (2000, 1000)])
def test_no_more_removals_than_instances_are_remembered(instances, remembered):
    """
    Ids that come and go fill no memory: what is remembered is bounded by what is there.

    Who missed more gets the list, which is shorter then.
    """
    catalog = Catalog()
    for number in range(instances):
        catalog.put("demo.A", f"i{number}", b"x", "me")
    numbers = []
    for number in range(1100):
        numbers.append(catalog.number("demo.A"))
        catalog.put("demo.A", f"short-lived-{number}", b"x", "me")
        catalog.remove("demo.A", f"short-lived-{number}")
    few = catalog.changes("demo.A", numbers[-remembered])
    assert (False, remembered) == (few.complete, len(few.gone))
    many = catalog.changes("demo.A", numbers[-remembered - 1])
    assert (True, instances) == (many.complete, len(many.put))


def test_the_same_again_is_no_change():
    """
    Announcing anew what is there wakes nobody.
    """
    catalog = Catalog()
    woken = []
    catalog.listen(woken.append)
    catalog.put("demo.A", "a", b"x", "me")
    catalog.put("demo.A", "a", b"x", "me")
    assert ["demo.A"] == woken
    assert 1 == catalog.changes("demo.A", None).number


def test_only_the_owner_removes():
    """
    Who was overtaken by another under the same id does not remove the other's.
    """
    catalog = Catalog()
    catalog.put("demo.A", "a", b"x", "old process")
    catalog.put("demo.A", "a", b"x", "new process")
    assert not catalog.remove("demo.A", "a", "old process")
    assert catalog.remove("demo.A", "a", "new process")


def test_numbers_from_the_future_get_the_whole_list():
    """
    A number that was never given is not believed.
    """
    catalog = Catalog()
    catalog.put("demo.A", "a", b"x", "me")
    assert catalog.changes("demo.A", 2).complete
    assert catalog.changes("demo.A", -1).complete


def test_numbers_of_one_service():
    """
    A change of another service leaves the number of a service as it is.
    """
    catalog = Catalog()
    catalog.put("demo.A", "a", b"x", "me")
    catalog.put("demo.B", "a", b"x", "me")
    assert [1, 2, 0] == [catalog.number(f"demo.{one}") for one in "ABC"]
    catalog.remove("demo.A", "a")
    assert [3, 2] == [catalog.number(f"demo.{one}") for one in "AB"]


def test_hashes_of_equal_lists_are_equal():
    """
    The hash depends on the records alone: not on their order, their owners or their history.
    """
    one, other = Catalog(), Catalog()
    for id, record in (("a", b"1"), ("b", b"2"), ("c", b"3"), ("b", b"4")):
        one.put("demo.A", id, record, "me")
    one.remove("demo.A", "c")
    assert one.hash("demo.A") != other.hash("demo.A")
    for id, record in (("b", b"4"), ("a", b"1")):
        other.put("demo.A", id, record, "you")
    assert one.hash("demo.A") == other.hash("demo.A")
    assert hash_of_list(map(hash_of_record, (b"1", b"4"))) == other.hash("demo.A")
    other.remove("demo.A", "a")
    other.remove("demo.A", "b")
    assert other.hash("demo.Unknown") == other.hash("demo.A")


def test_refuses_more_than_its_limits():
    """
    Each limit is named when it is reached, and there is room again afterwards.
    """
    catalog = Catalog(Limits(services=2, instances=3, total_bytes=10))
    catalog.put("demo.A", "a", b"12345", "me")
    with pytest.raises(CatalogFull, match="10 bytes"):
        catalog.put("demo.B", "a", b"123456", "me")
    with pytest.raises(CatalogFull, match="10 bytes"):
        catalog.put("demo.A", "a", b"12345678901", "me")
    catalog.put("demo.B", "a", b"1", "me")
    with pytest.raises(CatalogFull, match="2 services"):
        catalog.put("demo.C", "a", b"1", "me")
    catalog.put("demo.B", "b", b"1", "me")
    with pytest.raises(CatalogFull, match="3 instances"):
        catalog.put("demo.B", "c", b"1", "me")
    catalog.remove("demo.A", "a")
    catalog.put("demo.C", "a", b"123456", "me")
    assert ["demo.B", "demo.C"] == catalog.services()


def test_a_full_catalog_looks_through_nothing():
    """
    A new service costs a full catalog the same, however many services it holds.
    """

    def lines_of_a_put(services):
        catalog = Catalog(Limits(services=services))
        for number in range(services - 1):
            catalog.put(f"s{number}", "i", b"", "o")
        catalog.put("empty", "i", b"", "o")
        catalog.remove("empty", "i")
        return lines_run(lambda: catalog.put("new", "i", b"", "o"))

    assert lines_of_a_put(10) == lines_of_a_put(1000)


def lines_run(function):
    """
    Return how many lines of Python a call of a function runs.
    """
    count = 0

    def trace(frame, event, argument):
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count
