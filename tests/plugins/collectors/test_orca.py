"""
ORCA: load reports as gRPC reads and writes them.
"""

from __future__ import annotations

import struct

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given
from hypothesis.strategies import binary

from rpcfw.values.load_report import MAX_METRICS, LoadReport
from rpcfw_collectors.orca import pack_orca, parse_orca

#: Numbers of the fields, as ``xds/data/orca/v3/orca_load_report.proto`` has them.
DOUBLES = {
    "cpu_utilization": 1,
    "mem_utilization": 2,
    "rps_fractional": 6,
    "eps": 7,
    "application_utilization": 9,
}
MAPS = {"request_cost": 4, "utilization": 5, "named_metrics": 8}


@pytest.fixture(scope="module")
def orca():
    """
    The message class, made by Protocol Buffers.
    """
    file = descriptor_pb2.FileDescriptorProto(name="orca.proto", package="t", syntax="proto3")
    message = file.message_type.add(name="OrcaLoadReport")
    for name, number in DOUBLES.items():
        message.field.add(name=name, number=number, type=1, label=1)
    message.field.add(name="rps", number=3, type=4, label=1)
    for name, number in MAPS.items():
        entry_name = "".join(word.title() for word in name.split("_")) + "Entry"
        entry = message.nested_type.add(name=entry_name)
        entry.options.map_entry = True
        entry.field.add(name="key", number=1, type=9, label=1)
        entry.field.add(name="value", number=2, type=1, label=1)
        kind = f".t.OrcaLoadReport.{entry_name}"
        message.field.add(name=name, number=number, type=11, label=3, type_name=kind)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.OrcaLoadReport"))


def test_protobuf_reads_ours(orca):
    """
    What is written is what Protocol Buffers read.
    """
    report = LoadReport(
        cpu=0.5, memory=0.25, qps=12.5, cores=4.0, load_average=1.5, metrics={"queue": 0.75}
    )
    read = orca.FromString(pack_orca(report))

    assert (0.5, 0.25, 12.5) == (read.cpu_utilization, read.mem_utilization, read.rps_fractional)
    assert {"queue": 0.75, "cpu_cores": 4.0, "load_average": 1.5} == dict(read.named_metrics)


def test_ours_is_read_back():
    """
    A report is read as it was written.
    """
    report = LoadReport(cpu=0.5, memory=0.25, qps=1.0, cores=4.0, metrics={"queue": 0.0})

    assert parse_orca(pack_orca(report)) == report


def test_as_many_metrics_as_a_report_may_have():
    """
    No metric of a full report is lost for the sake of those that ORCA has no fields for.
    """
    metrics = {f"m{number}": 1.0 for number in range(MAX_METRICS)}
    report = LoadReport(cpu=0.5, cores=4.0, load_average=1.0, metrics=metrics)

    assert parse_orca(pack_orca(report)) == report


def test_an_idle_server():
    """
    A CPU that is idle is known to be so, and one that was not measured is not known.
    """
    assert 0.0 == parse_orca(pack_orca(LoadReport(cpu=0.0, memory=0.0, qps=0.0))).cpu
    assert parse_orca(pack_orca(LoadReport(memory=0.5))).cpu is None


def test_the_last_of_a_name_counts(orca):
    """
    Of two values with the same name the last one counts, as in all maps of Protocol Buffers.
    """
    many = {f"m{number}": 1.0 for number in range(MAX_METRICS)}
    written = orca(utilization=many).SerializeToString()
    again = orca(named_metrics={"m3": 0.25}).SerializeToString()

    assert {**many, "m3": 0.25} == parse_orca(written + again).metrics


def test_a_report_of_another_server(orca):
    """
    Fields that are not used are skipped, whatever their types are; both maps are metrics.
    """
    written = orca(
        cpu_utilization=0.1,
        mem_utilization=0.2,
        rps=7,
        request_cost={"a": 1.0},
        utilization={"b": 0.5},
        rps_fractional=2.0,
        eps=3.0,
        named_metrics={"queue": 0.5},
    ).SerializeToString()
    unknown = b"\xf5\x07\x00\x00\x00\x00"  # field 126, four bytes

    report = LoadReport(cpu=0.1, memory=0.2, qps=2.0, metrics={"b": 0.5, "queue": 0.5})
    assert parse_orca(unknown + written) == report


def test_the_utilization_of_the_application(orca):
    """
    What the application says of itself counts instead of the CPU.
    """
    written = orca(cpu_utilization=0.1, application_utilization=0.9).SerializeToString()

    assert 0.9 == parse_orca(written).cpu


def test_metrics_that_are_of_no_use(orca):
    """
    Metrics with names or values that are out of bounds are left out, and what is too many.
    """
    metrics = {"a b": 1.0, "n" * 99: 1.0, "negative": -1.0, "nan": float("nan"), "good": 1.0}
    written = orca(cpu_utilization=0.1, named_metrics=metrics).SerializeToString()
    assert {"good": 1.0} == parse_orca(written).metrics

    many = orca(named_metrics={f"m{number}": 1.0 for number in range(100)}).SerializeToString()
    assert 16 == len(parse_orca(many).metrics)


@pytest.mark.parametrize(
    "data",
    [
        b"\x09" + struct.pack("<d", float("nan")),
        b"\x09" + struct.pack("<d", float("inf")),
        b"\x09" + struct.pack("<d", -0.5),
        b"\x09\x00",
        b"\x42\x7f",
        b"\x42\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x80" * 20,
        b"\x0b",
        b"\x42\x03\x0a\x01\xff",  # a name that is no UTF-8
        bytes(5000),
    ],
)
def test_wrong_bytes(data):
    """
    A report with a mistake, or too long, is no report.
    """
    assert parse_orca(data) is None


@given(binary(max_size=200))
def test_any_bytes(data):
    """
    Whatever a server sends, it is a report within bounds or none.
    """
    report = parse_orca(data)

    assert report is None or len(report.metrics) <= 16
