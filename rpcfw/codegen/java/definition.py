"""
The definition of an interface: the JSON of Dubbo's ``ServiceDefinition``, checked.

Dubbo 3 gives the type of each property as text, Dubbo 2.7 as an object.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from attrs import frozen

from rpcfw.codegen.java.errors import DefinitionError
from rpcfw.codegen.java.types import JavaType, parse_class, parse_type

__all__ = ["JavaClass", "JavaMethod", "ServiceDefinition", "read_definition"]

_IDENTIFIER = re.compile(r"(?:[^\W\d]|\$)[\w$]*\Z")
#: What is shown of a provider in the text that is written.
_PLAIN = re.compile(r"[\w.:/$-]{1,200}\Z")
#: Far more than any interface has.
_MAX_METHODS, _MAX_PARAMETERS, _MAX_TYPES, _MAX_MEMBERS = 10_000, 255, 20_000, 10_000


@frozen
class JavaMethod:
    """
    A method of the interface.
    """

    name: str
    parameters: tuple[JavaType, ...]
    result: JavaType

    @property
    def signature(self) -> str:
        """
        The method as the wire knows it, with the Java types that tell overloads apart.
        """
        return f"{self.name}({','.join(each.erased for each in self.parameters)})"

    def __str__(self) -> str:
        return f"{self.result} {self.name}({', '.join(map(str, self.parameters))})"


@frozen
class JavaClass:
    """
    A class of values: with properties, or with constants if it is an enum.
    """

    name: str
    properties: Mapping[str, JavaType]
    constants: tuple[str, ...]


@frozen
class ServiceDefinition:
    """
    An interface.

    Args:
        name: of the service on the wire.
        methods: without duplicates, sorted by name and types.
        classes: by full name, with dots before the names of nested classes.
        parameters: of the provider: version, group, application.
    """

    name: str
    methods: tuple[JavaMethod, ...]
    classes: Mapping[str, JavaClass]
    parameters: Mapping[str, str]

    @property
    def origin(self) -> str:
        """
        Which provider published it, in words.
        """
        return ", ".join(
            f"{name} {self.parameters[name]}"
            for name in ("version", "group", "application")
            if name in self.parameters
        )


class _Method(msgspec.Struct):
    name: str
    parameterTypes: list[str] = []  # noqa: N815 - as in the JSON
    returnType: str = "void"  # noqa: N815


class _Type(msgspec.Struct):
    type: str = ""
    properties: dict[str, Any] | None = None
    enums: list[str] | None = None
    enum: list[str] | None = None


class _Definition(msgspec.Struct):
    canonicalName: str  # noqa: N815
    methods: list[_Method]
    types: list[_Type] = []
    parameters: dict[str, Any] | None = None


def read_definition(data: bytes, where: str) -> ServiceDefinition:
    """
    Read a definition.

    Args:
        where: it comes from, for errors.

    Raises:
        DefinitionError: it is none.
    """
    try:
        found = msgspec.json.decode(data, type=_Definition)
    except (ValueError, RecursionError) as error:
        raise DefinitionError(
            f"{where}: expected the JSON of a Dubbo service definition: {error}"
        ) from None
    _at_most(len(found.methods), _MAX_METHODS, "methods", where)
    _at_most(len(found.types), _MAX_TYPES, "types", where)
    methods = {each.signature: each for each in (_method(one, where) for one in found.methods)}
    classes = (_class(one, where) for one in found.types if "<" not in one.type)
    parameters = _parameters(found.parameters)
    # The canonical name of a nested interface is not its name on the wire.
    name = parse_class(parameters.get("interface") or found.canonicalName, f"{where}: name")
    return ServiceDefinition(
        name,
        tuple(methods[signature] for signature in sorted(methods)),
        {each.name: each for each in classes if each is not None},
        parameters,
    )


def _at_most(count: int, limit: int, what: str, where: str) -> None:
    if count > limit:
        raise DefinitionError(f"{where}: expected at most {limit} {what}, got {count}")


def _parameters(found: Mapping[str, Any] | None) -> dict[str, str]:
    """
    Return the parameters that may be shown.
    """
    texts = {name: value for name, value in (found or {}).items() if type(value) is str}
    return {name: value for name, value in texts.items() if _PLAIN.match(value)}


def _method(found: _Method, where: str) -> JavaMethod:
    name = _identifier(found.name, f"{where}: methods")
    where = f"{where}: method {name}"
    _at_most(len(found.parameterTypes), _MAX_PARAMETERS, "parameters", where)
    parameters = tuple(parse_type(text, where) for text in found.parameterTypes)
    return JavaMethod(name, parameters, parse_type(found.returnType, where))


def _class(found: _Type, where: str) -> JavaClass | None:
    properties, constants = found.properties or {}, found.enums or found.enum or []
    if not properties and not constants:
        return None
    where = f"{where}: type {found.type[:100]!r}"
    name = parse_class(found.type, where).replace("$", ".")
    _at_most(max(len(properties), len(constants)), _MAX_MEMBERS, "members", where)
    return JavaClass(
        name,
        {
            _identifier(key, where): _property(value, f"{where}: property {key}")
            for key, value in properties.items()
        },
        tuple(_identifier(constant, where) for constant in dict.fromkeys(constants)),
    )


def _property(found: Any, where: str) -> JavaType:
    text = found.get("type") or found.get("$ref") if isinstance(found, dict) else found
    if not isinstance(text, str):
        raise DefinitionError(f"{where}: expected the name of a type")
    return parse_type(text, where)


def _identifier(name: str, where: str) -> str:
    if len(name) > _MAX_MEMBERS or not _IDENTIFIER.match(name):
        raise DefinitionError(f"{where}: expected a name as Java allows it, got {name[:100]!r}")
    return name
