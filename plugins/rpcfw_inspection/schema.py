"""
The methods of the services of a process, with the types of their arguments, for tools with forms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Annotated, Any

import msgspec
from attrs import frozen

from rpcfw.spi.builtin_service import BuiltinService
from rpcfw.spi.inspection import Inspection, ServedService
from rpcfw.spi.service import Service, method
from rpcfw.values.method import Method

__all__ = ["MethodSchema", "Schema", "SchemaService", "schema_of_message"]

#: So many methods are in one answer, and characters in the schema of one.
_MAX_METHODS = 500
_MAX_SCHEMA_CHARS = 64 << 10

#: Kinds of fields by ``FieldDescriptor.cpp_type``: the numbers are part of Protobuf's API.
_OF_PROTOBUF = {
    1: {"type": "integer"},
    2: {"type": "integer"},
    3: {"type": "integer"},
    4: {"type": "integer"},
    5: {"type": "number"},
    6: {"type": "number"},
    7: {"type": "boolean"},
    9: {"type": "string"},
    10: {"type": "object"},
}

Name = Annotated[str, msgspec.Meta(max_length=256)]


@frozen
class MethodSchema:
    """
    One method.

    Args:
        name: its name.
        shape: ``unary``, ``server_stream``, ``client_stream`` or ``bidi_stream``.
        schema: JSON Schema of the request; empty if the types cannot be described.
    """

    name: str
    shape: str
    schema: str


class Schema(BuiltinService):
    """
    Tells who may call this server which methods there are, and what they take.
    """

    def services(self, inspection: Inspection) -> Sequence[Service]:
        return [SchemaService(inspection)]


class SchemaService(Service, name="rpcfw.inspection.v1.Schema"):
    """
    Answers for the services of one process.

    Args:
        inspection: knows them.
    """

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection

    @method(idempotent=True)
    async def describe(self, service: Name) -> list[MethodSchema]:
        """
        Return the methods of a service, 500 at most; none if it is not served here.
        """
        served = (each for each in self._inspection.services() if each.name == service)
        return [each for found in served for each in _methods(found)]


def _methods(service: ServedService) -> Iterator[MethodSchema]:
    for each in islice(service.methods, _MAX_METHODS):
        yield MethodSchema(each.name, each.shape.name.lower(), _schema(each))


def _schema(called: Method) -> str:
    descriptor = getattr(called.request_type, "DESCRIPTOR", None)
    try:
        found = (
            _of_type(called.request_type) if descriptor is None else schema_of_message(descriptor)
        )
        text = msgspec.json.encode(found).decode()
    except (TypeError, ValueError, msgspec.MsgspecError):  # a type without a JSON Schema
        return ""
    return text if len(text) <= _MAX_SCHEMA_CHARS else ""


def _of_type(annotation: Any) -> dict[str, Any]:
    return msgspec.json.schema(annotation)


def schema_of_message(descriptor: Any) -> dict[str, Any]:
    """
    Return the fields of a Protobuf message, as Protobuf's JSON names them.
    """
    properties = {field.json_name: _of_field(field) for field in descriptor.fields}
    return {"title": descriptor.full_name, "type": "object", "properties": properties}


def _of_field(field: Any) -> dict[str, Any]:
    if field.is_repeated:
        return {"type": "array"}
    if field.enum_type is not None:
        return {"enum": [value.name for value in field.enum_type.values]}
    return _OF_PROTOBUF.get(field.cpp_type, {"type": "string"})
