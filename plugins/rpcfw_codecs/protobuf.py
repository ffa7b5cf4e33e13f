"""
Protocol Buffers. Needs the extra ``protobuf``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from google.protobuf.message import Message

from rpcfw.errors import ContractError
from rpcfw.spi.codec import Codec, Coder

__all__ = ["ProtobufCodec"]


class ProtobufCodec(Codec):
    """
    Protobuf's binary format, by Google's library.

    The library writes any message where another is expected, and a reader takes its
    bytes for the other's fields. So the class is compared before a message is written.
    """

    name: ClassVar[str] = "protobuf"

    def coder(self, type: Any) -> Coder:
        if not (isinstance(type, _CLASS) and issubclass(type, Message)):
            raise ContractError(
                f"Protobuf carries its own messages only, not {type!r}; "
                "use the codec json for it, or define the message in a .proto file"
            )
        return Coder(encode=_encoder(type), decode=type.FromString)


def _encoder(kind: type[Message]) -> Callable[[Message], bytes]:
    serialize = kind.SerializeToString

    def encode(message: Message) -> bytes:
        # A frame of Python for each message: what this comparison costs.
        if type(message) is not kind:
            check_message(kind, message)
            return message.SerializeToString()
        return serialize(message)

    return encode


def check_message(kind: type[Message], message: object) -> None:
    """
    Check that a message is of a type, by its full name.

    A process may hold one file twice: as generated code, and in a pool made at run time.

    Raises:
        TypeError: it is another message, or none.
    """
    if type(message) is not kind and _name(message) != kind.DESCRIPTOR.full_name:
        raise TypeError(f"expected a message {kind.DESCRIPTOR.full_name}, got {_name(message)}")


def _name(message: object) -> str:
    if isinstance(message, Message):
        return message.DESCRIPTOR.full_name
    return type(message).__qualname__


#: The argument named ``type`` hides the builtin.
_CLASS = type
