"""
Load reports in the field of a PONG (``docs/wire.md`` section 9).
"""

from __future__ import annotations

from struct import Struct, pack, unpack_from

from rpcfw.values.load_report import MAX_METRICS, MAX_NAME_CHARS, LoadReport

__all__ = ["FORMAT", "pack_load", "parse_load"]

#: The version of the format.
FORMAT = 1
_HEAD = Struct(">BB")
_FLOAT = Struct(">f")
#: The flag of each value, in the order in which they follow.
_VALUES = {1: "cpu", 2: "memory", 4: "load_average", 8: "cores", 16: "qps"}
_KNOWN_FLAGS = sum(_VALUES)
#: The longest report: it fits into the headers that every peer accepts.
_MAX_BYTES = _HEAD.size + 4 * len(_VALUES) + MAX_METRICS * (1 + MAX_NAME_CHARS + 4)


def pack_load(report: LoadReport) -> bytes:
    """
    Return the value of the field.
    """
    given = {flag: getattr(report, name) for flag, name in _VALUES.items()}
    values = [value for value in given.values() if value is not None]
    flags = sum(flag for flag, value in given.items() if value is not None)
    packed = _HEAD.pack(FORMAT, flags) + pack(f">{len(values)}f", *values)
    for name, value in report.metrics.items():
        packed += bytes((len(name),)) + name.encode("ascii") + _FLOAT.pack(value)
    return packed


def parse_load(data: bytes) -> LoadReport | None:
    """
    Return the report, or None if it is of another version, or anything is wrong with it.
    """
    if not _HEAD.size <= len(data) <= _MAX_BYTES:
        return None
    version, flags = _HEAD.unpack_from(data)
    names = [name for flag, name in _VALUES.items() if flags & flag]
    offset = _HEAD.size + _FLOAT.size * len(names)
    if version != FORMAT or flags & ~_KNOWN_FLAGS or offset > len(data):
        return None
    values = dict(zip(names, unpack_from(f">{len(names)}f", data, _HEAD.size), strict=True))
    try:
        return LoadReport(metrics=_parse_metrics(data, offset), **values)
    except ValueError:  # also of a name that is not ASCII
        return None


def _parse_metrics(data: bytes, offset: int) -> dict[str, float]:
    """
    Return the named metrics.

    Raises:
        ValueError: they are cut off, or too many, or a name comes twice.
    """
    metrics: dict[str, float] = {}
    while offset < len(data):
        end = offset + 1 + data[offset]
        if end + _FLOAT.size > len(data) or len(metrics) == MAX_METRICS:
            raise ValueError("the metrics are cut off, or too many")
        name = data[offset + 1 : end].decode("ascii")
        if name in metrics:
            raise ValueError("a metric comes twice")
        (metrics[name],) = _FLOAT.unpack_from(data, end)
        offset = end + _FLOAT.size
    return metrics
