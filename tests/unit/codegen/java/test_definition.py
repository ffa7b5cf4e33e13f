"""
The JSON of a definition.
"""

from __future__ import annotations

import pytest

from rpcfw.codegen.java.definition import read_definition
from rpcfw.codegen.java.errors import DefinitionError
from tests.unit.codegen.java.definitions import a_definition, a_type


def test_methods_are_sorted_and_each_is_there_once():
    """
    Java lists methods in any order, and an inherited one perhaps twice.
    """
    say = ("say", "java.lang.String", "int")
    found = read_definition(a_definition(say, ("get", "void"), say), "here")
    assert ["get()", "say(int)"] == [each.signature for each in found.methods]


def test_what_dubbo_2_publishes_is_read():
    """
    There, the type of a property is an object, and constants are in ``enum``.
    """
    types = [
        a_type("a.Item", count={"type": "int"}, state={"$ref": "a.State"}),
        {"type": "a.State", "enum": ["NEW"], "typeBuilderName": "x"},
    ]
    found = read_definition(a_definition(("get", "a.Item"), types=types), "here")
    assert {"count": "int", "state": "State"} == {
        name: str(each) for name, each in found.classes["a.Item"].properties.items()
    }
    assert ("NEW",) == found.classes["a.State"].constants


def test_a_nested_interface_has_its_name_on_the_wire():
    """
    The parameter ``interface`` is that name; the canonical name is another.
    """
    parameters = {"interface": "com.acme.Shop$Inner", "version": "1.0.0", "x": 'y"""'}
    found = read_definition(a_definition(parameters=parameters), "here")
    assert ("com.acme.Shop$Inner", "version 1.0.0") == (found.name, found.origin)
    assert "x" not in found.parameters


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "here: expected the JSON of a Dubbo service definition"),
        (b"[" * 100_000, "here: expected the JSON of a Dubbo service definition"),
        (b'{"methods": []}', "canonicalName"),
        (b'{"canonicalName": "\xff"}', "here: expected the JSON of a Dubbo service definition"),
        (a_definition(("x()", "void")), r"methods: expected a name as Java allows it, got 'x\(\)'"),
        (a_definition(("x", "a.B'")), "method x: expected a Java type, got"),
        (a_definition(("x", "void", *["int"] * 256)), "at most 255 parameters, got 256"),
        (a_definition(types=[a_type("a.B", **{"x = 1": "int"})]), "expected a name as Java"),
        (a_definition(types=[a_type("a.B", x=7)]), "property x: expected the name of a type"),
        (a_definition(types=[a_type("a.B(C)", x="int")]), "expected the name of a Java class"),
        (a_definition(types=[{"type": "a.B", "enums": ['A"']}]), "expected a name as Java"),
        (a_definition(canonicalName='a.B", name="c'), "expected the name of a Java class"),
    ],
)
def test_what_java_does_not_allow_is_refused(data, reason):
    """
    The error says what was expected and where.
    """
    with pytest.raises(DefinitionError, match=reason):
        read_definition(data, "here")


def test_a_parameter_that_cannot_be_shown_is_ignored():
    """
    Only parameters of plain text are taken, also the name of the interface.
    """
    found = read_definition(a_definition(parameters={"interface": "a b", "version": None}), "here")
    assert ("com.acme.Shop", {}) == (found.name, found.parameters)
