"""
Forms of methods: a field for each argument, made from a schema, and a request made from a form.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from attrs import evolve, frozen

from rpcfw.app.tools.call_text import decoded
from rpcfw.codegen.java.definition import ServiceDefinition
from rpcfw.console.invocation import Invocation
from rpcfw.errors import SettingsError

__all__ = ["PREFIX", "FormField", "FormMethod", "java_methods", "method_of_schema"]

#: More fields than a person fills in are one text of JSON.
_MAX_FIELDS = 60
#: Begins the name of a field of a form, so that none is mistaken for another part of it.
PREFIX = "argument."

#: What reading a schema raises that is none.
_UNREADABLE = (msgspec.MsgspecError, RecursionError, TypeError, AttributeError, KeyError)

_KINDS = {"string": "text", "integer": "integer", "number": "number", "boolean": "yes or no"}


@frozen
class FormField:
    """
    One argument.

    Args:
        kind: ``text``, ``integer``, ``number``, ``yes or no``, ``choice`` or ``JSON``.
        default: as the form shows it.
        hint: what the type is, for a person.
    """

    name: str
    kind: str
    required: bool = False
    default: str = ""
    hint: str = ""
    choices: tuple[str, ...] = ()

    def read(self, text: str) -> Any:
        """
        Return the value that somebody has typed.

        Raises:
            SettingsError: it is none of this kind.
        """
        if self.kind in ("text", "choice"):
            return text
        if self.kind == "yes or no":
            return text == "yes"
        if self.kind == "JSON":
            return decoded(text.encode(), self.name)
        try:
            return int(text) if self.kind == "integer" else float(text)
        except ValueError:
            wanted = "an integer" if self.kind == "integer" else "a number"
            raise SettingsError(f"{self.name}: expected {wanted}; got {text[:50]!r}") from None


@frozen
class FormMethod:
    """
    One method.

    Args:
        name: as it is called.
        streams: a side of it streams.
        fields: None: the request is one text of JSON.
        listed: the arguments are a list, as Java's are.
        invocation: how it is called, if not with JSON.
    """

    name: str
    streams: bool = False
    fields: tuple[FormField, ...] | None = None
    listed: bool = False
    invocation: Invocation | None = None

    def request(self, form: Mapping[str, str]) -> Any:
        """
        Return the request that a form says.

        Raises:
            SettingsError: a field is missing, or has no value of its kind.
        """
        values: dict[str, Any] = {}
        for each in self.fields or ():
            text = form.get(PREFIX + each.name, "")
            if text or each.kind == "yes or no" or (each.kind == "text" and each.required):
                values[each.name] = each.read(text)
            elif each.required:
                raise SettingsError(f"{each.name}: expected a value of kind {each.kind}")
        return list(values.values()) if self.listed else values


def method_of_schema(
    name: str, shape: str, schema: str, invocation: Invocation | None = None
) -> FormMethod:
    """
    Return the form of a method with a JSON Schema; what it does not say is one text of JSON.

    Args:
        shape: the name of a `Shape`, in lower case.
    """
    client_streams = shape in ("client_stream", "bidi_stream")
    whole = FormMethod(name, shape != "unary", invocation=invocation)
    try:
        root = msgspec.json.decode(schema or "{}", type=dict[str, Any])
        fields = _fields(root)
    except _UNREADABLE:  # whoever made it
        return whole
    if client_streams or fields is None or len(fields) > _MAX_FIELDS:
        return whole
    return evolve(whole, fields=fields)


def _fields(root: dict[str, Any]) -> tuple[FormField, ...] | None:
    """
    Return a field for each property; None if it describes no object.
    """
    types = root.get("$defs", {})
    described = _resolved(root, types)
    properties = described.get("properties")
    if not isinstance(properties, dict):
        return None
    required = {*described.get("required", ())}
    return tuple(
        _field(name, _resolved(each, types), name in required) for name, each in properties.items()
    )


def _resolved(schema: dict[str, Any], types: dict[str, Any]) -> dict[str, Any]:
    """
    Return the type that a schema names; of one that may be null, the other type.
    """
    others = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    found = others[0] if len(others) == 1 else schema
    if "$ref" in found:
        found = types[found["$ref"].rpartition("/")[2]]
    default = {"default": schema["default"]} if "default" in schema else {}
    return {**found, **default}


def _field(name: str, schema: dict[str, Any], required: bool) -> FormField:
    kind = _KINDS.get(str(schema.get("type")), "JSON")
    choices = schema.get("enum")
    if isinstance(choices, list) and all(isinstance(each, str) for each in choices):
        shown = tuple(choices[:200])
        return FormField(name, "choice", required, str(schema.get("default") or ""), "", shown)
    default = schema.get("default")
    if default is None:
        text = ""
    elif kind == "yes or no":
        text = "yes" if default is True else ""
    elif kind == "JSON":
        text = msgspec.json.encode(default).decode()
    else:
        text = str(default)
    return FormField(name, kind, required, text, str(schema.get("type") or ""))


def java_methods(definition: ServiceDefinition) -> list[FormMethod]:
    """
    Return the forms of an interface in Java; its arguments have types, and no names.
    """
    return [
        FormMethod(
            each.signature,
            False,
            tuple(
                FormField(f"{at} {type}", _java_kind(type.erased), True, hint=str(type))
                for at, type in enumerate(each.parameters, 1)
            ),
            listed=True,
        )
        for each in definition.methods
    ]


def _java_kind(name: str) -> str:
    if name == "java.lang.String":
        return "text"
    if name in ("int", "long", "short", "byte", "java.lang.Integer", "java.lang.Long"):
        return "integer"
    if name in ("double", "float", "java.lang.Double", "java.lang.Float"):
        return "number"
    return "yes or no" if name in ("boolean", "java.lang.Boolean") else "JSON"
