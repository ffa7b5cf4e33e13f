"""
Reads the body of a request: which method is called, its arguments, its attachments.

All three are one stream of Hessian values, and the attachments come last. So the arguments are
read as the types of the method's parameters right here, and the codec is handed the message. A
method that is not served is found out before its arguments are read.

Theory of operation. A consumer calls few methods, and each request of a method begins with the
same bytes. So the beginning is parsed once, and compared afterwards. The same holds for the
attachments: consumers send the same ones with each call, unless an application adds its own.
"""

from __future__ import annotations

from typing import Any

from attrs import field, frozen

from rpcfw.errors import CallError, InvalidMessage
from rpcfw.spi.events import DecodedRequest, ParsedBody, RequestHead
from rpcfw.spi.served import Served
from rpcfw.status import Hint, Status
from rpcfw.values.method import Method
from rpcfw_dubbo.descriptors import GENERIC, java_types_of
from rpcfw_dubbo.parameters import Parameters, ParameterTable
from rpcfw_dubbo.request_heads import CODEC, GENERIC_CODEC, check_version, read_head, too_large
from rpcfw_hessian.decoder import Decoder
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.plain import PlainReader
from rpcfw_hessian.shape import Shape

__all__ = ["RequestDecoder"]

_ECHO = "$echo"
_ECHO_TYPES = ("java.lang.Object",)
_INVOKE = ("$invoke", "$invokeAsync")
#: Beginnings that are kept for a connection; heads for each of them; bytes of either.
_MAX_KNOWN = 16
_MAX_HEADS = 4
_MAX_KEPT_BYTES = 256


