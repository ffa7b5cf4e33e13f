"""
Load reports on the native wire: their bytes, and who gets one.
"""

from __future__ import annotations

import re
from pathlib import Path
from struct import pack

import pytest
from hypothesis import given
from hypothesis.strategies import binary, dictionaries, floats, none, one_of, text

from rpcfw.spi.events import LoadReported, PingAnswered
from rpcfw.spi.machine import Limits
from rpcfw.values.load_report import LoadReport
from rpcfw.wire.load_report import pack_load, parse_load
from rpcfw.wire.server import ServerMachine
from tests.unit.wire.speech import PING, PONG, client, fault, field, frame, hello

ROOT = Path(__file__).parents[3]
REPORT = LoadReport(cpu=0.5, cores=4.0, metrics={"queue": 0.25})
#: Version 1; CPU and cores; a metric.
BYTES = bytes.fromhex("01 09 3f000000 40800000 05 7175657565 3e800000")
ASK = frame(PING, field(12, b"\x01"), b"load?")


def loaded_server(report=REPORT):
    machine = ServerMachine(Limits(), (), "server", lambda: report)
    machine.start()
    machine.receive(hello())
    machine.take_output()
    return machine


def test_the_bytes():
    """
    A report has the bytes that the page describes.
    """
    assert BYTES == pack_load(REPORT)
    assert parse_load(BYTES) == REPORT


LOADS = one_of(none(), floats(0, 1e9, width=32))


@given(
    LOADS,
    LOADS,
    LOADS,
    LOADS,
    LOADS,
    dictionaries(text("az09AZ_.-", min_size=1, max_size=32), floats(0, 1e9, width=32), max_size=16),
)
def test_what_is_written_is_read(cpu, memory, load_average, cores, qps, metrics):
    """
    Every report is read as it was written, and fits into the smallest header of a peer.
    """
    report = LoadReport(
        cpu=cpu, memory=memory, load_average=load_average, cores=cores, qps=qps, metrics=metrics
    )
    packed = pack_load(report)

    assert parse_load(packed) == report
    assert len(packed) + 3 <= 1024


@given(binary(max_size=700))
def test_any_bytes(data):
    """
    Whatever a peer sends, it is a report within bounds or none.
    """
    report = parse_load(b"\x01" + data)

    assert report is None or report.cpu is None or 0 <= report.cpu <= 1e9


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        b"\x02" + BYTES[1:],  # another version
        b"\x01\x29" + BYTES[2:],  # a flag that is not known
        BYTES[:5],
        BYTES[:-1],
        BYTES + b"\x05queue" + pack(">f", 1.0),  # twice
        BYTES + b"\x00" + pack(">f", 1.0),  # without a name
        b"\x01\x01" + pack(">f", float("nan")),
        b"\x01\x01" + pack(">f", float("inf")),
        b"\x01\x01" + pack(">f", -1.0),
        b"\x01\x00" + b"".join(b"\x02%02d" % n + pack(">f", 1.0) for n in range(17)),
        b"\x01\x00\x01\xff" + pack(">f", 1.0),
    ],
)
def test_wrong_bytes(data):
    """
    A report of another version, or with a mistake, is no report.
    """
    assert parse_load(data) is None


def test_the_example_of_the_page():
    """
    A question and its answer are those of the page.
    """
    section = (ROOT / "docs" / "wire.md").read_text().split("## 9.")[1].split("## 10.")[0]
    page = bytes.fromhex("".join(re.findall(r"```\n(.*?)```", section, re.DOTALL)))

    assert page == ASK + frame(PONG, field(12, BYTES), b"load?")


def test_asked_and_answered():
    """
    A client that asks gets the server's report.
    """
    asking, answering = client(), loaded_server()
    assert asking.ask_load()
    assert ASK == (question := asking.take_output())
    assert [] == answering.receive(question)
    answer = answering.take_output()
    assert frame(PONG, field(12, BYTES), b"load?") == answer

    answered, reported = asking.receive(answer)
    assert isinstance(answered, PingAnswered)
    assert isinstance(reported, LoadReported)
    assert reported.report == REPORT


@pytest.mark.parametrize("header", [b"", field(12, b""), field(12, b"\x02"), field(77, b"\x01")])
def test_who_does_not_ask_gets_none(header):
    """
    A PING that does not ask for a version which the server writes gets a plain PONG.
    """
    machine = loaded_server()
    machine.receive(frame(PING, header, b"?"))

    assert frame(PONG, body=b"?") == machine.take_output()


def test_a_server_that_tells_nothing():
    """
    A server without a report answers as one of an earlier version of the page.
    """
    machine = loaded_server(report=None)
    machine.receive(ASK)

    assert frame(PONG, body=b"load?") == machine.take_output()


def test_a_client_is_not_asked():
    """
    A client that is asked for its load answers with a plain PONG.
    """
    machine = client()
    machine.receive(ASK)

    assert frame(PONG, body=b"load?") == machine.take_output()


def test_nobody_asked():
    """
    A report that nobody asked for is ignored, and a second one for one question.
    """
    machine = client()
    machine.ping()
    pong = frame(PONG, field(12, BYTES))
    assert [PingAnswered] == [type(event) for event in machine.receive(pong)]

    machine.ask_load()
    assert [PingAnswered, LoadReported] == [type(event) for event in machine.receive(pong)]
    machine.ping()
    assert [PingAnswered] == [type(event) for event in machine.receive(pong)]


def test_a_report_with_a_mistake():
    """
    A report that cannot be read is an answer all the same, and breaks nothing.
    """
    machine = client()
    machine.ask_load()
    found = machine.receive(frame(PONG, field(12, b"\x01\x01\x7f\xc0\x00\x00")))

    assert [PingAnswered] == [type(event) for event in found]


def test_a_header_with_a_mistake():
    """
    A PING whose header's fields do not fit is a connection error.
    """
    assert "field 12 says 9 bytes" in fault(loaded_server().receive(frame(PING, b"\x0c\x00\x09")))


def test_not_before_the_handshake():
    """
    Before the peer's HELLO, and after a failure, nothing is asked.
    """
    machine = client()
    machine.fail("over")
    machine.take_output()

    assert not machine.ask_load()
    assert b"" == machine.take_output()
