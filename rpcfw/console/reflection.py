"""
The methods of a server that describes itself by gRPC's server reflection.

See https://github.com/grpc/grpc/blob/master/doc/server-reflection.md. Needs the extra ``grpc``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError, Message

from rpcfw.app.tools.printed import as_line
from rpcfw.codegen.dynamic import methods_of_set
from rpcfw.console.forms import FormMethod, method_of_schema
from rpcfw.console.invocation import Invocation
from rpcfw.errors import CallError, SettingsError, SetupError
from rpcfw.printable import printable
from rpcfw.spi.channel import Channel
from rpcfw.status import Status
from rpcfw.values.method import Method, Shape
from rpcfw_grpc.services.reflection import ALPHA, V1
from rpcfw_grpc.services.schema import Schema
from rpcfw_inspection.schema import schema_of_message

__all__ = ["SERVICES", "reflected_methods"]

#: What is called; the newer one first.
_VERSIONS = (V1, ALPHA)
SERVICES = tuple(each.name("ServerReflection") for each in _VERSIONS)

#: Of the files of one service, with all that they import.
_MAX_FILES = 500
_MAX_BYTES = 4 << 20
_MAX_METHODS = 500


async def reflected_methods(channel: Channel, service: str) -> Sequence[FormMethod]:
    """
    Return the methods of a service, with their forms; none if the server does not say them.

    Raises:
        CallError: the server cannot be called.
    """
    for version in _VERSIONS:
        try:
            files = await _Files(channel, version).of_service(service)
            methods = methods_of_set(files, service) if files else ()
        except CallError as error:
            if error.status is not Status.UNIMPLEMENTED:
                raise
        except (SetupError, DecodeError):  # files that are none, or do not fit together
            return []
        else:
            return [_form(each) for each in methods[:_MAX_METHODS]]
    return []


class _Files:
    """
    The files that describe one service.

    Some servers send a file with all that it imports, others want to be asked for each.
    """

    def __init__(self, channel: Channel, version: Schema) -> None:
        self._channel = channel
        self._request = version.message("ServerReflectionRequest")
        self._method = Method(
            version.name("ServerReflection"),
            "ServerReflectionInfo",
            Shape.BIDI_STREAM,
            self._request,
            version.message("ServerReflectionResponse"),
            "protobuf",
        )
        self._files: dict[str, FileDescriptorProto] = {}
        self._bytes = 0

    async def of_service(self, service: str) -> Sequence[FileDescriptorProto]:
        """
        Return the file of a service, and those that it imports; none if it has none.
        """
        asked: set[str] = set()
        requests = [self._request(file_containing_symbol=service)]
        while requests:
            await self._ask(requests)
            imported = {name for each in self._files.values() for name in each.dependency}
            missing = sorted(imported - self._files.keys() - asked)
            asked.update(missing)
            if len(asked) > _MAX_FILES:
                raise SetupError(f"expected at most {_MAX_FILES} files; {service} imports more")
            requests = [self._request(file_by_filename=name) for name in missing]
        return tuple(self._files.values())

    async def _ask(self, requests: Sequence[Any]) -> None:
        answers = 0
        async with self._channel.stream(self._method, requests) as stream:
            async for response in stream:
                for data in response.file_descriptor_response.file_descriptor_proto:
                    self._add(data)
                answers += 1
                if answers == len(requests):
                    return

    def _add(self, data: bytes) -> None:
        self._bytes += len(data)
        file = FileDescriptorProto.FromString(data)
        self._files[file.name] = file
        if len(self._files) > _MAX_FILES or self._bytes > _MAX_BYTES:
            raise SetupError(f"expected at most {_MAX_FILES} files with {_MAX_BYTES} bytes")


def _form(method: Method) -> FormMethod:
    schema = schema_of_message(method.request_type.DESCRIPTOR)
    text = msgspec.json.encode(schema).decode()
    shape = method.shape.name.lower()
    called = Invocation(method, partial(_message, method.request_type), _shown)
    return method_of_schema(method.name, shape, text, called)


def _message(kind: type[Message], value: Any) -> Message:
    """
    Return the message that JSON says.

    Raises:
        SettingsError: it does not fit.
    """
    descriptor: Any = kind.DESCRIPTOR
    try:
        return json_format.ParseDict(value, kind(), descriptor_pool=descriptor.file.pool)
    except (json_format.Error, TypeError, AttributeError, ValueError, RecursionError) as error:
        reason = printable(" ".join(str(error).split()))[:300]
        raise SettingsError(f"the request is no {descriptor.full_name}: {reason}") from None


def _shown(response: Message) -> str:
    pool: Any = response.DESCRIPTOR.file.pool
    try:
        return as_line(json_format.MessageToDict(response, descriptor_pool=pool))
    except (json_format.Error, TypeError, ValueError):  # an Any of a type that is not known
        return printable(str(response))