@frozen(eq=False)
class _Beginning:
    """
    What the bytes before the arguments say.

    Args:
        data: these bytes.
        size: how many these are.
        message_at: where the message begins: the descriptor of the parameters.
        path: of the method.
        method: that is called.
        parameters: how its arguments are read.
        shapes: of the arguments that are given.
        plain: reads the argument, if it is the only one.
        heads: by the bytes of the attachments, for calls that are answered.
    """

    data: bytes
    size: int
    message_at: int
    path: str
    method: Method
    parameters: Parameters
    shapes: tuple[Shape, ...]
    plain: PlainReader | None
    heads: dict[bytes, RequestHead] = field(factory=dict)


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
        #: The beginning of the request before, which is compared first.
        self._last: _Beginning | None = None
        #: By their bytes. All keys of one size are in one dict.
        self._known: dict[int, dict[bytes, _Beginning]] = {}
        self._known_count = 0

    def serve(self, served: Served) -> None:
        """
        Get to know the methods.
        """
        self._served = served

    def decode(self, body: bytes, *, one_way: bool = False) -> DecodedRequest:
        """
        Return the request in a body.

        Raises:
            CallError: it is malformed, or names what is not served. No method has begun.
        """
        try:
            beginning = self._last
            if beginning is None or not body.startswith(beginning.data):
                beginning = self._last = self._find(body)
            if (
                beginning is None
                or self._served.methods.get(beginning.path) is not beginning.method
            ):
                return self._decode(body, one_way)
            plain = beginning.plain
            found = None if plain is None or one_way else plain.read(body, beginning.size)
            if found is not None:
                argument, end = found
                head = beginning.heads.get(body[end:])
                # Other attachments may refer to the argument.
                if head is not None:
                    parsed = ParsedBody()
                    parsed.value = beginning.parameters.make(argument)
                    parsed.span = body, beginning.message_at, end
                    return DecodedRequest(head, parsed)
            return self._decode_rest(beginning, body, one_way)
        except HessianError as error:
            raise InvalidMessage(
                f"the request cannot be decoded: {error}",
                status=Status.INVALID_ARGUMENT,
                hints=Hint.NOT_BEGUN,
            ) from error
        except CallError as error:
            error.hints |= Hint.NOT_BEGUN
            raise

    def _decode_rest(self, beginning: _Beginning, body: bytes, one_way: bool) -> DecodedRequest:
        """
        Read arguments and attachments.
        """
        parameters, plain = beginning.parameters, beginning.plain
        decoder = Decoder(body, parameters.schema)
        decoder.pos = beginning.size
        read = decoder.read_shape
        message = parameters.make(*[read(shape) for shape in beginning.shapes])
        if plain is not None:
            plain.learn(decoder, beginning.size)
        parsed = ParsedBody.of(message, (body, beginning.message_at, decoder.pos))
        attachments = body[decoder.pos :]
        head = None if one_way else beginning.heads.get(attachments)
        if head is None:
            head, is_constant = self._read_head(decoder, parameters.path, one_way)
            if is_constant and not one_way and len(attachments) <= _MAX_KEPT_BYTES:
                if len(beginning.heads) >= _MAX_HEADS:
                    beginning.heads.clear()
                beginning.heads[attachments] = head
        return DecodedRequest(head, parsed)

    def _decode(self, body: bytes, one_way: bool) -> DecodedRequest:
        decoder = Decoder(body, self._schema)
        read, text = decoder.read_shape, self._text
        read(text)  # the version of the protocol
        service = read(text)
        version = read(self._text_or_null)
        name = read(text)
        message_at = decoder.pos
        descriptor = read(text)
        if decoder.pos > self._max_header_bytes:
            raise too_large("names", decoder.pos, self._max_header_bytes)
        if name == _ECHO:
            return self._echo(decoder, service, descriptor, one_way)
        if name in _INVOKE and descriptor == GENERIC:
            return self._generic(decoder, message_at, service, version or "", one_way)
        types = _types_in(descriptor)
        path = self._path(service, name, types)
        method = self._served.methods.get(path)
        if method is None:
            return _not_served(path, one_way)
        check_version(service, self._served, version or "")
        parameters = self._parameters.of(method)
        parameters.check_count(len(types))
        shapes = parameters.shapes[: len(types)]
        plain = parameters.plain if len(shapes) == 1 else None
        beginning = _Beginning(
            body[: decoder.pos],
            decoder.pos,
            message_at,
            path,
            method,
            parameters,
            shapes,
            plain,
        )
        self._keep(beginning)
        return self._decode_rest(beginning, body, one_way)

    def _find(self, body: bytes) -> _Beginning | None:
        for size, beginnings in self._known.items():
            beginning = beginnings.get(body[:size])
            if beginning is not None:
                return beginning
        return None

    def _keep(self, beginning: _Beginning) -> None:
        data = beginning.data
        if len(data) > _MAX_KEPT_BYTES:
            return
        if self._known_count >= _MAX_KNOWN:
            self._known, self._known_count = {}, 0
        self._known_count += 1
        # A new dict, since another thread may be looking through the old one.
        same_size = {**self._known.get(len(data), {}), data: beginning}
        self._known = {**self._known, len(data): same_size}
        # Also where a service is served anew, and the beginning before has its old methods.
        self._last = beginning

    def _read_head(self, decoder: Decoder, path: str, one_way: bool) -> tuple[RequestHead, bool]:
        return read_head(decoder, path, self._served, one_way, self._max_header_bytes)

    def _path(self, service: str, name: str, types: tuple[str, ...] | None) -> str:
        """
        Return the path of a method; of an overloaded one, with its Java types.
        """
        path = f"{service}/{name}"
        if types is None:
            return path
        exact = f"{path}({','.join(types)})"
        return exact if exact in self._served.methods else path

    def _generic(
        self, decoder: Decoder, message_at: int, service: str, version: str, one_way: bool
    ) -> DecodedRequest:
        """
        Read the call of a method by its name, the types of its parameters, and the arguments.
        """
        name = decoder.read(str)
        types = decoder.read(list[str] | None)
        if decoder.pos - message_at > self._max_header_bytes:
            raise too_large("names", decoder.pos - message_at, self._max_header_bytes)
        path = self._path(service, name, None if types is None else tuple(types))
        method = self._served.methods.get(path)
        if method is None:
            return _not_served(path, one_way)
        check_version(service, self._served, version)
        parameters = self._parameters.of(method)
        count = len(parameters.shapes) if types is None else len(types)
        parameters.check_count(count)
        decoder.schema = parameters.schema
        given: Any = decoder.read(parameters.list_of(count)) or ()
        parameters.check_count(len(given))  # none came, if the list is null
        message = parameters.make(*given)
        parsed = ParsedBody.of(message, (decoder.data, message_at, decoder.pos))
        head, _ = self._read_head(decoder, path, one_way)
        head.codec = GENERIC_CODEC  # this head is not kept
        return DecodedRequest(head, parsed)

    def _echo(
        self, decoder: Decoder, service: str, descriptor: str, one_way: bool
    ) -> DecodedRequest:
        """
        Answer the check that a service is there: with the argument, as it came.
        """
        prefix = f"{service}/"
        is_served = any(path.startswith(prefix) for path in self._served.methods)
        not_served = _not_served(f"{prefix}{_ECHO}", one_way)
        if not is_served or _types_in(descriptor) != _ECHO_TYPES:
            return not_served
        begin = decoder.pos
        decoder.read()
        return DecodedRequest(not_served.head, b"", response=decoder.data[begin : decoder.pos])


def _not_served(path: str, one_way: bool) -> DecodedRequest:
    """
    Return a request that the server will refuse: it knows no such path.
    """
    return DecodedRequest(RequestHead(path, CODEC, one_way=one_way), b"")


def _types_in(descriptor: str) -> tuple[str, ...]:
    try:
        return java_types_of(descriptor)
    except ValueError as error:
        raise HessianError(str(error)) from None
