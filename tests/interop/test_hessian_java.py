"""
What we write is read by hessian-lite in Java, which writes it again; and we read that.
"""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rpcfw_hessian import BigInteger, JavaException, Long, dumps, java_type, loads
from tests.interop.dubbo_orders import Line, Node, Order, State
from tests.property.test_hessian import DATES, DECIMALS, FLOATS, INTS, LONGS, TEXTS, whole

TEXT = TEXTS.map(whole)
ORDERS = st.builds(
    Order,
    id=LONGS,
    customer=st.none() | TEXT,
    state=st.none() | st.sampled_from(State),
    created=st.none() | DATES,
    price=st.none() | DECIMALS,
    paid=st.booleans(),
    weight=FLOATS,
    lines=st.lists(st.builds(Line, st.none() | TEXT, INTS), max_size=9),
    labels=st.dictionaries(TEXT, TEXT, max_size=4),
)
PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | FLOATS
    | TEXT
    | st.binary()
    | DATES
    | st.dates()
    | st.times()
    | st.datetimes()
    | st.timedeltas()
    | st.uuids()
    | DECIMALS,
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=12,
)
TYPED = st.one_of(
    *(
        st.tuples(st.just(type), values)
        for type, values in (
            (Any, PLAIN),
            (Order, ORDERS),
            (list[Order], st.lists(ORDERS, max_size=3)),
            (list[Long], st.lists(LONGS)),
            (set[str], st.sets(TEXT)),
            (Annotated[list[int], java_type("int[]")], st.lists(INTS)),
            (Annotated[list[str], java_type("java.lang.String[]")], st.lists(TEXT)),
            (Annotated[set[int], java_type("java.util.TreeSet")], st.sets(INTS)),
            (dict[State, int], st.dictionaries(st.sampled_from(State), INTS)),
            (BigInteger, st.integers(-(2**200), 2**200)),
        )
    )
)


@pytest.fixture(scope="module")
def java(java_peers):
    """
    A program in Java that reads values and writes them again.
    """
    with java_peers.start("HessianEcho") as program:
        program.line("READY")
        yield program


def echoed(java, data: bytes) -> bytes:
    """
    Return what Java writes for the value that it read.
    """
    answer = java.ask(data.hex()).removeprefix("ECHO ")
    assert not answer.startswith("failed"), answer
    return bytes.fromhex(answer)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TYPED)
def test_values_come_back_from_java(java, typed):
    """
    A value that went through Java is equal to what was sent.
    """
    type, value = typed

    assert value == loads(echoed(java, dumps(value, type)), type)


def test_a_cycle_comes_back_from_java(java):
    """
    An object that refers to itself, over another one, is one in Java too.
    """
    node = Node("a", Node("b"))
    node.next.next = node

    found = loads(echoed(java, dumps(node)), Node)

    assert found is found.next.next
    assert ("a", "b") == (found.name, found.next.name)


def test_long_texts_come_back_from_java(java):
    """
    Texts and binaries of many parts are read by Java, and what it writes is read here.
    """
    for value in ("\U0001f600" * 40_000, "é" * 32_769, "a" * 70_000, bytes(70_000)):
        assert value == loads(echoed(java, dumps(value)))


def test_an_exception_comes_back_from_java(java):
    """
    Java makes an exception of a message and a cause, and its own has a stack.
    """
    sent = JavaException(
        "java.lang.IllegalStateException", "boom", cause=JavaException("java.io.IOException", "io")
    )

    found = loads(echoed(java, dumps(sent)))

    assert ("java.lang.IllegalStateException: boom", "java.io.IOException: io") == (
        str(found),
        str(found.__cause__),
    )
