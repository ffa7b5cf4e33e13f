"""
Integers, doubles and dates: sections 4.3 to 4.5 of the specification, and their sizes.

An integer's form follows from its first byte: a number to begin with, and how many bytes
come after it. So one table serves all of them.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from struct import Struct
from typing import Any

from rpcfw_hessian.errors import HessianError

__all__ = [
    "INTEGER_BASE",
    "INTEGER_RUNS",
    "INTEGER_SIZE",
    "SMALL_INTS",
    "SMALL_LONGS",
    "TAGGED_INT",
    "TAGGED_LONG",
    "datetime_of",
    "double_at",
    "encode_date",
    "encode_double",
    "encode_int",
    "encode_integer",
    "encode_long",
    "int_at",
    "large_int",
    "large_long",
    "long_at",
    "read_double",
    "read_integer",
    "shown_integer",
]

_INT = Struct(">i")
_LONG = Struct(">q")
_DOUBLE = Struct(">d")
#: A tag, and 4 or 8 bytes.
TAGGED_INT = Struct(">Bi")
TAGGED_LONG = Struct(">Bq")
#: Unpack 4 or 8 bytes at a place.
int_at = _INT.unpack_from
long_at = _LONG.unpack_from
double_at = _DOUBLE.unpack_from

#: By tag: bytes that an integer takes, its tag included; 0 if it is none.
INTEGER_SIZE: list[int] = [0] * 256
#: By tag: what the bytes after it are added to.
INTEGER_BASE: list[int] = [0] * 256


def _compact(first: int, last: int, zero: int, size: int) -> None:
    """
    Enter one compact form: its tags, the tag of zero, and bytes with the tag.
    """
    for tag in range(first, last + 1):
        INTEGER_SIZE[tag] = size
        INTEGER_BASE[tag] = (tag - zero) << 8 * (size - 1)


_compact(0x80, 0xBF, 0x90, 1)  # int
_compact(0xC0, 0xCF, 0xC8, 2)
_compact(0xD0, 0xD7, 0xD4, 3)
_compact(0xD8, 0xEF, 0xE0, 1)  # long
_compact(0xF0, 0xFF, 0xF8, 2)
_compact(0x38, 0x3F, 0x3C, 3)
INTEGER_SIZE[0x49] = INTEGER_SIZE[0x59] = 5
INTEGER_SIZE[0x4C] = 9

#: What unpacks several large integers of one size, by their tags. The ids or times in a list
#: mostly have one size, and one call for all takes a third of the time of one for each.
INTEGER_RUNS = {
    tag * count: Struct(">" + form * count).unpack_from
    for tag, form in ((b"\x49", "xi"), (b"\x59", "xi"), (b"\x4c", "xq"))
    for count in range(2, 48)
}


def read_integer(data: bytes, pos: int) -> int:
    """
    Return the integer at a place where one is.
    """
    tag = data[pos]
    size = INTEGER_SIZE[tag]
    if size == 1:
        return INTEGER_BASE[tag]
    if size == 2:
        return INTEGER_BASE[tag] + data[pos + 1]
    if size == 3:
        return INTEGER_BASE[tag] + (data[pos + 1] << 8) + data[pos + 2]
    value: int = int_at(data, pos + 1)[0] if size == 5 else long_at(data, pos + 1)[0]
    return value


def _encoded(value: int, zero: int, size: int) -> bytes:
    return (value + (zero << 8 * (size - 1))).to_bytes(size, "big")


#: The integers of one and two bytes.
SMALL_INTS = {
    value: _encoded(value, 0x90, 1) if -16 <= value <= 47 else _encoded(value, 0xC8, 2)
    for value in range(-2048, 2048)
}
SMALL_LONGS = {
    value: _encoded(value, 0xE0, 1) if -8 <= value <= 15 else _encoded(value, 0xF8, 2)
    for value in range(-2048, 2048)
}


def encode_int(value: int) -> bytes:
    """
    Return a Java int.
    """
    small = SMALL_INTS.get(value)
    return large_int(value) if small is None else small


def large_int(value: int) -> bytes:
    """
    Return a Java int that takes more than two bytes.
    """
    if -0x40000 <= value < 0x40000:
        return _encoded(value, 0xD4, 3)
    if -0x80000000 <= value < 0x80000000:
        return TAGGED_INT.pack(0x49, value)
    raise HessianError(
        f"expected a Java int, of 32 bits, got {shown_integer(value)}; annotate Long"
    )


def encode_long(value: int) -> bytes:
    """
    Return a Java long.
    """
    small = SMALL_LONGS.get(value)
    return large_long(value) if small is None else small


def large_long(value: int) -> bytes:
    """
    Return a Java long that takes more than two bytes.
    """
    if -0x40000 <= value < 0x40000:
        return _encoded(value, 0x3C, 3)
    if -0x80000000 <= value < 0x80000000:
        return TAGGED_INT.pack(0x59, value)
    if -(1 << 63) <= value < 1 << 63:
        return TAGGED_LONG.pack(0x4C, value)
    raise HessianError(
        f"expected a Java long, of 64 bits, got {shown_integer(value)}; annotate BigInteger"
    )


def encode_integer(value: int) -> bytes:
    """
    Return a Java int if the value fits one, else a long.
    """
    if -0x80000000 <= value < 0x80000000:
        return encode_int(value)
    return encode_long(value)


def shown_integer(value: int) -> str:
    """
    Return an integer as errors have it.
    """
    # Python refuses to write out integers of more than 4,300 digits.
    return str(value) if value.bit_length() < 200 else f"an integer of {value.bit_length()} bits"


def read_double(data: bytes, pos: int) -> tuple[float, int]:
    """
    Return the double at a place where one is, and the place after it.
    """
    tag = data[pos]
    if tag == 0x44:
        return double_at(data, pos + 1)[0], pos + 9
    if tag == 0x5F:
        # A float in the draft; hessian-lite writes thousandths, and so multiplies.
        return 0.001 * int_at(data, pos + 1)[0], pos + 5
    if tag == 0x5B:
        return 0.0, pos + 1
    if tag == 0x5C:
        return 1.0, pos + 1
    if tag == 0x5D:
        return float((data[pos + 1] ^ 0x80) - 0x80), pos + 2
    return float((((data[pos + 1] << 8) + data[pos + 2]) ^ 0x8000) - 0x8000), pos + 3


def encode_double(value: float) -> bytes:
    """
    Return a double. Like hessian-lite this writes -0.0 as 0.0.
    """
    if -2147483.648 <= value <= 2147483.647:
        whole = int(value)
        if whole == value and -0x8000 <= whole < 0x8000:
            return _whole_double(whole)
        thousandths = int(value * 1000)
        if 0.001 * thousandths == value:
            return b"\x5f" + _INT.pack(thousandths)
    return b"D" + _DOUBLE.pack(value)


def _whole_double(value: int) -> bytes:
    if value in (0, 1):
        return b"\x5b\x5c"[value : value + 1]
    if -0x80 <= value < 0x80:
        return b"\x5d" + value.to_bytes(1, "big", signed=True)
    return b"\x5e" + value.to_bytes(2, "big", signed=True)


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)


def datetime_of(data: bytes, pos: int) -> datetime:
    """
    Return the date at a place where one is: in milliseconds (4a) or minutes (4b).
    """
    if data[pos] == 0x4A:
        milliseconds = long_at(data, pos + 1)[0]
    else:
        milliseconds = int_at(data, pos + 1)[0] * 60_000
    try:
        # Not fromtimestamp, whose floats are inexact in other centuries.
        return _EPOCH + timedelta(milliseconds=milliseconds)
    except OverflowError:
        raise HessianError(
            f"expected a date of the years 1 to 9999, got {milliseconds} milliseconds of Unix time"
        ) from None


def encode_date(value: Any) -> bytes:
    """
    Return a java.util.Date: a datetime with a zone, to the millisecond.
    """
    milliseconds = (value - _EPOCH) // _MILLISECOND
    minutes, rest = divmod(milliseconds, 60_000)
    if rest == 0 and -0x80000000 <= minutes < 0x80000000:
        return b"\x4b" + _INT.pack(minutes)
    return b"\x4a" + _LONG.pack(milliseconds)
