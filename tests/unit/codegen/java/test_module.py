"""
The module that is written for an interface.
"""

from __future__ import annotations

import ast
import dataclasses
import enum

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfw.codegen.java.definition import read_definition
from rpcfw.codegen.java.errors import DefinitionError
from rpcfw.codegen.java.module import stub_module
from rpcfw.spi.service_class import offered
from rpcfw_dubbo.descriptors import java_types, parse_signature
from rpcfw_hessian import dumps, loads
from rpcfw_hessian.annotations import declared_class, java_name_of_field
from tests.unit.codegen.java.definitions import FOLDER, a_type, module, written
from tests.unit.codegen.java.test_names import IDENTIFIERS
from tests.unit.codegen.java.written import catalog, orders


@pytest.mark.parametrize("name", ["orders", "catalog"])
def test_what_is_written(name):
    """
    Of what Dubbo 3.2.16 published of two interfaces, this is written. (The linter reads it, too.)

    To write it again: rpcfw java-stubs --definition orders.json -o written/orders.py
    """
    definition = read_definition((FOLDER / f"{name}.json").read_bytes(), name)
    expected = (FOLDER / "written" / f"{name}.py").read_text()
    assert expected == stub_module(definition)


@pytest.mark.parametrize(
    ("name", "service"), [("orders", orders.OrderService), ("catalog", catalog.Catalog)]
)
def test_java_types_are_exact(name, service):
    """
    A provider finds a method by the Java types of its parameters.
    """
    definition = read_definition((FOLDER / f"{name}.json").read_bytes(), name)
    expected = {each.signature for each in definition.methods}
    assert expected == {wire_signature(one.method) for one in offered(service)}


def wire_signature(method):
    """
    Return the name and the Java types that a client sends.
    """
    name, types = parse_signature(method.name)
    if types is None:
        fields = msgspec.structs.fields(method.request_type)
        types = java_types({each.name: each.type for each in fields}, name)
    return f"{name}({','.join(types)})"


def test_values_come_back():
    """
    The classes carry values through Hessian.
    """
    order = orders.Order(id=7, lines=[orders.Line(2, "tea")], state=orders.State.PAID)
    assert order == loads(dumps(order), orders.Order)
    item = catalog.Sub(url=1, from_=2, list_=[catalog.Item(item_name="x")], data=b"y")
    assert item == loads(dumps(item), catalog.Sub)
    assert catalog.Kind["None"] is loads(dumps(catalog.Kind["None"]), catalog.Kind)


def test_names_of_fields_are_those_of_java():
    """
    What is not the same in camelCase is in ``names``.
    """
    names = {each.name for each in dataclasses.fields(catalog.Item)}
    found = {java_name_of_field(catalog.Item, name) for name in names}
    assert {"URL", "from", "isOk", "itemName", "parent"} == found
    assert "com.acme.Catalog$Item$Inner" == declared_class(catalog.Inner)


def test_only_what_is_needed_is_written():
    """
    Classes that no method reaches are left out, and imports that nothing uses.
    """
    types = [a_type("a.Used", next="a.Used"), a_type("a.Unused", when="java.util.Date")]
    text = written(("get", "a.Used"), types=types)
    assert "class Used:" in text
    assert "Unused" not in text
    assert "datetime" not in text


def test_methods_that_stream_are_left_out():
    """
    Dubbo's own protocol has no streams; the docstring says that they are missing.
    """
    observer = "org.apache.dubbo.common.stream.StreamObserver<java.lang.String>"
    text = written(("get", "void"), ("watch", "void", observer))
    assert "Left out: 1 methods that stream." in text
    assert "watch" not in text


def test_the_result_of_a_future_is_its_value():
    """
    A CompletableFuture is on the wire what it completes with.
    """
    text = written(("get", "java.util.concurrent.CompletableFuture<java.lang.Long>"))
    assert "async def get(self) -> Long | None:" in text


