"""
Parses the text of a proto file into its descriptor: only the part of proto3 that is used here.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)

__all__ = ["read_file"]

_TOKEN = re.compile(r'//[^\n]*|"[^"]*"|[\w.]+|[{}=;<>,()]')
_SCALARS = {
    "double": FieldDescriptorProto.TYPE_DOUBLE,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "uint64": FieldDescriptorProto.TYPE_UINT64,
    "int32": FieldDescriptorProto.TYPE_INT32,
    "uint32": FieldDescriptorProto.TYPE_UINT32,
    "bool": FieldDescriptorProto.TYPE_BOOL,
    "string": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
}


def read_file(name: str, text: str) -> FileDescriptorProto:
    """
    Return the descriptor of the file ``name``.
    """
    file = FileDescriptorProto(name=name, syntax="proto3")
    tokens = _Tokens(text)
    for word in tokens:
        if word == "package":
            file.package = tokens.until(";")[0]
        elif word == "import":
            file.dependency.append(tokens.until(";")[0].strip('"'))
        elif word == "message":
            _message(tokens, file.message_type.add())
        elif word == "enum":
            _enum(tokens, file.enum_type.add())
        elif word == "service":
            _service(tokens, file.service.add())
        else:
            raise ValueError(
                f"{name}: expected package, import, message, enum or service, got {word!r}"
            )
    _resolve(file)
    return file


class _Tokens(Iterator[str]):
    def __init__(self, text: str) -> None:
        found = (match[0] for match in _TOKEN.finditer(text))
        self._left = iter([token for token in found if not token.startswith("//")])

    def __next__(self) -> str:
        return next(self._left)

    def until(self, end: str) -> list[str]:
        """
        Return the tokens before ``end`` and pass it.
        """
        return list(iter(self._left.__next__, end))


def _message(tokens: _Tokens, message: DescriptorProto) -> None:
    message.name = tokens.until("{")[0]
    for word in iter(tokens.__next__, "}"):
        if word == "message":
            _message(tokens, message.nested_type.add())
        elif word == "enum":
            _enum(tokens, message.enum_type.add())
        elif word == "oneof":
            message.oneof_decl.add(name=tokens.until("{")[0])
            for kind in iter(tokens.__next__, "}"):
                field = _field(message, [kind, *tokens.until(";")])
                field.oneof_index = len(message.oneof_decl) - 1
        else:
            _field(message, [word, *tokens.until(";")])


def _field(message: DescriptorProto, words: list[str]) -> FieldDescriptorProto:
    *kind, name, _, number = words
    field = message.field.add(name=name, number=int(number))
    field.label = FieldDescriptorProto.LABEL_OPTIONAL
    if kind[0] in ("repeated", "map"):
        field.label = FieldDescriptorProto.LABEL_REPEATED
    if kind[0] == "map":
        entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
        entry.options.map_entry = True
        _field(entry, [kind[2], "key", "=", "1"])
        _field(entry, [kind[4], "value", "=", "2"])
        field.type_name = entry.name
    elif kind[-1] in _SCALARS:
        field.type = _SCALARS[kind[-1]]
    else:
        field.type_name = kind[-1]
    return field


def _enum(tokens: _Tokens, enum: EnumDescriptorProto) -> None:
    enum.name = tokens.until("{")[0]
    for name in iter(tokens.__next__, "}"):
        enum.value.add(name=name, number=int(tokens.until(";")[1]))


def _service(tokens: _Tokens, service: ServiceDescriptorProto) -> None:
    service.name = tokens.until("{")[0]
    while next(tokens) == "rpc":
        name, _, *request = tokens.until(")")
        tokens.until("(")
        response = tokens.until(")")
        tokens.until(";")
        service.method.add(
            name=name,
            input_type=request[-1],
            output_type=response[-1],
            client_streaming=request[0] == "stream",
            server_streaming=response[0] == "stream",
        )


def _resolve(file: FileDescriptorProto) -> None:
    """
    Replace each type name by the full name, as tools that read the descriptor expect.
    """
    kinds: dict[str, FieldDescriptorProto.Type.ValueType] = {}
    for scope, message in _messages(f".{file.package}", file.message_type):
        kinds[scope] = FieldDescriptorProto.TYPE_MESSAGE
        for enum in message.enum_type:
            kinds[f"{scope}.{enum.name}"] = FieldDescriptorProto.TYPE_ENUM
    for enum in file.enum_type:
        kinds[f".{file.package}.{enum.name}"] = FieldDescriptorProto.TYPE_ENUM
    for scope, message in _messages(f".{file.package}", file.message_type):
        for field in message.field:
            if field.type_name:
                field.type_name = _found(scope, field.type_name, kinds)
                field.type = kinds.get(field.type_name, FieldDescriptorProto.TYPE_MESSAGE)
    for service in file.service:
        for rpc in service.method:
            rpc.input_type = _found(f".{file.package}", rpc.input_type, kinds)
            rpc.output_type = _found(f".{file.package}", rpc.output_type, kinds)


def _messages(
    scope: str, messages: Iterable[DescriptorProto]
) -> Iterator[tuple[str, DescriptorProto]]:
    for message in messages:
        name = f"{scope}.{message.name}"
        yield name, message
        yield from _messages(name, message.nested_type)


def _found(scope: str, name: str, known: Container[str]) -> str:
    """
    Return the full name of what ``name`` means within ``scope``, innermost first.
    """
    while scope:
        if f"{scope}.{name}" in known:
            return f"{scope}.{name}"
        scope = scope.rpartition(".")[0]
    return f".{name}"  # of a file that is imported
