"""
The codec of the protocol: Hessian 2, with the types of the parameters in each request.

A request is the descriptor of the parameters, then each argument. A response is one value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from rpcfw.errors import ContractError
from rpcfw.spi.codec import Coder
from rpcfw.spi.events import ParsedBody
from rpcfw.values.arguments import Arguments
from rpcfw.values.method import Method
from rpcfw_dubbo.descriptors import GENERIC, descriptor_of, java_types, parse_signature
from rpcfw_dubbo.request_heads import CODEC
from rpcfw_hessian.codec import Hessian2Codec
from rpcfw_hessian.encoder import Encoder, Write
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.text import encode_string

__all__ = ["DubboCodec", "GenericRequest", "check_count", "positional"]


class GenericRequest(bytes):
    """
    The arguments of ``$invoke``, which calls a method by its name.
    """


class DubboCodec(Hessian2Codec):
    """
    Encodes messages for the protocol ``dubbo``, and for no other.

    Responses are as those of the codec ``hessian2``.
    """

    name: ClassVar[str] = CODEC
    variant_of: ClassVar[str] = "hessian2"

    def request_coder(self, method: Method) -> Coder:
        name, said = parse_signature(method.name)
        kind = method.request_type
        if kind is Any:
            encode = self._untyped(name, said)
        elif isinstance(kind, type) and issubclass(kind, Arguments):
            hints = {field.name: field.type for field in msgspec.structs.fields(kind)}
            types = _java_types(said, hints, method.path)
            encode = self._typed(types, tuple(hints.values()), msgspec.structs.astuple)
        else:
            types = _java_types(said, {"the request": kind}, method.path)
            encode = self._typed(types, (kind,), _alone)
        return Coder(encode, self._parsed)

    def _parsed(self, body: bytes) -> Any:
        if not isinstance(body, ParsedBody):
            raise HessianError(f"expected a request that came over the protocol {self.name}")
        return body.value

    # The bytes of arguments; those of Triple are others.

    def _typed(
        self,
        types: Sequence[str],
        hints: Sequence[Any],
        unpack: Callable[[Any], tuple[Any, ...]],
    ) -> Callable[[Any], bytes]:
        """
        Return what encodes the arguments of a method whose types are known.
        """
        schema = self.options.new_schema()
        descriptor = encode_string(descriptor_of(types))
        try:
            writes: list[Write] = [schema.writer(hint) for hint in hints]
        except TypeError as error:
            raise ContractError(f"Dubbo cannot carry the request: {error}") from error
        if len(hints) == 1:
            dump = schema.dumper(hints[0], descriptor)
            # Without a call around it, where the argument is the message itself.
            return dump if unpack is _alone else lambda message: dump(*unpack(message))

        def encode(message: Any) -> bytes:
            encoder = Encoder(schema)
            for write, argument in zip(writes, unpack(message), strict=True):
                encoder.write_by(write, argument)
            return descriptor + encoder.take()

        return encode

    def _untyped(self, name: str, types: tuple[str, ...] | None) -> Callable[[Any], bytes]:
        """
        Return what encodes a list of arguments whose types are not known here.

        Without the types of the parameters the call is generic: the provider looks for a method
        with this name.
        """
        schema = self.options.new_schema()

        def encode(message: Any) -> bytes:
            arguments = positional(message)
            encoder = Encoder(schema)
            if types is None:
                encoder.write(name)
                encoder.write(None)
                encoder.write(arguments)
                return GenericRequest(encode_string(GENERIC) + encoder.take())
            check_count(arguments, types)
            for argument in arguments:
                encoder.write(argument)
            return encode_string(descriptor_of(types)) + encoder.take()

        return encode


def _java_types(said: tuple[str, ...] | None, hints: Mapping[str, Any], path: str) -> Sequence[str]:
    """
    Return the Java types of parameters: those in the name of the method, or by the annotations.

    Raises:
        ContractError: there are more of one than of the other, or an annotation has none.
    """
    if said is None:
        return java_types(hints, path)
    if len(said) != len(hints):
        raise ContractError(
            f"{path}: expected a Java type for each of {len(hints)} parameters, got {len(said)}"
        )
    return said


def _alone(message: Any) -> tuple[Any]:
    """
    Return the arguments of a method whose one argument is the message.
    """
    return (message,)


def check_count(arguments: Sequence[Any], types: Sequence[str]) -> None:
    """
    Raise unless there is an argument for each Java type in the name of a method.

    The provider would take what comes next, the attachments, for the missing argument.

    Raises:
        HessianError: there are more or fewer.
    """
    if len(arguments) != len(types):
        raise HessianError(
            f"expected {len(types)} arguments, of the types ({','.join(types)}), "
            f"got {len(arguments)}"
        )


def positional(message: Any) -> list[Any]:
    """
    Return the arguments of a message whose types are not known here.

    Raises:
        HessianError: they have names.
    """
    if isinstance(message, list):
        return message
    if message in ({}, None):
        return []
    raise HessianError(
        'expected a list of arguments, since Java\'s have no names, as ["bob"]; '
        f"got {type(message).__name__}"
    )
