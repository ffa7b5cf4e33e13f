"""
Forms of methods, and requests made from them.
"""

from __future__ import annotations

import json

import pytest

from rpcfw.codegen.java.definition import read_definition
from rpcfw.console.forms import PREFIX, FormMethod, java_methods, method_of_schema
from rpcfw.errors import SettingsError

SCHEMA = {
    "$ref": "#/$defs/put_arguments",
    "$defs": {
        "put_arguments": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "count": {"type": "integer", "default": 3},
                "now": {"type": "boolean", "default": True},
                "color": {"enum": ["red", "blue"]},
                "tags": {"type": "array", "items": {"type": "string"}, "default": []},
                "size": {"$ref": "#/$defs/Size", "default": "small"},
                "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            },
            "required": ["name", "color"],
        },
        "Size": {"enum": ["large", "small"]},
    },
}


def put():
    return method_of_schema("put", "unary", json.dumps(SCHEMA))


def request(method, **typed):
    return method.request({PREFIX + name: text for name, text in typed.items()})


def test_fields_of_a_schema():
    """
    Each argument has a field of its kind, with its default.
    """
    shown = [(each.name, each.kind, each.required, each.default) for each in put().fields]
    assert [
        ("name", "text", True, ""),
        ("count", "integer", False, "3"),
        ("now", "yes or no", False, "yes"),
        ("color", "choice", True, ""),
        ("tags", "JSON", False, "[]"),
        ("size", "choice", False, "small"),
        ("note", "text", False, ""),
    ] == shown


def test_a_request_of_a_form():
    """
    Texts become values; what is left empty is left out; what is not ticked is false.
    """
    typed = {"name": "", "count": "", "color": "red", "tags": '["a"]'}
    assert {"name": "", "now": False, "color": "red", "tags": ["a"]} == request(put(), **typed)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ({"name": "a"}, "color: expected a value"),
        ({"name": "a", "color": "red", "count": "x"}, "count: expected an integer; got 'x'"),
        ({"name": "a", "color": "red", "tags": "["}, "tags is no JSON"),
    ],
)
def test_mistakes(typed, reason):
    """
    A field that is missing or wrong is named.
    """
    with pytest.raises(SettingsError, match=reason):
        request(put(), **typed)


@pytest.mark.parametrize(
    "schema",
    [
        "",
        "{",
        "[]",
        '{"type": "string"}',
        '{"$ref": "#/$defs/none", "$defs": {}}',
        '{"properties": {"a": 7}}',
        '{"properties": {"a": {"anyOf": 7}}}',
        '{"properties": {"a": {"anyOf": [7]}}}',
        '{"properties": {"a": {"$ref": "#/$defs/b"}}, "$defs": {"b": 7}}',
        '{"properties": {}, "required": 7}',
        json.dumps({"properties": {f"a{n}": {} for n in range(61)}}),
    ],
)
def test_schemas_that_make_no_form(schema):
    """
    What is no schema of an object with a few fields is a text of JSON, whoever sent it.
    """
    assert FormMethod("put") == method_of_schema("put", "unary", schema)


def test_java():
    """
    A method in Java takes a list of arguments, by their places.
    """
    definition = {
        "canonicalName": "demo.Hello",
        "methods": [
            {
                "name": "say",
                "parameterTypes": ["java.lang.String", "int"],
                "returnType": "java.lang.String",
            }
        ],
        "types": [],
    }
    (say,) = java_methods(read_definition(json.dumps(definition).encode(), "a test"))
    assert "say(java.lang.String,int)" == say.name
    assert ["text", "integer"] == [each.kind for each in say.fields]
    typed = {each.name: text for each, text in zip(say.fields, ("bob", "7"), strict=True)}
    assert ["bob", 7] == request(say, **typed)
