"""
Server reflection: tools such as grpcurl learn from it what is served and how to call it.

Two packages of the same content: ``v1``, and ``v1alpha``, which many tools ask first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from google.protobuf.descriptor import FileDescriptor

from rpcfw.spi.builtin_service import BuiltinService
from rpcfw.spi.inspection import Inspection, ServedService
from rpcfw.spi.service import Service
from rpcfw.status import Status
from rpcfw_grpc.services.described import Described, file_of
from rpcfw_grpc.services.schema import Schema

__all__ = ["GRPCReflection", "ReflectionService", "ReflectionServiceAlpha", "Reflector"]

_TEXT = """
    package grpc.reflection.VERSION;

    message ServerReflectionRequest {
      string host = 1;
      oneof message_request {
        string file_by_filename = 3;
        string file_containing_symbol = 4;
        ExtensionRequest file_containing_extension = 5;
        string all_extension_numbers_of_type = 6;
        string list_services = 7;
      }
    }

    message ExtensionRequest { string containing_type = 1; int32 extension_number = 2; }

    message ServerReflectionResponse {
      string valid_host = 1;
      ServerReflectionRequest original_request = 2;
      oneof message_response {
        FileDescriptorResponse file_descriptor_response = 4;
        ExtensionNumberResponse all_extension_numbers_response = 5;
        ListServiceResponse list_services_response = 6;
        ErrorResponse error_response = 7;
      }
    }

    message FileDescriptorResponse { repeated bytes file_descriptor_proto = 1; }
    message ExtensionNumberResponse {
      string base_type_name = 1;
      repeated int32 extension_number = 2;
    }
    message ListServiceResponse { repeated ServiceResponse service = 1; }
    message ServiceResponse { string name = 1; }
    message ErrorResponse { int32 error_code = 1; string error_message = 2; }

    service ServerReflection {
      rpc ServerReflectionInfo(stream ServerReflectionRequest)
          returns (stream ServerReflectionResponse);
    }
"""

V1 = Schema("grpc/reflection/v1/reflection.proto", _TEXT.replace("VERSION", "v1"))
ALPHA = Schema("grpc/reflection/v1alpha/reflection.proto", _TEXT.replace("VERSION", "v1alpha"))


class GRPCReflection(BuiltinService):
    """
    gRPC's server reflection, v1 and v1alpha, for tools such as grpcurl.
    """

    def services(self, inspection: Inspection) -> Sequence[Service]:
        reflector = Reflector(inspection.services)
        return [ReflectionService(reflector), ReflectionServiceAlpha(reflector)]


class _NotFound(LookupError):
    """
    Its argument is the sentence for the peer.
    """


class Reflector:
    """
    Answers questions, in the messages of whichever version asks.

    Args:
        services: gives what is served.
    """

    def __init__(self, services: Callable[[], tuple[ServedService, ...]]) -> None:
        self._services = services
        self._names: tuple[str, ...] = ()
        self._known = Described(())
        self._answers: dict[str, Callable[[Any, Any, set[str]], None]] = {
            "file_by_filename": self._file,
            "file_containing_symbol": self._symbol,
            "file_containing_extension": self._extension,
            "all_extension_numbers_of_type": self._extension_numbers,
            "list_services": self._list,
        }

    def answer(self, request: Any, response: Any, sent: set[str]) -> None:
        """
        Write the answer to ``request`` into ``response``.

        Args:
            sent: names of the files that this caller has, added to.
        """
        response.valid_host = request.host
        response.original_request.CopyFrom(request)
        self._refresh()
        asked = request.WhichOneof("message_request")
        try:
            if asked is None:
                raise _NotFound("the request asks for nothing that is known here")
            self._answers[asked](request, response, sent)
        except _NotFound as error:
            status = Status.INVALID_ARGUMENT if asked is None else Status.NOT_FOUND
            response.error_response.error_code = int(status)
            response.error_response.error_message = str(error)

    def _refresh(self) -> None:
        services = self._services()
        names = tuple(service.name for service in services)
        if names != self._names:
            self._names, self._known = names, Described(services)

    def _file(self, request: Any, response: Any, sent: set[str]) -> None:
        name = request.file_by_filename
        file = self._known.files.get(name)
        if file is None:
            raise _NotFound(f"no service here needs a file {name!r}")
        self._write(file, response, sent)

    def _symbol(self, request: Any, response: Any, sent: set[str]) -> None:
        name = request.file_containing_symbol
        file = self._known.symbols.get(name)
        if file is None:
            raise _NotFound(self._why_unknown(name))
        self._write(file, response, sent)

    def _why_unknown(self, symbol: str) -> str:
        for service in self._services():
            methods = [f"{service.name}.{method.name}" for method in service.methods]
            if symbol in (service.name, *methods) and file_of(service) is None:
                return (
                    f"{service.name} is served here and written in plain Python: it has no "
                    "Protobuf file; its messages are JSON"
                )
        return f"no service here has to do with {symbol!r}"

    def _extension(self, request: Any, response: Any, sent: set[str]) -> None:
        asked = request.file_containing_extension
        name, number = asked.containing_type, asked.extension_number
        file = self._known.extensions.get(name, {}).get(number)
        if file is None:
            raise _NotFound(f"{name!r} has no extension {number} that is known here")
        self._write(file, response, sent)

    def _extension_numbers(self, request: Any, response: Any, sent: set[str]) -> None:
        name = request.all_extension_numbers_of_type
        known = self._known.extensions.get(name)
        if known is None:
            raise _NotFound(f"no service here has to do with a message {name!r}")
        numbers = response.all_extension_numbers_response
        numbers.base_type_name = name
        numbers.extension_number.extend(sorted(known))

    def _list(self, request: Any, response: Any, sent: set[str]) -> None:
        listed = response.list_services_response.service
        for name in self._names:
            listed.add(name=name)

    def _write(self, file: FileDescriptor, response: Any, sent: set[str]) -> None:
        """
        Write a file and those of its imports that the caller does not have.
        """
        files = response.file_descriptor_response.file_descriptor_proto
        for each in self._known.with_imports(file):
            if each is file or each.name not in sent:
                sent.add(each.name)
                files.append(each.serialized_pb)


class ReflectionService(Service, name=V1.name("ServerReflection")):
    """
    Describes the services here.

    Args:
        reflector: knows the answers.
    """

    def __init__(self, reflector: Reflector) -> None:
        self._reflector = reflector

    @V1.rpc("ServerReflection", "ServerReflectionInfo")
    async def describe(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        sent: set[str] = set()
        async for request in requests:
            response = V1.message("ServerReflectionResponse")()
            self._reflector.answer(request, response, sent)
            yield response


class ReflectionServiceAlpha(Service, name=ALPHA.name("ServerReflection")):
    """
    Describes them to tools that know the older name.

    Args:
        reflector: knows the answers.
    """

    def __init__(self, reflector: Reflector) -> None:
        self._reflector = reflector

    @ALPHA.rpc("ServerReflection", "ServerReflectionInfo")
    async def describe(self, requests: AsyncIterator[Any]) -> AsyncIterator[Any]:
        sent: set[str] = set()
        async for request in requests:
            response = ALPHA.message("ServerReflectionResponse")()
            self._reflector.answer(request, response, sent)
            yield response
