"""
Reads the body of a request: which method is called, its arguments, its attachments.

All three are one stream of Hessian values, and the attachments come last. So the arguments are
read as the types of the method's parameters right here, and the codec is handed the message. A
method that is not served is found out before its arguments are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from rpcfw.errors import CallError, InvalidMessage, MessageTooLarge, Unimplemented
from rpcfw.spi.events import DecodedRequest, ParsedBody, RequestHead
from rpcfw.spi.machine import Served
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY
from rpcfw_dubbo.attachments import metadata_of, text_of
from rpcfw_dubbo.descriptors import GENERIC, java_types_of
from rpcfw_dubbo.parameters import ParameterTable
from rpcfw_hessian.decoder import Decoder
from rpcfw_hessian.errors import HessianError

__all__ = ["CODEC", "RequestDecoder"]

CODEC: Final = "dubbo"

_ECHO = "$echo"
_ECHO_TYPES = ("java.lang.Object",)
_INVOKE = ("$invoke", "$invokeAsync")
_NO_VERSION = ("", "0.0.0")
#: A timeout of a century is none.
_MAX_TIMEOUT_S = 3e9


class RequestDecoder:
    """
    Decodes the requests of one connection, perhaps in several threads.

    Args:
        parameters: how arguments are read.
        max_header_bytes: limit for the strings before the arguments, and for the attachments.
    """

    def __init__(self, parameters: ParameterTable, max_header_bytes: int) -> None:
        self._parameters = parameters
        schema = self._schema = parameters.general
        self._text = schema.shape(str)
        self._text_or_null = schema.shape(str | None)
        self._max_header_bytes = max_header_bytes
        self._served = Served({})

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
        parameters = self._parameters.of(method)
        parameters.check_count(count)
        decoder.schema = parameters.schema
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
        parameters = self._parameters.of(method)
        count = len(parameters.shapes) if types is None else len(types)
        parameters.check_count(count)
        decoder.schema = parameters.schema
        given = decoder.read(parameters.list_of(count))
        return path, parameters.make(*(given or ()))

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


def _types_in(descriptor: str) -> tuple[str, ...]:
    try:
        return java_types_of(descriptor)
    except ValueError as error:
        raise HessianError(str(error)) from None


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
