"""
Instances and the records that registries keep of them.
"""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfw.printable import printable
from rpcfw.values.address import Address
from rpcfw.values.instance import (
    DEFAULT_WEIGHT,
    Instance,
    Snapshot,
    instance_from_json,
    instance_to_json,
)

TEXTS = st.text(max_size=20).map(printable)
NAMES = TEXTS.filter(bool)
INSTANCES = st.builds(
    Instance,
    service=NAMES,
    id=NAMES,
    address=st.builds(Address, st.just("tcp"), st.just("10.0.0.5"), st.integers(0, 65535)),
    protocols=st.lists(TEXTS, max_size=3).map(tuple),
    weight=st.integers(0, 1000),
    group=TEXTS,
    version=TEXTS,
    zone=TEXTS,
    started_at=st.floats(0, 4e9),
    tags=st.dictionaries(TEXTS, TEXTS, max_size=3),
)


def record(**over) -> bytes:
    """
    Return a record with some fields in another form.
    """
    fields = {"service": "demo.Greeter", "id": "a", "address": "tcp:10.0.0.5:2200", **over}
    return json.dumps(fields).encode()


@given(INSTANCES)
def test_instances_come_back(instance):
    """
    An instance is read back equal from its record.
    """
    assert instance == instance_from_json(instance_to_json(instance))


def test_defaults_take_no_room():
    """
    A record holds only what differs from the defaults.
    """
    instance = Instance("demo.Greeter", "a", Address("tcp", "10.0.0.5", 2200))

    assert json.loads(record()) == json.loads(instance_to_json(instance))
    assert DEFAULT_WEIGHT == instance_from_json(record()).weight


def test_a_record_of_a_newer_version():
    """
    Fields that are not known yet are skipped.
    """
    assert instance_from_json(record()) == instance_from_json(record(mood="good", more=[{}]))


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"demo.Greeter",
        b"[" * 200_000,
        b'{"more":' + b"[" * 200_000,
        record(address="nowhere"),
        record(address="tcp:10.0.0.5"),
        record(address="tcp:a\nb:80"),
        record(address=5),
        record(weight=-1),
        record(weight="5"),
        record(weight=1.5),
        record(weight=10**400),
        record(protocols="native"),
        record(tags={"a": 1}),
        record(id=None),
        record().replace(b'"a"', b"NaN"),
        record(started_at=0)[:-2] + b"1e999}",
    ],
    ids=lambda stored: stored[:40].decode("latin-1"),
)
def test_what_is_no_record(stored):
    """
    What a registry holds is not trusted: what is no record is a ValueError.
    """
    with pytest.raises(ValueError, match=r"."):
        instance_from_json(stored)


@given(st.one_of(st.binary(), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8,
).map(lambda value: record(tags=value, more=value))))  # fmt: skip
def test_any_record(stored):
    """
    Any bytes are an instance or a ValueError.
    """
    with contextlib.suppress(ValueError):
        instance_from_json(stored)


def test_tags_do_not_keep_instances_out_of_sets():
    """
    Instances can be kept in sets though their tags are a dict.
    """
    one = Instance("s", "a", Address("memory", "x"), tags={"a": "b"})
    same = Instance("s", "a", Address("memory", "x"), tags={"a": "b"})

    assert {one} == {one, same}
    assert one != Instance("s", "a", Address("memory", "x"), tags={"a": "c"})


def test_snapshots_with_the_same_instances_are_equal():
    """
    A snapshot is its instances, so an unchanged one is known as such.
    """
    instance = instance_from_json(record())

    assert Snapshot("s", (instance,)) == Snapshot("s", (instance_from_json(record()),))
