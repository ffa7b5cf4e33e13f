"""
Writes Java's char and float, which have fewer values than a string and a double of Python.

On the wire they are a string and a double. Java would make another value of what does not fit.
"""

from __future__ import annotations

from math import inf
from typing import Any

from rpcfw_hessian.encoder import Encoder
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.numbers import encode_double, shown_integer
from rpcfw_hessian.source import Source
from rpcfw_hessian.text import encode_string
from rpcfw_hessian.writer import ScalarWriter, unfit
from rpcfw_hessian.writers import write_float

__all__ = ["CHARS", "FLOATS", "CharWriter", "SingleWriter"]

#: The Java types whose values these are.
CHARS = ("char", "java.lang.Character")
FLOATS = ("float", "java.lang.Float")
#: What is larger, Java rounds to Infinity: half a step above the largest float.
_TOO_LARGE = float((1 << 128) - (1 << 103))


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


def _write_single(e: Encoder, value: Any) -> None:
    """
    Write a float.
    """
    if type(value) in (float, int) and _TOO_LARGE <= abs(value) < inf:
        shown = value if type(value) is float else shown_integer(value)
        raise HessianError(f"expected a Java float, of 32 bits, got {shown}")
    write_float(e, value)


class SingleWriter(ScalarWriter):
    """
    Writes a double that a float can hold, not as exactly.
    """

    def __init__(self) -> None:
        super().__init__(_write_single)

    def inline(self, source: Source, value: str) -> None:
        limit = source.bind(_TOO_LARGE)
        with source.block(f"if type({value}) is float and -{limit} < {value} < {limit}:"):
            source.add(f"append({source.bind(encode_double)}({value}))")
        with source.block("else:"):
            super().inline(source, value)
