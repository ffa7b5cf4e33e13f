"""
JSON: for plain Python types by msgspec, for Protobuf messages by their own mapping.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

from rpcfw.errors import ContractError
from rpcfw.spi.codec import Codec, Coder
from rpcfw_codecs.json_checks import check_of
from rpcfw_codecs.json_values import Check

__all__ = ["JSONCodec"]

_encode = msgspec.json.Encoder().encode


class JSONCodec(Codec):
    """
    JSON as a type's annotations ask for it; ``Any`` reads as builtins.

    Depth is bounded by the interpreter's own recursion limit, which both libraries
    heed: JSON that is nested deeper raises, as any other that does not fit.
    """

    name: ClassVar[str] = "json"

    def coder(self, type: Any) -> Coder:
        if _looks_like_protobuf(type):
            return _protobuf_coder(type)
        try:
            # Only the schema looks into every field; the decoder alone would put
            # off the complaint about an unknown class until a message comes.
            msgspec.json.schema(type)
            return Coder(encode=_checked(check_of(type)), decode=msgspec.json.Decoder(type).decode)
        except Exception as error:
            reason = str(error).rpartition("\n")[2]
            name = getattr(type, "__qualname__", None) or repr(type)
            raise ContractError(
                f"JSON cannot carry {name}: {reason}; use builtins, dataclasses, "
                "attrs classes, msgspec structs or Protobuf messages"
            ) from error


def _checked(check: Check) -> Callable[[Any], bytes]:
    def encode(message: Any) -> bytes:
        check(message)
        return _encode(message)

    return encode


def _looks_like_protobuf(type: Any) -> bool:
    """
    Tell without importing Protobuf, which is an extra.
    """
    return hasattr(type, "DESCRIPTOR") and hasattr(type, "SerializeToString")


def _protobuf_coder(type: Any) -> Coder:
    """
    Both spellings of a field's name are read, lowerCamelCase is written.
    """
    from google.protobuf import json_format

    from rpcfw_codecs.protobuf import check_message

    # What an Any holds is looked up where the type itself comes from: a service made at
    # run time has a pool of its own.
    pool = type.DESCRIPTOR.file.pool

    def encode(message: Any) -> bytes:
        check_message(type, message)
        return _encode(json_format.MessageToDict(message, descriptor_pool=pool))

    def decode(data: bytes) -> Any:
        return json_format.Parse(data, type(), descriptor_pool=pool)

    return Coder(encode=encode, decode=decode)
