"""
Reads classes of the JDK that Python has its own for: BigDecimal, UUID, those of java.time.

hessian-lite writes them as objects, with their own fields or with those of a "handle" that
stands for them. So each is a function from fields to a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from rpcfw_hessian.errors import HessianError
from rpcfw_hessian.objects import StackFrame

__all__ = ["HANDLES", "READERS"]

Fields = Mapping[str, Any]

#: Package of the classes that stand for those of java.time.
HANDLES = "com.alibaba.com.caucho.hessian.io.java8."


def _integer(fields: Fields, name: str) -> int:
    value = fields[name]
    if type(value) is not int:
        raise HessianError(f"expected an integer as {name}, got {type(value).__qualname__}")
    return value


def _of(fields: Fields, name: str, cls: type) -> Any:
    value = fields[name]
    if type(value) is not cls:
        raise HessianError(f"expected {cls.__name__} as {name}, got {type(value).__qualname__}")
    return value


def _decimal(fields: Fields) -> Decimal:
    value = Decimal(_of(fields, "value", str))
    if not value.is_finite():
        raise HessianError("expected digits as the value of a BigDecimal, got none")
    return value


def _big_integer(fields: Fields) -> int:
    """
    Return the number of a sign and of 32-bit digits, the highest first.
    """
    sign = _integer(fields, "signum")
    if sign not in (-1, 0, 1):
        raise HessianError(f"expected -1, 0 or 1 as signum, got {sign}")
    digits = _of(fields, "mag", list)
    magnitude = b"".join([(digit & 0xFFFFFFFF).to_bytes(4, "big") for digit in digits])
    return int.from_bytes(magnitude, "big") * sign


def _uuid(fields: Fields) -> UUID:
    if "value" in fields:
        return UUID(_of(fields, "value", str))
    high, low = _integer(fields, "mostSigBits"), _integer(fields, "leastSigBits")
    return UUID(int=(high & (1 << 64) - 1) << 64 | low & (1 << 64) - 1)


def _sql_date(fields: Fields) -> datetime:
    value: datetime = _of(fields, "value", datetime)
    return value


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def _instant(fields: Fields) -> datetime:
    microseconds = _integer(fields, "nanos") // 1000
    return _EPOCH + timedelta(seconds=_integer(fields, "seconds"), microseconds=microseconds)


def _duration(fields: Fields) -> timedelta:
    microseconds = _integer(fields, "nanos") // 1000
    return timedelta(seconds=_integer(fields, "seconds"), microseconds=microseconds)


def _local_date(fields: Fields) -> date:
    return date(*(_integer(fields, name) for name in ("year", "month", "day")))


def _local_time(fields: Fields) -> time:
    hour, minute, second = (_integer(fields, name) for name in ("hour", "minute", "second"))
    return time(hour, minute, second, _integer(fields, "nano") // 1000)


def _local_datetime(fields: Fields) -> datetime:
    return datetime.combine(_of(fields, "date", date), _of(fields, "time", time))


def _offset(fields: Fields) -> timezone:
    return timezone(timedelta(seconds=_integer(fields, "seconds")))


def _offset_datetime(fields: Fields) -> datetime:
    value: datetime = _of(fields, "dateTime", datetime)
    return value.replace(tzinfo=_of(fields, "offset", timezone))


def _offset_time(fields: Fields) -> time:
    value: time = _of(fields, "localTime", time)
    return value.replace(tzinfo=_of(fields, "zoneOffset", timezone))


def _zoned_datetime(fields: Fields) -> datetime:
    """
    Return a datetime at its offset; ``tzname()`` is the name of its zone.

    Not a ZoneInfo of the name: that would read a file that a peer names.
    """
    offset: timezone = _of(fields, "offset", timezone)
    zone = fields.get("zoneId")
    if isinstance(zone, str):
        offset = timezone(offset.utcoffset(None), zone)
    value: datetime = _of(fields, "dateTime", datetime)
    return value.replace(tzinfo=offset)


def _stack_frame(fields: Fields) -> StackFrame:
    return StackFrame(
        declaring_class=_of(fields, "declaringClass", str),
        method=_of(fields, "methodName", str),
        file=None if fields.get("fileName") is None else _of(fields, "fileName", str),
        line=_integer(fields, "lineNumber"),
    )


#: Java class to what makes a Python value of its fields.
READERS: dict[str, Callable[[Fields], Any]] = {
    "java.math.BigDecimal": _decimal,
    "java.math.BigInteger": _big_integer,
    "java.util.UUID": _uuid,
    "java.sql.Timestamp": _sql_date,
    "java.sql.Date": _sql_date,
    "java.sql.Time": _sql_date,
    "java.lang.StackTraceElement": _stack_frame,
    f"{HANDLES}InstantHandle": _instant,
    f"{HANDLES}DurationHandle": _duration,
    f"{HANDLES}LocalDateHandle": _local_date,
    f"{HANDLES}LocalTimeHandle": _local_time,
    f"{HANDLES}LocalDateTimeHandle": _local_datetime,
    f"{HANDLES}OffsetDateTimeHandle": _offset_datetime,
    f"{HANDLES}OffsetTimeHandle": _offset_time,
    f"{HANDLES}ZonedDateTimeHandle": _zoned_datetime,
    f"{HANDLES}ZoneOffsetHandle": _offset,
}
