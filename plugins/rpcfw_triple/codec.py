"""
The codecs of the protocol: Protobuf for its own messages, and wrapped Hessian 2 for all else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from google.protobuf.message import Message

from rpcfw.errors import ContractError
from rpcfw.spi.codec import Coder
from rpcfw.values.method import Method
from rpcfw_codecs.protobuf import ProtobufCodec
from rpcfw_dubbo.codec import DubboCodec, GenericRequest, check_count, positional
from rpcfw_dubbo.descriptors import java_types
from rpcfw_dubbo.generic import GenericCodec
from rpcfw_triple.class_names import class_name_of
from rpcfw_triple.wrapped_requests import CODEC, GENERIC_CODEC, GENERIC_TYPES
from rpcfw_triple.wrappers import read_response, write_request, write_response

__all__ = ["TripleCodec", "TripleGenericCodec"]

_OBJECT: Final = "java.lang.Object"


class TripleCodec(DubboCodec):
    """
    Encodes messages for the protocol ``tri``, and for no other.
    """

    name: ClassVar[str] = CODEC
    variant_of: ClassVar[str] = "hessian2"

    def coder(self, type: Any) -> Coder:
        if _is_message(type):
            return self._protobuf().coder(type)
        return _wrapped(super().coder(type), _result_type(type))

    def request_coder(self, method: Method) -> Coder:
        kind = method.request_type
        if _is_message(kind):
            return self._protobuf().coder(kind)
        if not method.unary:
            raise ContractError(
                f"{method.path}: Triple carries streams of Protobuf messages only; define the "
                "messages in a .proto file"
            )
        return super().request_coder(method)

    def _protobuf(self) -> ProtobufCodec:
        return ProtobufCodec(self.options, self.plugin_context)

    def _typed(
        self,
        types: Sequence[str],
        hints: Sequence[Any],
        unpack: Callable[[Any], tuple[Any, ...]],
    ) -> Callable[[Any], bytes]:
        schema = self.options.new_schema()
        names = tuple(map(class_name_of, types))
        try:
            dumpers = [schema.dumper(hint) for hint in hints]
        except TypeError as error:
            raise ContractError(f"Triple cannot carry the request: {error}") from error

        def encode(message: Any) -> bytes:
            arguments = zip(dumpers, unpack(message), strict=True)
            return write_request(names, [dump(argument) for dump, argument in arguments])

        return encode

    def _untyped(self, name: str, types: tuple[str, ...] | None) -> Callable[[Any], bytes]:
        schema = self.options.new_schema()
        names = tuple(map(class_name_of, types or ()))

        def encode(message: Any) -> bytes:
            arguments = positional(message)
            if types is None:
                given = [schema.dumps(each) for each in (name, None, arguments)]
                return GenericRequest(write_request(GENERIC_TYPES, given))
            check_count(arguments, types)
            return write_request(names, [schema.dumps(each) for each in arguments])

        return encode


class TripleGenericCodec(GenericCodec):
    """
    Encodes the responses of generic calls. No client uses it.
    """

    name: ClassVar[str] = GENERIC_CODEC

    def coder(self, type: Any) -> Coder:
        return _wrapped(super().coder(type), _OBJECT)


def _is_message(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Message)


def _wrapped(coder: Coder, java_type: str) -> Coder:
    """
    Return what encodes and decodes responses: results in their wrapper.
    """
    encode_result, decode_result = coder.encode, coder.decode

    def encode(message: Any) -> bytes:
        return write_response(encode_result(message), java_type)

    def decode(body: bytes) -> Any:
        return decode_result(read_response(body).data)

    return Coder(encode, decode, coder.at_once_bytes)


def _result_type(kind: Any) -> str:
    """
    Return the Java class of a result; it is for people, and no peer needs it.
    """
    try:
        (found,) = java_types({"the result": kind}, "")
    except ContractError:
        return _OBJECT
    return class_name_of(found)
