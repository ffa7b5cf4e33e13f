"""
Reads the body of a request: which method is called, its arguments, its attachments.

All three are one stream of Hessian values, and the attachments come last. So the arguments are
read as the types of the method's parameters right here, and the codec is handed the message. A
method that is not served is found out before its arguments are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from attrs import frozen

from rpcfw.errors import CallError, InvalidMessage, MessageTooLarge, Unimplemented
from rpcfw.spi.events import DecodedRequest, ParsedBody, RequestHead
from rpcfw.spi.machine import Served
from rpcfw.status import Hint, Status
from rpcfw.values.arguments import Arguments
from rpcfw.values.metadata import EMPTY
from rpcfw.values.method import Method
from rpcfw_dubbo.attachments import metadata_of, text_of
from rpcfw_dubbo.descriptors import GENERIC, java_types_of
from rpcfw_hessian.decoder import Decoder
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.schema import Schema
from rpcfw_hessian.shape import Shape

__all__ = ["CODEC", "RequestDecoder"]

CODEC: Final = "dubbo"

_ECHO = "$echo"
_ECHO_TYPES = ("java.lang.Object",)
_INVOKE = ("$invoke", "$invokeAsync")
_NO_VERSION = ("", "0.0.0")
#: A timeout of a century is none.
_MAX_TIMEOUT_S = 3e9


@frozen(eq=False)
class _Parameters:
    """
    How the arguments of a method are read.

    Args:
        types: annotations of the parameters.
        shapes: what reads each of them.
        required: how many of them must be given.
        make: makes the message of the arguments.
    """

    types: tuple[Any, ...]
    shapes: tuple[Shape, ...]
    required: int
    make: Any

    def list_of(self, count: int) -> Any:
        """
        Return the type of a list of so many arguments, or null.
        """
        return tuple.__class_getitem__(self.types[:count]) | None


class RequestDecoder:
    """
    Decodes the requests of one connection, perhaps in several threads.

    Args:
        schema: the classes that may come, and the limits.
        max_header_bytes: limit for the strings before the arguments, and for the attachments.
    """

    def __init__(self, schema: Schema, max_header_bytes: int) -> None:
        self._schema = schema
        self._text = schema.shape(str)
        self._text_or_null = schema.shape(str | None)
        self._max_header_bytes = max_header_bytes
        self._served = Served({})
        self._parameters: dict[Method, _Parameters] = {}

    def serve(self, served: Served) -> None:
        """
        Get to know the methods.
        """
        self._served = served

    def decode(self, body: bytes, *, one_way: bool) -> DecodedRequest:
        """
        Return the request in a body.

        Raises:
            CallError: it is malformed, or names what is not served. No method has begun.
        """
        try:
            return self._decode(body, one_way)
        except HessianError as error:
            raise InvalidMessage(
                f"the request cannot be decoded: {error}",
                status=Status.INVALID_ARGUMENT,
                hints=Hint.NOT_BEGUN,
            ) from error
        except CallError as error:
            error.hints |= Hint.NOT_BEGUN
            raise

    def _decode(self, body: bytes, one_way: bool) -> DecodedRequest:
        decoder = Decoder(body, self._schema)
        read = decoder.read_shape
        text = self._text
        read(text)  # the version of the protocol
        service = read(text)
        version = read(self._text_or_null)
        name = read(text)
        descriptor = read(text)
        if decoder.pos > self._max_header_bytes:
            raise _too_large("names", decoder.pos, self._max_header_bytes)
        if name == _ECHO:
            return self._echo(decoder, service, descriptor, one_way)
        if name in _INVOKE and descriptor == GENERIC:
            path, message = self._generic(decoder, service)
        else:
            types = _types_in(descriptor)
            path = self._path(service, name, types)
            message = self._arguments(decoder, path, len(types))
        if path not in self._served.methods:
            return DecodedRequest(RequestHead(path, CODEC, one_way=one_way), b"")
        self._check_version(service, version or "")
        attachments = self._attachments(decoder)
        self._check_group(service, attachments)
        head = RequestHead(
            path,
            CODEC,
            _timeout_s(attachments),
            metadata_of(attachments) if attachments else EMPTY,
            text_of(attachments.get("remote.application")) or "",
            one_way,
        )
        return DecodedRequest(head, ParsedBody.of(message))

    def _path(self, service: str, name: str, types: tuple[str, ...] | None) -> str:
        """
        Return the path of a method; of an overloaded one, with its Java types.
        """
        path = f"{service}/{name}"
        if types is None:
            return path
        exact = f"{path}({','.join(types)})"
        return exact if exact in self._served.methods else path

    def _arguments(self, decoder: Decoder, path: str, count: int) -> Any:
        """
        Return the message of the arguments that come next; None if the method is not served.
        """
        method = self._served.methods.get(path)
        if method is None:
            return None
        parameters = self._parameters_of(method)
        _check_count(path, parameters, count)
        read = decoder.read_shape
        return parameters.make(*[read(shape) for shape in parameters.shapes[:count]])

    def _generic(self, decoder: Decoder, service: str) -> tuple[str, Any]:
        """
        Read the call of a method by its name, the types of its parameters, and the arguments.
        """
        name = decoder.read(str)
        types = decoder.read(list[str] | None)
        path = self._path(service, name, None if types is None else tuple(types))
        method = self._served.methods.get(path)
        if method is None:
            return path, None
        parameters = self._parameters_of(method)
        count = len(parameters.shapes) if types is None else len(types)
        _check_count(path, parameters, count)
        given = decoder.read(parameters.list_of(count))
        return path, parameters.make(*(given or ()))

    def _parameters_of(self, method: Method) -> _Parameters:
        found = self._parameters.get(method)
        if found is None:
            found = self._parameters[method] = self._new_parameters(method)
        return found

    def _new_parameters(self, method: Method) -> _Parameters:
        kind, shape = method.request_type, self._schema.shape
        types, required, make = (kind,), 1, _itself
        if isinstance(kind, type) and issubclass(kind, Arguments):
            fields = msgspec.structs.fields(kind)
            types = tuple(field.type for field in fields)
            required, make = sum(field.required for field in fields), kind
        try:
            return _Parameters(types, tuple(map(shape, types)), required, make)
        except TypeError as error:
            raise Unimplemented(f"{method.path} cannot be called over Dubbo: {error}") from error

    def _echo(
        self, decoder: Decoder, service: str, descriptor: str, one_way: bool
    ) -> DecodedRequest:
        """
        Answer the check that a service is there: with the argument, as it came.
        """
        head = RequestHead(f"{service}/{_ECHO}", CODEC, one_way=one_way)
        prefix = f"{service}/"
        is_served = any(path.startswith(prefix) for path in self._served.methods)
        if not is_served or _types_in(descriptor) != _ECHO_TYPES:
            return DecodedRequest(head, b"")
        begin = decoder.pos
        decoder.read()
        return DecodedRequest(head, b"", response=decoder.data[begin : decoder.pos])

    def _attachments(self, decoder: Decoder) -> Mapping[Any, Any]:
        begin = decoder.pos
        found = decoder.read(dict[Any, Any] | None)
        if decoder.pos - begin > self._max_header_bytes:
            raise _too_large("attachments", decoder.pos - begin, self._max_header_bytes)
        return found or {}

    def _check_version(self, service: str, version: str) -> None:
        served = self._served.version
        if version != served and not (version in _NO_VERSION and served in _NO_VERSION):
            raise Unimplemented(
                f"{service} is served here in {_version(served)}, and was called in "
                f"{_version(version)}; [server] version and the consumer's must be equal"
            )

    def _check_group(self, service: str, attachments: Mapping[Any, Any]) -> None:
        group = text_of(attachments.get("group")) or ""
        if group != self._served.group:
            raise Unimplemented(
                f"{service} is served here in the group {self._served.group!r}, and was called "
                f"in {group!r}; [server] group and the consumer's must be equal"
            )


def _itself(message: Any) -> Any:
    return message


def _types_in(descriptor: str) -> tuple[str, ...]:
    try:
        return java_types_of(descriptor)
    except ValueError as error:
        raise HessianError(str(error)) from None


def _check_count(path: str, parameters: _Parameters, count: int) -> None:
    if not parameters.required <= count <= len(parameters.shapes):
        raise InvalidMessage(
            f"{path} takes {len(parameters.shapes)} arguments, got {count}",
            status=Status.INVALID_ARGUMENT,
        )


def _version(version: str) -> str:
    return "no version" if version in _NO_VERSION else f"version {version}"


def _too_large(what: str, size: int, limit: int) -> MessageTooLarge:
    return MessageTooLarge(f"{size} bytes of {what}, over max_header_bytes of {limit} bytes")


def _timeout_s(attachments: Mapping[Any, Any]) -> float | None:
    """
    Return the time that the caller waits: what is left of it, if it says that.
    """
    for name in ("_TO", "timeout"):
        try:
            timeout_s = float(text_of(attachments.get(name)) or "") / 1000
        except ValueError:
            continue
        if 0 < timeout_s < _MAX_TIMEOUT_S:
            return timeout_s
    return None
