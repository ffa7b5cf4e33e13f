"""
Writes Java's char, which is a string of one UTF-16 unit.
"""

from __future__ import annotations

from typing import Any

from rpcfw_hessian.encoder import Encoder
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.source import Source
from rpcfw_hessian.text import encode_string
from rpcfw_hessian.writer import ScalarWriter, unfit

__all__ = ["CHARS", "CharWriter"]

#: The Java types whose values these are.
CHARS = ("char", "java.lang.Character")


def _write_char(e: Encoder, value: Any) -> None:
    """
    Write a char. Of a longer string Java would take the first one, and say nothing.
    """
    if type(value) is not str:
        raise unfit("str", value)
    if len(value) != 1 or value > "\uffff":
        raise HessianError(
            f"expected a Java char, one character up to U+FFFF, got {value[:10]!r} "
            f"of {len(value)} characters"
        )
    e.out.append(encode_string(value))


class CharWriter(ScalarWriter):
    """
    Writes a string of one character.
    """

    def __init__(self) -> None:
        super().__init__(_write_char)

    def inline(self, source: Source, value: str) -> None:
        with source.block(f"if type({value}) is str and len({value}) == 1 and {value}.isascii():"):
            source.add("append(b'\\x01')", f"append({value}.encode())")
        with source.block("else:"):
            super().inline(source, value)
