"""
Protobuf files from their text, at run time, in a pool of their own.

Generated code is tied to the protobuf release that wrote it, and puts its files into
the one pool of the process, where an application may have them, too. What is read
here works on any protobuf and meets nobody's.

The text is plain proto3: messages, enums, oneofs, maps and services, no options. It
may import files that protobuf itself brings.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from google.protobuf import message_factory
from google.protobuf.descriptor_pool import DescriptorPool

from rpcfw.spi.service import method
from rpcfw.values.method import Shape
from rpcfw_grpc.services.proto_text import read_file

__all__ = ["Schema"]

F = TypeVar("F", bound=Callable[..., Any])

_SHAPES = {
    (False, False): Shape.UNARY,
    (False, True): Shape.SERVER_STREAM,
    (True, False): Shape.CLIENT_STREAM,
    (True, True): Shape.BIDI_STREAM,
}


class Schema:
    """
    One file: its messages as classes, its services as marks for methods.

    Args:
        name: of the file, as others import it.
        text: what is in it.
    """

    def __init__(self, name: str, text: str) -> None:
        file = read_file(name, text)
        self._package = file.package
        pool = self._pool = DescriptorPool()
        for needed in file.dependency:
            module = import_module(needed.removesuffix(".proto").replace("/", ".") + "_pb2")
            pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        pool.AddSerializedFile(file.SerializeToString())

    def message(self, name: str) -> Any:
        """
        Return the class of a message by its name within the package.
        """
        found = self._pool.FindMessageTypeByName(f"{self._package}.{name}")
        return message_factory.GetMessageClass(found)

    def name(self, service: str) -> str:
        """
        Return the full name of a service.
        """
        return f"{self._package}.{service}"

    def rpc(self, service: str, name: str) -> Callable[[F], F]:
        """
        Return what marks a function as a method of a service.
        """
        found = self._pool.FindServiceByName(self.name(service)).methods_by_name[name]
        return method(
            name=name,
            shape=_SHAPES[found.client_streaming, found.server_streaming],
            request_type=message_factory.GetMessageClass(found.input_type),
            response_type=message_factory.GetMessageClass(found.output_type),
            codec="protobuf",
        )
