"""
Protocol Buffers. Needs the extra ``protobuf``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from google.protobuf.message import Message

from rpcfw.errors import ContractError
from rpcfw.spi.codec import Codec, Coder

__all__ = ["ProtobufCodec"]


class ProtobufCodec(Codec):
    """
    Protobuf's binary form, by the library's own functions with nothing between.
    """

    name: ClassVar[str] = "protobuf"

    def coder(self, type: Any) -> Coder:
        if not (isinstance(type, _CLASS) and issubclass(type, Message)):
            raise ContractError(
                f"Protobuf carries its own messages only, not {type!r}; "
                "use the codec json for it, or define the message in a .proto file"
            )
        return Coder(encode=type.SerializeToString, decode=type.FromString)


#: The argument named ``type`` hides the builtin.
_CLASS = type