def test_values_that_python_cannot_hash_are_in_no_set():
    """
    A set of objects is a list that is sent as a set; a map by such keys is not typed.
    """
    types = [a_type("a.B", x="int")]
    text = written(("get", "java.util.Set<a.B>", "java.util.Map<a.B,int>"), types=types)
    assert '-> Annotated[list[B], java_type("java.util.HashSet")] | None' in text
    assert "arg0: Any" in text


@pytest.mark.parametrize("constant", ["mro", "name", "_x_"])
def test_an_enum_that_python_cannot_have_is_not_typed(constant):
    """
    Members of an Enum cannot have some names.
    """
    text = written(("get", "a.State"), types=[{"type": "a.State", "enums": [constant]}])
    assert "async def get(self) -> Any:" in text


def test_methods_that_may_be_repeated_say_so():
    """
    Who writes the module decides, by Java's names.
    """
    definition = read_definition((FOLDER / "orders.json").read_bytes(), "orders")
    names = module(stub_module(definition, {"get", "say"}.__contains__))
    found = {one.attribute for one in offered(names["OrderService"]) if one.method.idempotent}
    assert {"get", "say_int", "say_string"} == found


HOSTILE = (
    '"""',
    "\\",
    'x"); import os; ("',
    "x\nimport os",
    "x # y",
    "{x}",
    "x\x00",
    "x\u2028y",
    "x\u202ey",
    "__import__('os')",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_a_definition_becomes_code(text):
    """
    What is no name is refused, wherever it stands, or does not reach the module.
    """
    for change in (
        {"canonicalName": text},
        {"methods": [{"name": text}]},
        {"methods": [{"name": "x", "returnType": text}]},
        {"methods": [{"name": "x", "parameterTypes": [text]}]},
        {"types": [a_type(text, x="int")]},
        {"types": [a_type("a.B", **{text: "int"})]},
        {"types": [a_type("a.B", x=text)]},
        {"types": [{"type": "a.B", "enums": [text]}]},
    ):
        with pytest.raises(DefinitionError):
            written(**change)
    shown = dict.fromkeys(("version", "group", "application", "interface"), text)
    assert text not in written(parameters=shown).replace('"""', "", 4)


TYPES = st.recursive(
    st.sampled_from(["int", "java.lang.String", "java.util.Date", "T", "java.util.List", "a.B"])
    | IDENTIFIERS.map("com.acme.{}".format),
    lambda inner: (
        inner.map("java.util.Set<{}>".format)
        | inner.map("{}[]".format)
        | st.tuples(inner, inner).map(lambda pair: "java.util.Map<{},{}>".format(*pair))
    ),
    max_leaves=4,
)
CLASSES = st.builds(
    lambda name, properties: {"type": f"com.acme.{name}", "properties": properties},
    IDENTIFIERS,
    st.dictionaries(IDENTIFIERS, TYPES, max_size=4),
) | st.builds(
    lambda name, constants: {"type": f"com.acme.{name}", "enums": constants},
    IDENTIFIERS,
    st.lists(IDENTIFIERS, max_size=3),
)
METHODS = st.tuples(IDENTIFIERS, TYPES, TYPES)


@given(st.lists(METHODS, max_size=4), st.lists(CLASSES, max_size=4))
def test_whatever_java_allows_can_be_imported(methods, types):
    """
    The module is Python, calls nothing but what it should, and its classes can be made.
    """
    reached = [(f"use{number}", one["type"]) for number, one in enumerate(types)]
    text = written(*methods, *reached, types=types)
    calls = [node.func for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    names = {ast.unparse(each.func if isinstance(each, ast.Call) else each) for each in calls}
    assert names <= {"java", "java_type", "rpcfw.method", "Unimplemented", "Enum"}
    for value in module(text).values():
        if dataclasses.is_dataclass(value):
            assert value() == loads(dumps(value()), value)
        elif isinstance(value, enum.EnumMeta) and value is not enum.Enum:
            assert all(each.name == each.value for each in value)
