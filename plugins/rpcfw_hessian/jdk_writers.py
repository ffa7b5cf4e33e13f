"""
Writes Python values as the classes of the JDK that they are in Java.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from rpcfw_hessian.encoder import Encoder, Write, encode_definition
from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.jdk import HANDLES
from rpcfw_hessian.numbers import encode_date, encode_int, encode_long
from rpcfw_hessian.objects import StackFrame
from rpcfw_hessian.text import encode_string

__all__ = [
    "DATETIMES",
    "write_big_integer",
    "write_date",
    "write_datetime",
    "write_decimal",
    "write_duration",
    "write_local_date",
    "write_stack_frame",
    "write_time",
    "write_uuid",
]


def _strings(java_class: str, text: Callable[[Any], str]) -> Write:
    """
    Return what writes an object with one field ``value``, a string.
    """
    definition = encode_definition(java_class, ("value",))

    def write(e: Encoder, value: Any) -> None:
        if not e.refer(value):
            e.instance(definition)
            e.out.append(encode_string(text(value)))

    return write


def _digits(value: Decimal) -> str:
    if not value.is_finite():
        raise HessianError(f"expected a finite Decimal, got {value}; BigDecimal has no such value")
    return str(value)


write_decimal = _strings("java.math.BigDecimal", _digits)
write_uuid: Callable[[Encoder, UUID], None] = _strings("java.util.UUID", str)

_BIG_INTEGER = encode_definition(
    "java.math.BigInteger",
    (
        "mag",
        "firstNonzeroIntNumPlusTwo",
        "lowestSetBitPlusTwo",
        "bitLengthPlusOne",
        "bitCountPlusOne",
        "signum",
    ),
)


def write_big_integer(e: Encoder, value: int) -> None:
    """
    Write a BigInteger: its digits of 32 bits, what it remembers of itself, and its sign.
    """
    if e.refer(value):
        return
    size = (abs(value).bit_length() + 31) // 32 * 4
    magnitude = abs(value).to_bytes(size, "big")
    digits = [
        int.from_bytes(magnitude[at : at + 4], "big", signed=True) for at in range(0, size, 4)
    ]
    e.instance(_BIG_INTEGER)
    e.refer(digits)
    e.list_head("[int", len(digits))
    e.out.extend(map(encode_int, digits))
    e.out.extend([encode_int(0)] * 4)
    e.out.append(encode_int((value > 0) - (value < 0)))


def write_date(e: Encoder, value: datetime) -> None:
    """
    Write a java.util.Date, which knows milliseconds and no zone.
    """
    if value.tzinfo is None:
        raise HessianError(
            "expected a datetime with a zone, got one without; "
            "annotate java.time.LocalDateTime for it"
        )
    e.out.append(encode_date(value))


def write_datetime(e: Encoder, value: datetime) -> None:
    """
    Write a java.util.Date; or a java.time.LocalDateTime, if the datetime has no zone.
    """
    if value.tzinfo is None:
        write_local_datetime(e, value)
    else:
        e.out.append(encode_date(value))


def _sql(java_class: str) -> Write:
    definition = encode_definition(java_class, ("value",))

    def write(e: Encoder, value: datetime) -> None:
        e.number(value)
        e.instance(definition)
        write_date(e, value)

    return write


_INSTANT = encode_definition(f"{HANDLES}InstantHandle", ("nanos", "seconds"))
_DURATION = encode_definition(f"{HANDLES}DurationHandle", ("nanos", "seconds"))
_DATE = encode_definition(f"{HANDLES}LocalDateHandle", ("day", "month", "year"))
_TIME = encode_definition(f"{HANDLES}LocalTimeHandle", ("nano", "second", "minute", "hour"))
_DATETIME = encode_definition(f"{HANDLES}LocalDateTimeHandle", ("time", "date"))
_OFFSET = encode_definition(f"{HANDLES}ZoneOffsetHandle", ("seconds",))
_OFFSET_DATETIME = encode_definition(f"{HANDLES}OffsetDateTimeHandle", ("offset", "dateTime"))
_OFFSET_TIME = encode_definition(f"{HANDLES}OffsetTimeHandle", ("zoneOffset", "localTime"))
_ZONED = encode_definition(f"{HANDLES}ZonedDateTimeHandle", ("offset", "dateTime", "zoneId"))

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _write_seconds(e: Encoder, value: timedelta) -> None:
    """
    Write nanoseconds and seconds, of which only the seconds may be negative.
    """
    e.out.append(encode_int(value.microseconds * 1000))
    e.out.append(encode_long(value.days * 86400 + value.seconds))


def write_duration(e: Encoder, value: timedelta) -> None:
    """
    Write a java.time.Duration.
    """
    if not e.refer(value):
        e.instance(_DURATION)
        _write_seconds(e, value)


def _write_instant(e: Encoder, value: datetime) -> None:
    e.number(value)
    e.instance(_INSTANT)
    _write_seconds(e, _aware(value) - _EPOCH)


def write_local_date(e: Encoder, value: date) -> None:
    """
    Write a java.time.LocalDate.
    """
    if not e.refer(value):
        e.instance(_DATE)
        e.out.extend(map(encode_int, (value.day, value.month, value.year)))


def write_time(e: Encoder, value: time) -> None:
    """
    Write a java.time.LocalTime; or an OffsetTime, if the time has a zone.
    """
    if value.tzinfo is None:
        _write_local_time(e, value)
    elif not e.refer(value):
        e.instance(_OFFSET_TIME)
        _write_offset(e, value)
        _write_local_time(e, value.replace(tzinfo=None))


def _write_local_time(e: Encoder, value: time) -> None:
    if not e.refer(value):
        e.instance(_TIME)
        nano = value.microsecond * 1000
        e.out.extend(map(encode_int, (nano, value.second, value.minute, value.hour)))


def write_local_datetime(e: Encoder, value: datetime) -> None:
    """
    Write a java.time.LocalDateTime.
    """
    if value.tzinfo is not None:
        raise HessianError("expected a datetime without a zone, got one with a zone")
    if not e.refer(value):
        e.instance(_DATETIME)
        _write_local_time(e, value.time())
        write_local_date(e, value.date())


def _write_offset(e: Encoder, value: datetime | time) -> None:
    offset = value.utcoffset()
    if offset is None or offset.microseconds:
        raise HessianError("expected a time whose zone has an offset of whole seconds")
    zone = timezone(offset)
    if not e.refer(zone):
        e.instance(_OFFSET)
        e.out.append(encode_int(offset.days * 86400 + offset.seconds))


def _write_offset_datetime(e: Encoder, value: datetime) -> None:
    e.number(_aware(value))
    e.instance(_OFFSET_DATETIME)
    _write_offset(e, value)
    write_local_datetime(e, value.replace(tzinfo=None))


def _write_zoned_datetime(e: Encoder, value: datetime) -> None:
    e.number(_aware(value))
    e.instance(_ZONED)
    _write_offset(e, value)
    write_local_datetime(e, value.replace(tzinfo=None))
    e.out.append(encode_string(_zone_of(value)))


def _zone_of(value: datetime) -> str:
    """
    Return the name of a zone as Java has it, as ``Europe/Berlin``; without one, the offset.
    """
    name = getattr(value.tzinfo, "key", None) or value.tzname() or ""
    return name if "/" in name else value.replace(microsecond=0).isoformat()[19:]


def _aware(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise HessianError("expected a datetime with a zone, got one without")
    return value


#: What writes a datetime, by the Java type that its annotation has.
DATETIMES: dict[str, Write] = {
    "": write_datetime,
    "java.util.Date": write_date,
    "java.sql.Timestamp": _sql("java.sql.Timestamp"),
    "java.sql.Date": _sql("java.sql.Date"),
    "java.sql.Time": _sql("java.sql.Time"),
    "java.time.Instant": _write_instant,
    "java.time.LocalDateTime": write_local_datetime,
    "java.time.OffsetDateTime": _write_offset_datetime,
    "java.time.ZonedDateTime": _write_zoned_datetime,
}

_STACK_FRAME = encode_definition(
    "java.lang.StackTraceElement", ("declaringClass", "methodName", "fileName", "lineNumber")
)


def write_stack_frame(e: Encoder, value: StackFrame) -> None:
    """
    Write a line of a stack trace.
    """
    if not e.refer(value):
        e.instance(_STACK_FRAME)
        e.out.append(encode_string(value.declaring_class))
        e.out.append(encode_string(value.method))
        e.out.append(b"N" if value.file is None else encode_string(value.file))
        e.out.append(encode_int(value.line))
