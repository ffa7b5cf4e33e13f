"""
Names of Java as names of Python.
"""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfw.codegen.java.definition import JavaMethod
from rpcfw.codegen.java.names import USED, attribute_names, class_names, is_plain, method_names
from rpcfw.codegen.java.types import JavaType, parse_type
from rpcfw.spi.service import Service

IDENTIFIERS = st.from_regex(r"(?:[^\W\d]|\$)[\w$]{0,12}", fullmatch=True)


def a_method(name, *parameters):
    return JavaMethod(
        name, tuple(parse_type(each, "test") for each in parameters), JavaType("void")
    )


@pytest.mark.parametrize(
    ("java", "python"),
    [
        ("orderId", "order_id"),
        ("URL", "url"),
        ("from", "from_"),
        ("date", "date_"),
        ("__init__", "init__"),
        ("$price", "price"),
        ("_1", "java_1"),
        ("ﬁnd", "find"),
        ("größe", "größe"),
    ],
)
def test_attributes(java, python):
    """
    They are in snake_case, no keyword, and hide nothing that annotations name.
    """
    assert {java: python} == attribute_names([java], ())


def test_properties_that_would_meet_are_numbered():
    """
    Two properties never become one attribute.
    """
    found = attribute_names(["orderId", "order_id", "OrderId"], ())
    assert {"order_id", "order_id_2", "order_id_3"} == set(found.values())


@pytest.mark.parametrize(
    ("java", "python"),
    [
        (["com.acme.Order"], ["Order"]),
        (["com.acme.Order$Line"], ["Line"]),
        (["a.v1.Order", "a.v2.Order", "a.Item"], ["V1Order", "V2Order", "Item"]),
        (["a.b.Order", "c.b.Order"], ["ABOrder", "CBOrder"]),
        (["x.a.b.Order", "y.a.b.Order"], ["ABOrder", "ABOrder_2"]),
        (["com.acme.Decimal", "com.acme.Any"], ["Decimal_", "Any_"]),
        (["com.acme.order", "com.acme.None"], ["Order", "None_"]),
    ],
)
def test_classes(java, python):
    """
    The last part of the name is enough unless two have it, or the module uses it.
    """
    found = class_names(java)
    assert python == [found[name] for name in java]


def test_overloads_are_told_apart_by_their_types():
    """
    So their names stay when the next overload comes, in whatever order Java lists them.
    """
    methods = [
        a_method("find"),
        a_method("find", "java.lang.String", "int"),
        a_method("find", "a.Order[]"),
        a_method("find", "b.Order[]"),
        a_method("get", "int"),
        a_method("class"),
        a_method("started"),
        a_method("rpcfw"),
    ]
    assert [
        "find",
        "find_string_int",
        "find_order_array",
        "find_order_array_2",
        "get",
        "class_",
        "started_",
        "rpcfw_",
    ] == [name for name, _ in method_names(methods, {})]


@given(st.lists(IDENTIFIERS, max_size=6, unique=True))
def test_whatever_java_allows_python_does_too(names):
    """
    Every name of Java gets a name that Python keeps as it is, and no two get the same.
    """
    attributes = attribute_names(names, ["Order"])
    methods = [name for name, _ in method_names([a_method(each) for each in names], {})]
    classes = class_names([f"com.{name}" for name in names])
    for found in (list(attributes.values()), methods, list(classes.values())):
        assert len(names) == len(set(found))
        assert all(map(is_plain, found))
        assert not USED.intersection(found)
        assert not any(map(keyword.iskeyword, found))
    assert not any(hasattr(Service, name) for name in methods)
