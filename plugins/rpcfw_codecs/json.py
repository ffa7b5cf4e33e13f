"""
JSON: for plain Python types by msgspec, for Protobuf messages by their own mapping.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, get_origin

import msgspec

from rpcfw.errors import ContractError, MessageTooLarge
from rpcfw.spi.codec import Codec, Coder
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.values.units import Bytes
from rpcfw_codecs.json_checks import check_of
from rpcfw_codecs.json_hashes import has_chosen_hashes
from rpcfw_codecs.json_values import Check

__all__ = ["JSONCodec"]

_encode = msgspec.json.Encoder().encode


#: protobuf reads JSON in Python, at up to 3 µs a byte: this is about a millisecond.
_PROTOBUF_AT_ONCE_BYTES = 512


@options
class JSONOptions:
    """
    What the INI may say.
    """

    max_protobuf_bytes: Bytes = option(
        "256KiB",
        "largest JSON of a Protobuf message; decoding takes up to 3 s for a MiB",
        was="max_protobuf",
    )
    max_hashed_bytes: Bytes = option(
        "64KiB",
        "largest JSON of a type with sets or dict keys whose hashes a peer can choose",
        was="max_hashed",
    )


class JSONCodec(Codec):
    """
    JSON, checked by the annotations of the type; ``Any`` is decoded to dict, list, str, ...

    Depth is bounded by the interpreter's own recursion limit, which both libraries
    heed: JSON that is nested deeper raises, as any other that does not fit.
    """

    name: ClassVar[str] = "json"
    Options: ClassVar[type] = JSONOptions

    def __init__(self, options: JSONOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._max_protobuf = options.max_protobuf_bytes
        self._max_hashed = options.max_hashed_bytes

    def coder(self, type: Any) -> Coder:
        if _looks_like_protobuf(type):
            return _protobuf_coder(type, self._max_protobuf)
        try:
            # Only the schema looks into every field; the decoder alone would put
            # off the complaint about an unknown class until a message comes.
            msgspec.json.schema(type)
            check = check_of(type)
            decode: Callable[[bytes], Any] = msgspec.json.Decoder(type).decode
            if has_chosen_hashes(type):
                decode = _limited(decode, self._max_hashed)
            return Coder(encode=_checked(check), decode=decode)
        except Exception as error:
            reason = str(error).rpartition("\n")[2]
            name = repr(type) if get_origin(type) else getattr(type, "__qualname__", repr(type))
            raise ContractError(
                f"JSON cannot carry {name}: {reason}; use builtins, dataclasses, "
                "attrs classes, msgspec structs or Protobuf messages"
            ) from error


def _checked(check: Check) -> Callable[[Any], bytes]:
    def encode(message: Any) -> bytes:
        check(message)
        return _encode(message)

    return encode


def _limited(decode: Callable[[bytes], Any], limit_bytes: int) -> Callable[[bytes], Any]:
    """
    Return a reader of types in which a peer can make hashes collide.

    Each entry is then compared with all others, in the reactor: 20,000 take 2 s.
    """

    def decode_limited(data: bytes) -> Any:
        if len(data) > limit_bytes:
            raise MessageTooLarge(
                f"JSON with sets, or keys of dicts, that are no strings has {len(data)} bytes; "
                f"[codec json] max_hashed_bytes allows {limit_bytes}"
            )
        return decode(data)

    return decode_limited


def _looks_like_protobuf(type: Any) -> bool:
    """
    Tell without importing Protobuf, which is an extra.
    """
    return hasattr(type, "DESCRIPTOR") and hasattr(type, "SerializeToString")


def _protobuf_coder(type: Any, limit_bytes: int) -> Coder:
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
        if len(data) > limit_bytes:
            raise MessageTooLarge(
                f"the JSON of a Protobuf message has {len(data)} bytes; [codec json] "
                f"max_protobuf_bytes allows {limit_bytes}; send it in Protobuf's binary form"
            )
        return json_format.Parse(data, type(), descriptor_pool=pool)

    return Coder(encode=encode, decode=decode, at_once_bytes=_PROTOBUF_AT_ONCE_BYTES)
