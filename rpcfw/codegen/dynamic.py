"""
Services from descriptors at run time, without generated code.

What protoc writes is tied to the protobuf release that it came with; a descriptor
set is not, and the classes made from it run on any protobuf from 6.33 on. Each
set gets a pool of its own, so two that hold a file of the same name do not meet.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import (
    Descriptor,
    FileDescriptor,
    MethodDescriptor,
    ServiceDescriptor,
)
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet, MethodOptions
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message

from rpcfw.codegen.model import shape_of
from rpcfw.codegen.names import attributes
from rpcfw.errors import SetupError
from rpcfw.kernel.extras import needs
from rpcfw.spi.service_class import service_class
from rpcfw.values.method import Method

__all__ = [
    "Services",
    "methods_of_set",
    "service_from_descriptor",
    "services_from_descriptor",
    "services_from_proto",
    "services_from_set",
]

#: How long protoc may take before something is surely wrong.
_PROTOC_LIMIT_S = 60


class Services(Mapping[str, Any]):
    """
    Service classes by their full names, and the message classes beside them.

    What these classes take and return is known at run time only, so to type checkers
    they are `typing.Any`.

    Args:
        files: the files whose services these are.
    """

    def __init__(self, files: Sequence[FileDescriptor]) -> None:
        self._pools = [file.pool for file in files]
        self._services = {
            service.full_name: service_from_descriptor(service)
            for file in files
            for service in file.services_by_name.values()
        }

    def message(self, name: str) -> type[Message]:
        """
        Return the class of a message, as ``order.v1.Order``.

        Raises:
            SetupError: no file here, or imported from here, has it.
        """
        for pool in self._pools:
            try:
                return _message_class(pool.FindMessageTypeByName(name))
            except KeyError:
                continue
        raise SetupError(f"no message {name!r} is in the files of {self._listed()}")

    def __getitem__(self, name: str) -> Any:
        try:
            return self._services[name]
        except KeyError:
            raise KeyError(f"no service {name!r}; there is {self._listed()}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._services)

    def __len__(self) -> int:
        return len(self._services)

    def __repr__(self) -> str:
        return f"<Services {self._listed()}>"

    def _listed(self) -> str:
        return ", ".join(self._services) or "no service"


def services_from_descriptor(descriptor: FileDescriptor | ServiceDescriptor) -> Services:
    """
    Return the services of a file, as ``order_pb2.DESCRIPTOR``, or of a service's file.

    Their messages are the classes of the module that the descriptor came from.
    """
    file = descriptor if isinstance(descriptor, FileDescriptor) else descriptor.file
    return Services([file])


def service_from_descriptor(descriptor: ServiceDescriptor) -> Any:
    """
    Return the class to subclass, or to make a client of, for one service.
    """
    names = attributes(method.name for method in descriptor.methods)
    methods = {names[one.name]: _method(descriptor.full_name, one) for one in descriptor.methods}
    doc = f"The service {descriptor.full_name} of {descriptor.file.name}."
    return service_class(descriptor.full_name, methods, doc)


def _method(service: str, method: MethodDescriptor) -> Method:
    level = method.GetOptions().idempotency_level
    return Method(
        service=service,
        name=method.name,
        shape=shape_of(method.client_streaming, method.server_streaming),
        request_type=_message_class(method.input_type),
        response_type=_message_class(method.output_type),
        codec="protobuf",
        idempotent=level != MethodOptions.IDEMPOTENCY_UNKNOWN,
    )


def _message_class(descriptor: Descriptor) -> type[Message]:
    made: type[Message] = message_factory.GetMessageClass(descriptor)
    return made


def services_from_set(data: bytes) -> Services:
    """
    Return all services of a serialized FileDescriptorSet.

    protoc makes one with ``--descriptor_set_out=order.binpb --include_imports``.

    Raises:
        SetupError: the bytes are no such set, or a file that it needs is not in it.
    """
    try:
        files = FileDescriptorSet.FromString(data).file
    except DecodeError as error:
        raise SetupError(f"expected a serialized FileDescriptorSet: {error}") from error
    pool = _pool_of(files)
    return Services([pool.FindFileByName(file.name) for file in files])


def methods_of_set(files: Sequence[FileDescriptorProto], service: str) -> tuple[Method, ...]:
    """
    Return the methods of one service. A pool of its own has the messages.

    Raises:
        SetupError: the files do not fit together, or the service is in none of them.
    """
    try:
        found = _pool_of(files).FindServiceByName(service)
    except KeyError:
        raise SetupError(f"no service {service!r} is in the files") from None
    return tuple(_method(service, one) for one in found.methods)


def _pool_of(files: Sequence[FileDescriptorProto]) -> DescriptorPool:
    pool = DescriptorPool()
    for file in _ordered(files):
        _add(pool, file)
    return pool


def _ordered(files: Sequence[FileDescriptorProto]) -> Iterator[FileDescriptorProto]:
    """
    Yield the files, each after those that it imports.
    """
    waiting = {file.name: file for file in files}
    unread = list(waiting.values())
    while unread:
        file = unread.pop()
        for name in file.dependency:
            if name not in waiting:
                waiting[name] = _well_known(name, file.name)
                unread.append(waiting[name])
    while waiting:
        ready = [one for one in waiting.values() if waiting.keys().isdisjoint(one.dependency)]
        if not ready:
            raise SetupError(f"these files import each other: {', '.join(sorted(waiting))}")
        for file in ready:
            del waiting[file.name]
            yield file


def _add(pool: DescriptorPool, file: FileDescriptorProto) -> None:
    try:
        pool.AddSerializedFile(file.SerializeToString())
    except TypeError as error:
        raise SetupError(f"{file.name}: the installed protobuf cannot take it: {error}") from error


def _well_known(name: str, needed_by: str) -> FileDescriptorProto:
    """
    Return a file that protobuf brings along.
    """
    file = FileDescriptorProto()
    try:
        descriptor_pool.Default().FindFileByName(name).CopyToProto(file)
    except KeyError:
        raise SetupError(
            f"{needed_by} imports {name}, which is not in the set; "
            "make the set with protoc --include_imports"
        ) from None
    return file


def services_from_proto(path: str | Path, include: Iterable[str | Path] = ()) -> Services:
    """
    Return the services of a proto file, which protoc of grpcio-tools reads.

    Args:
        path: the proto file.
        include: directories in which its imports lie; its own is always among them.

    Raises:
        SetupError: protoc is not installed, or refuses the file.
    """
    path = Path(path)
    if not path.is_file():
        raise SetupError(f"there is no proto file {path}")
    if find_spec("grpc_tools") is None:
        raise SetupError(f"reading {path} takes protoc, which {needs('codegen')}")
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory, "services.binpb")
        _run_protoc(path, include, out)
        return services_from_set(out.read_bytes())


def _run_protoc(path: Path, include: Iterable[str | Path], out: Path) -> None:
    command = [
        *(sys.executable, "-m", "grpc_tools.protoc"),
        *(f"-I{one}" for one in include),
        f"-I{path.parent}",
        "--include_imports",
        f"--descriptor_set_out={out}",
        str(path),
    ]
    # A process of its own: protoc writes its errors past Python's standard error.
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_PROTOC_LIMIT_S, check=False
    )
    if done.returncode:
        raise SetupError(f"protoc refuses {path}:\n{done.stderr.strip()}")
