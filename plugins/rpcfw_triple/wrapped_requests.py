"""
Reads the body of a wrapped request: which of several methods is called, and its arguments.

The path has the name of a method, and the body the Java types of its parameters. So the method is
known when the body is read, and its arguments are read right here as its own types.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from attrs import evolve

from rpcfw.errors import CallError, InvalidMessage
from rpcfw.spi.events import DecodedRequest, HeadInBody, ParsedBody, RequestHead
from rpcfw.spi.served import Served
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw.values.method import Method
from rpcfw_dubbo.attachments import OF_DUBBO
from rpcfw_dubbo.parameters import Parameters, ParameterTable
from rpcfw_dubbo.request_heads import too_large
from rpcfw_hessian.decoder import Decoder
from rpcfw_triple.class_names import java_type_of
from rpcfw_triple.wrappers import read_request, write_response

__all__ = ["CODEC", "GENERIC_CODEC", "GENERIC_TYPES", "WrappedRequests"]

CODEC: Final = "tri"
#: For the responses of generic calls.
GENERIC_CODEC: Final = "tri_generic"
#: The classes of the parameters of ``$invoke``.
GENERIC_TYPES: Final = ("java.lang.String", "[Ljava.lang.String;", "[Ljava.lang.Object;")

_ECHO = "$echo"
_INVOKE = ("$invoke", "$invokeAsync")
_PROTOBUF = "protobuf"


class WrappedRequests:
    """
    Recognises and decodes the wrapped requests of one connection, perhaps in several threads.

    Args:
        parameters: how arguments are read.
        max_header_bytes: limit for the names of types, and of a method that is in the body.
    """

    def __init__(self, parameters: ParameterTable, max_header_bytes: int) -> None:
        self._parameters = parameters
        self._max_header_bytes = max_header_bytes
        self._served = Served({})

    def serve(self, served: Served) -> None:
        """
        Get to know the methods.
        """
        self._served = served

    def are_at(self, path: str) -> bool:
        """
        Tell whether the requests with this path are wrapped.
        """
        methods = self._served.methods
        method = methods.get(path)
        if method is not None:
            return method.unary and not _is_protobuf(method)
        service, _, name = path.rpartition("/")
        if name == _ECHO or name in _INVOKE:
            return self._has(service)
        overloaded = f"{path}("
        return any(each.startswith(overloaded) for each in methods)

    def head_of(self, head: RequestHead) -> HeadInBody:
        """
        Return the head of a wrapped request, whose body names the method.
        """
        head = evolve(head, metadata=_of_application(head.metadata))
        return HeadInBody(
            codec=CODEC,
            timeout_s=head.timeout_s,
            metadata=head.metadata,
            caller=head.caller,
            accepts=head.accepts,
            decode=partial(self._decode, head),
        )

    def _decode(self, head: RequestHead, body: bytes) -> DecodedRequest:
        """
        Return the request in a body.

        Raises:
            CallError: it is malformed, or its method has other parameters. No method has begun.
        """
        try:
            return self._read(head, body)
        except ValueError as error:
            raise InvalidMessage(
                f"the request cannot be decoded: {error}",
                status=Status.INVALID_ARGUMENT,
                hints=Hint.NOT_BEGUN,
            ) from error
        except CallError as error:
            error.hints |= Hint.NOT_BEGUN
            raise

    def _read(self, head: RequestHead, body: bytes) -> DecodedRequest:
        request = read_request(body)
        service, _, name = head.path.rpartition("/")
        if name == _ECHO and len(request.arguments) == 1:
            response = write_response(request.arguments[0], "java.lang.Object")
            return DecodedRequest(_head(head, head.path, CODEC), b"", response=response)
        if name in _INVOKE and request.types == GENERIC_TYPES:
            return self._generic(head, service, request.arguments, body)
        self._check_names(sum(map(len, request.types)))
        path = self._path(head.path, tuple(map(java_type_of, request.types)))
        found = _head(head, path, CODEC)
        method = self._served.methods.get(path)
        if method is None:
            return DecodedRequest(found, b"")  # the server refuses it: it knows no such path
        parameters = self._of(method, len(request.arguments))
        shapes = zip(request.arguments, parameters.shapes, strict=False)
        given = [_read_argument(data, parameters, shape) for data, shape in shapes]
        return DecodedRequest(found, _parsed(parameters.make(*given), body))

    def _generic(
        self, head: RequestHead, service: str, arguments: tuple[bytes, ...], body: bytes
    ) -> DecodedRequest:
        """
        Read the call of a method by its name, the types of its parameters, and the arguments.
        """
        self._check_names(len(arguments[0]) + len(arguments[1]))
        schema = self._parameters.general
        name = schema.loads(arguments[0], str)
        types = schema.loads(arguments[1], list[str] | None)
        path = f"{service}/{name}"
        if types is not None:
            path = self._path(path, tuple(types))
        found = _head(head, path, GENERIC_CODEC)
        method = self._served.methods.get(path)
        if method is None:
            return DecodedRequest(found, b"")
        count = None if types is None else len(types)
        parameters = self._of(method, count)
        expected = parameters.list_of(len(parameters.shapes) if count is None else count)
        decoder = Decoder(arguments[2], parameters.schema)
        given: Any = decoder.read(expected) or ()
        decoder.check_end()
        parameters.check_count(len(given))  # none came, if the list is null
        return DecodedRequest(found, _parsed(parameters.make(*given), body))

    def _check_names(self, size: int) -> None:
        # They come into texts of errors, and into logs.
        if size > self._max_header_bytes:
            raise too_large("names", size, self._max_header_bytes)

    def _of(self, method: Method, count: int | None) -> Parameters:
        parameters = self._parameters.of(method)
        if count is not None:
            parameters.check_count(count)
        return parameters

    def _path(self, path: str, types: tuple[str, ...]) -> str:
        """
        Return the path of a method; of an overloaded one, with its Java types.
        """
        exact = f"{path}({','.join(types)})"
        return exact if exact in self._served.methods else path

    def _has(self, service: str) -> bool:
        prefix = f"{service}/"
        return any(path.startswith(prefix) for path in self._served.methods)


def _head(head: RequestHead, path: str, codec: str) -> RequestHead:
    """
    Return the head of a request whose method is known. Not by `evolve`, which takes longer.
    """
    return RequestHead(
        path, codec, head.timeout_s, head.metadata, head.caller, accepts=head.accepts
    )


def _of_application(metadata: Metadata) -> Metadata:
    """
    Return the attachments of the application: Java's consumers send their own with them.
    """
    pairs = tuple(pair for pair in metadata.pairs if pair[0] not in OF_DUBBO)
    return Metadata(pairs) if pairs else EMPTY


def _is_protobuf(method: Method) -> bool:
    return _PROTOBUF in (method.codecs or (method.codec,))


def _read_argument(data: bytes, parameters: Parameters, shape: Any) -> Any:
    decoder = Decoder(data, parameters.schema)
    value = decoder.read_shape(shape)
    decoder.check_end()
    return value


def _parsed(message: Any, body: bytes) -> ParsedBody:
    """
    Return a message, with its types and arguments as the caller has sent them.
    """
    return ParsedBody.of(message, (body, 0, len(body)))
