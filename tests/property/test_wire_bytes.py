"""
The native protocol: what holds for all bytes, all splits and all headers.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rpcfw.spi.events import RequestHead
from rpcfw.spi.machine import Limits
from rpcfw.status import WIRE_HINTS, Hint, Status
from rpcfw.values.metadata import Metadata
from rpcfw.wire.client import ClientMachine
from rpcfw.wire.headers import HeaderDecoder, HeaderEncoder
from rpcfw.wire.server import ServerMachine
from tests.unit.wire.speech import client, field, frame, greeted, head, hello, request, server

#: Guards count what comes in one breath, which a split changes; these are out of reach.
LIMITS = Limits(
    max_receive_bytes=60,
    max_header_bytes=1024,
    max_calls=3,
    stream_window_bytes=50,
    max_resets=10**6,
    max_pings=10**6,
)

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789._-", min_size=1, max_size=20)
TEXTS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=30)
PAIRS = st.one_of(
    st.tuples(NAMES.filter(lambda name: not name.endswith("-bin")), TEXTS),
    st.tuples(NAMES.map(lambda name: name + "-bin"), st.binary(max_size=30)),
)
METADATA = st.lists(PAIRS, max_size=4).map(lambda pairs: Metadata.of(tuple(pairs)))

IDS = st.sampled_from([0, 1, 1, 1, 2, 3, 3, 5, 7, 0xFFFFFFFF])
HEADERS = st.one_of(
    st.just(b""),
    st.just(field(1, b"\0\1s/a")),
    st.just(field(2, b"\0\1")),
    st.just(field(6, b"\0") + field(7, b"text")),
    st.just(field(11, b"gzip")),
    st.just(field(4, b"\1ab")),
    st.just(field(99, bytes(1100))),
    st.binary(max_size=12),
)
FRAMES = st.builds(
    lambda kind, header, body, call_id, flags: frame(kind, header, body, call_id, flags=flags),
    st.one_of(st.integers(1, 11), st.sampled_from([0x40, 0x80, 0xFF])),
    HEADERS,
    st.one_of(st.binary(max_size=20), st.just(b"\0\0\0\x20"), st.just(bytes(70))),
    IDS,
    st.one_of(st.sampled_from([0, 4, 8, 12]), st.integers(0, 255)),
)
OPENINGS = st.sampled_from(
    [b"", request(1), request(1, flags=8), request(1, flags=8) + request(3, path=b"s/b")]
)
STREAMS = st.builds(
    lambda opening, said, tail: hello() + opening + b"".join(said) + tail,
    OPENINGS,
    st.lists(FRAMES, max_size=8),
    st.binary(max_size=20),
)


def machine_of(role: str):
    """
    Return a machine that has said its own hello; a client's has two calls open.
    """
    if role == "server":
        machine = ServerMachine(LIMITS, (), "")
        machine.start()
        return machine
    machine = client(max_receive_bytes=60, max_header_bytes=1024, max_pings=10**6)
    machine.call(head(), None, "", ended=False)
    machine.call(head(), b"", "", ended=True)
    machine.take_output()
    return machine


def heard(role: str, pieces: list[bytes]):
    """
    Return what a machine reports of bytes in pieces, and what it answers.
    """
    machine = machine_of(role)
    events = [repr(event) for piece in pieces for event in machine.receive(piece)]
    return events, machine.take_output()


@given(st.data(), st.sampled_from(["server", "client"]), STREAMS)
def test_any_split_gives_the_same_events(data, role, stream):
    """
    However bytes are split on their way, the same is reported and answered.
    """
    if role == "client":
        stream = stream[len(hello()) :]
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=10).map(sorted))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    assert heard(role, [stream]) == heard(role, pieces)
    assert heard(role, [stream]) == heard(role, [stream[i : i + 1] for i in range(len(stream))])


HEADS = st.builds(
    RequestHead,
    path=st.sampled_from(["s/a", "s/b", "demo.Ünicode/method"]) | st.text(min_size=1, max_size=40),
    codec=st.sampled_from(["protobuf", "json", "raw", "hessian2", "mine"]),
    timeout_s=st.none() | st.sampled_from([0.001, 1.0]) | st.floats(0.001, 1e6),
    metadata=METADATA,
    one_way=st.booleans(),
)


@given(st.lists(st.tuples(HEADS, st.sampled_from(["", "gzip"])), max_size=12))
def test_every_head_round_trips(heads):
    """
    What a client says of its calls is what the server reads, in any order of calls.
    """
    writer, reader = HeaderEncoder(), HeaderDecoder("me", ("zstd",))
    for one, encoding in heads:
        codec, header = writer.write(one, encoding, 1 << 16)
        flags = 4 | (2 if one.one_way else 0) | (1 if encoding else 0)
        read, read_encoding = reader.read(header, codec, flags)
        assert (one.path, one.codec, one.metadata) == (read.path, read.codec, read.metadata)
        assert (one.one_way, encoding) == (read.one_way, read_encoding)
        assert ("me", ("zstd",)) == (read.caller, read.accepts)
        if one.timeout_s is None:
            assert read.timeout_s is None
        else:
            assert one.timeout_s <= read.timeout_s + 1e-9
            assert read.timeout_s < one.timeout_s + 0.0011


@given(
    st.sampled_from(Status),
    st.text(max_size=2000),
    st.binary(max_size=100),
    METADATA,
    st.integers(0, 15).map(Hint),
    st.none() | st.floats(-5, 5e6),
)
def test_every_end_round_trips(status, text, details, trailers, hints, retry_after_s):
    """
    However a call ends, its caller hears all of it, the text shortened if need be.
    """
    near, far = greeted()
    near.call(head(), b"", "", ended=True)
    far.receive(near.take_output())
    far.finish(1, status, text, details, trailers, hints, retry_after_s)
    (ended,) = near.receive(far.take_output())

    assert (status, details, trailers) == (ended.status, ended.details, ended.trailers)
    assert text.encode("utf-8", "replace").decode().startswith(ended.message)
    assert len(ended.message.encode()) >= min(len(text.encode("utf-8", "replace")), 997)
    assert hints & WIRE_HINTS == ended.hints
    if retry_after_s is None or retry_after_s < 0:
        assert ended.retry_after_s == (None if retry_after_s is None else -0.001)
    else:
        assert abs(ended.retry_after_s - min(retry_after_s, (2**31 - 1) / 1000)) <= 0.001


@given(st.binary(max_size=50), METADATA, METADATA, st.sampled_from(["", "gzip"]))
def test_every_answer_round_trips(body, metadata, trailers, encoding):
    """
    What a server answers is what its caller reads.
    """
    near, far = greeted()
    near.call(head(), b"", "", ended=True)
    far.receive(near.take_output())
    far.respond(1, body, encoding, metadata, trailers)
    (answer,) = near.receive(far.take_output())

    assert (body, encoding) == (answer.body, answer.encoding)
    assert (metadata, trailers) == (answer.metadata, answer.trailers)


@given(st.binary(max_size=64))
def test_every_ping_comes_back(body):
    """
    A ping's body comes back as it is, whatever it is.
    """
    machine = server()
    machine.receive(frame(8, b"", body))

    assert frame(9, b"", body) == machine.take_output()


def test_the_client_machine_is_the_one_that_is_split():
    """
    The client's side of these properties is a client's machine with calls open.
    """
    assert isinstance(machine_of("client"), ClientMachine)
