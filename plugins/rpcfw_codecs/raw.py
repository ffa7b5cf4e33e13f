"""
Bytes as they are: for proxies, and for applications with a format of their own.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rpcfw.errors import ContractError
from rpcfw.spi.codec import Codec, Coder

__all__ = ["RawCodec"]


class RawCodec(Codec):
    """
    A message is ``bytes`` and is sent unchanged.
    """

    name: ClassVar[str] = "raw"

    def coder(self, type: Any) -> Coder:
        if type is not bytes:
            raise ContractError(
                f"the codec raw carries bytes, not {type!r}; name the types of the method: "
                "@method(codec='raw', shape=..., request_type=bytes, response_type=bytes)"
            )
        return Coder(encode=_as_bytes, decode=bytes)


def _as_bytes(message: Any) -> bytes:
    # bytes() alone would turn a number into that many zeros.
    if not isinstance(message, (bytes, bytearray, memoryview)):
        raise TypeError(f"expected bytes, got {type(message).__name__}")
    return bytes(message)
