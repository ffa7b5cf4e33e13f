"""
What stands on the wire, byte by byte, and the small parts that write and read it.

The bytes were worked out by hand from RFC 9113, RFC 7541 and gRPC's PROTOCOL-HTTP2.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfw.spi.machine import Limits
from rpcfw.spi.protocol import Match
from rpcfw.status import Status
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.metadata import EMPTY
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.message_framing import MessageReader, TooLarge
from rpcfw_grpc.protocol import GRPCProtocol
from rpcfw_grpc.server import ServerMachine
from rpcfw_grpc.status import read_message, write_message
from rpcfw_grpc.timeout import read_timeout, write_timeout
from tests.plugins.grpc.pair import HEAD, chunk, client, head, message, server


def protocol() -> GRPCProtocol:
    return GRPCProtocol(GRPCProtocol.Options(), plugin_context())


def test_the_greetings() -> None:
    """
    Preface, settings, and credit for the connection.
    """
    machine = protocol().client(Limits(), ())
    machine.start()
    assert (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + bytes.fromhex("000018 04 00 00000000")
        + bytes.fromhex("0002 00000000  0004 00200000")
        + bytes.fromhex("0005 00010000  0006 00004000")
        + bytes.fromhex("000004 08 00 00000000  00ff0001")
    ) == machine.take_output()
    machine = protocol().server(Limits(max_calls=100), ())
    machine.start()
    assert (
        bytes.fromhex("000018 04 00 00000000")
        + bytes.fromhex("0003 00000064  0004 00200000")
        + bytes.fromhex("0005 00010000  0006 00004000")
        + bytes.fromhex("000004 08 00 00000000  00ff0001")
    ) == machine.take_output()


def test_an_answer_on_the_short_way() -> None:
    """
    Status, content-type and what can be unpacked, the message, and a good end.
    """
    machine = server()
    for number in (1, 3):
        machine.receive(head(number) + chunk(number, message(b"ask"), end=True))
        machine.take_output()
        machine.respond(number, b"answer")
    assert (
        bytes.fromhex("000038 01 04 00000003 88 0f10 10")
        + b"application/grpc"
        + b"\x00\x14grpc-accept-encoding"
        + b"\x0dgzip,identity"
        + bytes.fromhex("00000b 00 00 00000003 00 00000006")
        + b"answer"
        + bytes.fromhex("00000f 01 05 00000003 00 0b")
        + b"grpc-status"
        + b"\x010"
    ) == machine.take_output()


def test_a_request_that_was_made_before() -> None:
    """
    A byte for each field, the message, and the end.
    """
    machine = client()
    machine.call(HEAD, b"ask", "", True)
    machine.take_output()
    machine.call(HEAD, b"ask", "", True)
    assert (
        bytes.fromhex("000008 01 04 00000003 83 86 c3 c2 c1 c0 bf be")
        + bytes.fromhex("000008 00 01 00000003 00 00000003")
        + b"ask"
    ) == machine.take_output()


def test_frames_longer_than_the_peer_takes_are_cut() -> None:
    """
    A block goes on in CONTINUATION, and only its last frame ends it.
    """
    assert (
        bytes.fromhex("000003 01 01 00000001")
        + b"abc"
        + bytes.fromhex("000003 09 00 00000001")
        + b"def"
        + bytes.fromhex("000001 09 04 00000001")
        + b"g"
    ) == frames.headers(1, b"abcdefg", frames.END_STREAM, 3)


def test_its_first_bytes_are_known() -> None:
    """
    The preface and nothing else, however little of it there is.
    """
    known = protocol()
    assert Match.MORE is known.match(b"")
    assert Match.MORE is known.match(frames.PREFACE[:23])
    assert Match.YES is known.match(frames.PREFACE + b"more")
    assert Match.NO is known.match(b"PUT / HTTP/1.1\r\n")
    assert Match.NO is known.match(b"x" * 64)
    assert ("grpc", "h2") == (known.name, known.alpn)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1.0, "1n"),
        (1e-9, "1n"),
        (0.000_25, "250000n"),
        (0.25, "250000u"),
        (2.999_95, "3000000u"),
        (3.0, "3000000u"),
        (3.001, "3010000u"),
        (30.0, "30000m"),
        (86_400.0, "86400000m"),
        (99_950.0, "100000S"),
        (1e6, "1000000S"),
        (99_900_001.0, "99999999S"),
        (float("inf"), "99999999S"),
    ],
)
def test_timeouts_are_written(seconds, text) -> None:
    """
    In few digits, rounded up, so that like calls have like heads.
    """
    assert text == write_timeout(seconds)[2]


@given(st.floats(1e-9, 1e9) | st.floats(0.9, 1.1).map(lambda share: share * 1e5))
def test_timeouts_are_close_to_what_was_meant(seconds) -> None:
    """
    Never shorter, never more than a hundredth longer; or the longest there is.
    """
    read = read_timeout(write_timeout(seconds)[2])
    assert seconds * (1 - 1e-8) <= read <= seconds * 1.01 + 1e-9 or read == 99_999_999


@given(
    st.floats(1e-9, 2e8) | st.floats(0.005, 0.02) | st.sampled_from([0.01, 1e-6, 0.1, 1, 10, 1e5]),
    st.floats(0, 1),
)
def test_a_timeout_stands_for_all_times_in_its_range(seconds, share) -> None:
    """
    It is what would be written for each; the one it was written for may lie just below them.
    """
    low, high, text = write_timeout(seconds)
    other = low + (high - low) * share if high < float("inf") else low * (1 + share)
    assert low - (high - low) * 1e-5 < seconds * (1 + 1e-9)
    assert seconds <= high * (1 + 1e-9)
    assert not low < other <= high or text == write_timeout(other)[2]


@pytest.mark.parametrize(
    ("text", "seconds"), [("1H", 3600), ("2M", 120), ("3S", 3), ("40m", 0.04), ("99999999n", 0.1)]
)
def test_timeouts_are_read(text, seconds) -> None:
    """
    In every unit that others may choose.
    """
    assert seconds == pytest.approx(read_timeout(text), rel=1e-6)


@pytest.mark.parametrize("text", ["", "1", "S", "-1S", "1.5S", "123456789S", "1s", "1S "])
def test_timeouts_that_are_none(text) -> None:
    """
    They are refused with what was expected.
    """
    with pytest.raises(ValueError, match="1 to 8 digits"):
        read_timeout(text)


@given(st.text())
def test_any_message_survives(text) -> None:
    """
    Whatever language an error speaks.
    """
    packed = write_message(text)
    assert all(0x20 <= byte <= 0x7E for byte in packed)
    assert text.encode("utf-8", "replace").decode() == read_message(packed)


def test_large_messages_are_refused_before_they_come() -> None:
    """
    The announced size is enough to know.
    """
    reader = MessageReader(10)
    with pytest.raises(TooLarge):
        reader.feed(b"\0\0\0\0\x0b")


def test_what_does_not_fit_the_callers_limit_is_shortened() -> None:
    """
    Status and the beginning of the message always arrive.
    """
    machine = ServerMachine(Limits(), ())
    machine.start()
    machine.receive(frames.PREFACE + frames.settings({6: 600}) + head(1, end=True))
    machine.take_output()
    machine.finish(1, Status.ABORTED, "é" * 1000, b"x" * 1000, EMPTY)
    out = machine.take_output()
    assert 600 > len(out)
    text = read_message(out[out.index(b"%C3") :])
    assert set(text) == {"é"}
