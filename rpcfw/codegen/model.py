"""
Services and methods as plain values, read from descriptors with their comments.

What comes from protoc is read here and nowhere else; the writer of the text sees
these values only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FileDescriptorProto,
    MethodDescriptorProto,
    MethodOptions,
    ServiceDescriptorProto,
)

from rpcfw.codegen.names import attributes
from rpcfw.values.method import Shape

__all__ = [
    "RPC",
    "Message",
    "ServiceFile",
    "WrittenService",
    "read_file",
    "read_messages",
    "shape_of",
]

#: Field numbers in descriptor.proto, of which the paths of comments are made.
_SERVICE, _METHOD = 6, 2

_SHAPES = {
    (False, False): Shape.UNARY,
    (False, True): Shape.SERVER_STREAM,
    (True, False): Shape.CLIENT_STREAM,
    (True, True): Shape.BIDI_STREAM,
}


@frozen
class Message:
    """
    A message type: the proto file it is in, and its name there, as ``Order.Line``.
    """

    proto: str
    name: str


@frozen
class RPC:
    """
    One method of a service.
    """

    name: str
    attribute: str
    shape: Shape
    request: Message
    response: Message
    idempotent: bool
    deprecated: bool
    comment: str


@frozen
class WrittenService:
    """
    One service.

    Args:
        full_name: as on the wire, ``order.v1.OrderService``.
        name: the last part of it.
    """

    full_name: str
    name: str
    methods: tuple[RPC, ...]
    comment: str


@frozen
class ServiceFile:
    """
    What of one proto file is written down.
    """

    proto: str
    services: tuple[WrittenService, ...]


def shape_of(client_streams: bool, server_streams: bool) -> Shape:
    """
    Return the shape of a call in which these sides stream.
    """
    return _SHAPES[client_streams, server_streams]


def read_messages(files: Iterable[FileDescriptorProto]) -> dict[str, Message]:
    """
    Return every message type by its full name, with the leading dot.
    """
    found: dict[str, Message] = {}
    for file in files:
        prefix = f".{file.package}" if file.package else ""
        waiting: list[tuple[str, DescriptorProto]] = [("", one) for one in file.message_type]
        while waiting:
            outer, message = waiting.pop()
            name = outer + message.name
            found[f"{prefix}.{name}"] = Message(file.name, name)
            waiting.extend((f"{name}.", inner) for inner in message.nested_type)
    return found


def read_file(file: FileDescriptorProto, messages: Mapping[str, Message]) -> ServiceFile:
    """
    Return the services of ``file``, whose message types are among ``messages``.
    """
    comments = {
        tuple(location.path): _comment(location.leading_comments)
        for location in file.source_code_info.location
        if location.leading_comments
    }
    services = (
        _read_service(file.package, service, (_SERVICE, index), comments, messages)
        for index, service in enumerate(file.service)
    )
    return ServiceFile(file.name, tuple(services))


def _read_service(
    package: str,
    service: ServiceDescriptorProto,
    path: tuple[int, ...],
    comments: Mapping[tuple[int, ...], str],
    messages: Mapping[str, Message],
) -> WrittenService:
    names = attributes(method.name for method in service.method)
    methods = (
        _read_method(
            method, names[method.name], comments.get((*path, _METHOD, index), ""), messages
        )
        for index, method in enumerate(service.method)
    )
    return WrittenService(
        full_name=f"{package}.{service.name}" if package else service.name,
        name=service.name,
        methods=tuple(methods),
        comment=comments.get(path, ""),
    )


def _read_method(
    method: MethodDescriptorProto, attribute: str, comment: str, messages: Mapping[str, Message]
) -> RPC:
    return RPC(
        name=method.name,
        attribute=attribute,
        shape=shape_of(method.client_streaming, method.server_streaming),
        request=messages[method.input_type],
        response=messages[method.output_type],
        idempotent=method.options.idempotency_level != MethodOptions.IDEMPOTENCY_UNKNOWN,
        deprecated=method.options.deprecated,
        comment=comment,
    )


def _comment(text: str) -> str:
    """
    Remove the blank between ``//`` and the text.
    """
    lines = [line.removeprefix(" ") for line in text.splitlines()]
    return "\n".join(line.rstrip() for line in lines).strip("\n")
