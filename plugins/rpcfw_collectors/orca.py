"""
Load reports in the form of gRPC: ``xds.data.orca.v3.OrcaLoadReport`` in a trailer.

The message has a few doubles and maps of doubles. Reading it by hand needs no Protocol
Buffers, and reads no more than what is looked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from rpcfw.values.load_report import MAX_METRICS, LoadReport, is_load, is_metric_name

__all__ = ["CORES", "LOAD_AVERAGE", "TRAILER", "pack_orca", "parse_orca"]

#: The name of the trailer.
TRAILER = "endpoint-load-metrics-bin"
#: The names of metrics for what ORCA has no fields for.
CORES, LOAD_AVERAGE = "cpu_cores", "load_average"
_OURS = frozenset({CORES, LOAD_AVERAGE})

#: Longer reports are not read.
_MAX_BYTES = 4096
#: Field numbers of the message, and of an entry of a map.
_CPU, _MEMORY, _UTILIZATION, _RPS, _METRICS, _APPLICATION = 1, 2, 5, 6, 8, 9
_KEY, _VALUE = 1, 2
#: Wire types.
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DOUBLE = Struct("<d")


def pack_orca(report: LoadReport) -> bytes:
    """
    Return a report as bytes.

    What is not known is left out, which means 0 in ORCA. A value of 0 that is known is written,
    so that `parse_orca` can tell an idle server from one that does not know its load.
    """
    packed = b""
    for number, value in ((_CPU, report.cpu), (_MEMORY, report.memory), (_RPS, report.qps)):
        if value is not None:
            packed += _tagged_double(number, value)
    extra = {CORES: report.cores, LOAD_AVERAGE: report.load_average}
    metrics = {name: value for name, value in extra.items() if value is not None}
    for name, value in {**metrics, **report.metrics}.items():
        key = name.encode("ascii")
        entry = bytes((_KEY << 3 | _BYTES, len(key))) + key + _tagged_double(_VALUE, value)
        packed += bytes((_METRICS << 3 | _BYTES, len(entry))) + entry
    return packed


def parse_orca(data: bytes) -> LoadReport | None:
    """
    Return the report, or None if anything is wrong with it.

    The utilization that the application gives itself replaces that of the CPU, as in gRPC's
    ``weighted_round_robin``. Metrics are those of both maps: named utilizations, and others.
    """
    if len(data) > _MAX_BYTES:
        return None
    values: dict[int, float] = {}
    metrics: dict[str, float] = {}
    try:
        for number, value in _fields(data):
            if isinstance(value, float):
                values[number] = value
            elif number in (_UTILIZATION, _METRICS):
                _add_metric(metrics, *_entry(value))
        cores, load_average = metrics.pop(CORES, None), metrics.pop(LOAD_AVERAGE, None)
        return LoadReport(
            cpu=values.get(_APPLICATION) or values.get(_CPU),
            memory=values.get(_MEMORY),
            load_average=load_average,
            cores=cores,
            qps=values.get(_RPS),
            metrics=metrics,
        )
    except ValueError:  # also of a name that is no UTF-8
        return None


def _tagged_double(number: int, value: float) -> bytes:
    return bytes((number << 3 | _FIXED64,)) + _DOUBLE.pack(value)


def _add_metric(metrics: dict[str, float], name: str, value: float) -> None:
    """
    Add a metric, unless there are too many. What is of no use here is no mistake of the server.
    """
    if not is_metric_name(name) or not is_load(value):
        return
    # Ours are no metrics of the report in the end.
    others = len(metrics.keys() - _OURS)
    if name in _OURS or name in metrics or others < MAX_METRICS:
        metrics[name] = value


def _entry(data: bytes) -> tuple[str, float]:
    """
    Return key and value of an entry of a map.
    """
    name, metric = "", 0.0
    for number, value in _fields(data):
        if number == _KEY and isinstance(value, bytes):
            name = value.decode("utf-8")
        elif number == _VALUE and isinstance(value, float):
            metric = value
    return name, metric


def _fields(data: bytes) -> Iterator[tuple[int, float | bytes]]:
    """
    Yield the doubles and the byte strings of a message, each with its field number.

    Raises:
        ValueError: it is cut off, or no message.
    """
    offset = 0
    while offset < len(data):
        tag, offset = _varint(data, offset)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, offset = _varint(data, offset)
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind, -1)
        if kind == _BYTES:
            size, offset = _varint(data, offset)
        end = offset + size
        if size < 0 or end > len(data):
            raise ValueError("a field is cut off, or of an unknown type")
        if kind == _FIXED64:
            yield number, _DOUBLE.unpack_from(data, offset)[0]
        elif kind == _BYTES:
            yield number, data[offset:end]
        offset = end


def _varint(data: bytes, offset: int) -> tuple[int, int]:
    """
    Return a number of variable length, and the offset after it.
    """
    value = shift = 0
    for place in range(offset, min(offset + 10, len(data))):
        value |= (data[place] & 0x7F) << shift
        if data[place] < 0x80:
            return value, place + 1
        shift += 7
    raise ValueError("a number is cut off, or too long")
