"""
Request headers: numbers for methods, and the memory that must change nothing.
"""

from __future__ import annotations

import tracemalloc
from math import inf, nan
from struct import pack

import pytest

from rpcfw.errors import MessageTooLarge, RemoteProtocolError
from rpcfw.status import Hint
from rpcfw.values.metadata import Metadata
from rpcfw.wire.headers import HeaderDecoder, HeaderEncoder
from tests.unit.wire.speech import field, head

LIMIT = 16 << 10


def written(writer: HeaderEncoder, *heads, encoding: str = ""):
    """
    Return the headers of some heads, one after the other.
    """
    return [writer.write(one, encoding, LIMIT) for one in heads]


def read(reader: HeaderDecoder, header: bytes, codec: int = 3, flags: int = 4):
    """
    Return what is said in a header, without the head's identity.
    """
    one, encoding = reader.read(header, codec, flags)
    return one.path, one.codec, one.timeout_s, one.metadata, one.one_way, encoding


def test_a_path_once_a_number_after():
    """
    A path is named the first time only; each path has a number of its own.
    """
    a, b = head("s/a"), head("s/b")

    assert [
        field(1, b"\0\1s/a"),
        field(2, b"\0\1"),
        field(1, b"\0\2s/b"),
        field(2, b"\0\1"),
        field(2, b"\0\2"),
    ] == [header for _, header in written(HeaderEncoder(), a, a, b, a, b)]


@pytest.mark.parametrize(
    ("timeout_s", "expected_ms"),
    [
        (None, 0),
        (3.0, 3000),
        (0.0001, 1),
        (1.0001, 1001),
        (0.0, 1),
        (-1.0, 1),
        (-inf, 1),
        (inf, 0),
        (2.0**40, 0),
        (nan, 0),
    ],
)
def test_time_left(timeout_s, expected_ms):
    """
    Time is rounded up, is at least a millisecond, and none if the field cannot hold it.
    """
    ((_, header),) = written(HeaderEncoder(), head("s/a", timeout_s=timeout_s))

    more = field(3, pack(">I", expected_ms)) if expected_ms else b""
    assert field(1, b"\0\1s/a") + more == header


def test_memory_changes_nothing():
    """
    A header that was seen before is written and read as it was the first time.
    """
    writer, reader = HeaderEncoder(), HeaderDecoder("me", ("gzip",))
    pair = Metadata((("k", "v"),))
    written(writer, head("s/a"))
    reader.read(field(1, b"\0\1s/a"), 3, 4)
    gzip, half_s = field(11, b"gzip"), field(3, pack(">I", 500))
    table = [
        (head("s/a"), "", (3, field(2, b"\0\1"))),
        (head("s/a"), "gzip", (3, field(2, b"\0\1") + gzip)),
        (head("s/a", timeout_s=0.5), "gzip", (3, field(2, b"\0\1") + half_s + gzip)),
        (head("s/a", codec="mine"), "", (255, field(2, b"\0\1") + field(5, b"mine"))),
        (head("s/a", metadata=pair), "", (3, field(2, b"\0\1") + field(4, b"\1kv"))),
        (head("s/a", codec="json"), "", (2, field(2, b"\0\1"))),
    ]
    for _ in range(3):
        for one, encoding, expected in table:
            codec, header = writer.write(one, encoding, LIMIT)
            assert expected == (codec, header)
            said = "s/a", one.codec, one.timeout_s, one.metadata
            flags = 5 if encoding else 4
            assert (*said, False, encoding) == read(reader, header, codec, flags)
            assert (*said, True, "") == read(reader, header, codec, 6)


def test_memory_is_bounded():
    """
    However many headers there are, what is remembered of them stays small.
    """
    writer, reader = HeaderEncoder(), HeaderDecoder("", ())
    reader.read(field(1, b"\0\1s/a"), 3, 4)
    tracemalloc.start()
    for left_ms in range(1, 20_000):
        written(writer, head("s/a", timeout_s=left_ms / 1000))
        reader.read(field(2, b"\0\1") + field(3, pack(">I", left_ms)), 3, 4)
    for number in range(1000):
        reader.read(field(2, b"\0\1") + field(99, pack(">I", number) * 1000), 3, 4)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    # Of a connection: a server has thousands.
    assert taken < 256 << 10


def test_a_number_keeps_its_path():
    """
    A number may be given again to the same path, never to another.
    """
    reader = HeaderDecoder("", ())
    reader.read(field(1, b"\0\1s/a"), 3, 4)
    reader.read(field(2, b"\0\1"), 3, 4)
    reader.read(field(1, b"\0\1s/a"), 3, 4)

    with pytest.raises(RemoteProtocolError, match="given to two paths"):
        reader.read(field(1, b"\0\1s/b"), 3, 4)


def test_more_methods_than_numbers():
    """
    When all numbers are given, further methods are called by their paths, always.
    """
    writer, reader = HeaderEncoder(), HeaderDecoder("", ())
    paths = [f"s/m{number}" for number in range(4100)]
    for _ in range(2):
        for path in paths:
            ((codec, header),) = written(writer, head(path))
            assert path == reader.read(header, codec, 4)[0].path
    assert field(1, b"\0\0s/m4099") == header


def test_a_head_too_large():
    """
    It is refused here, by name, limit and size, and gives no number away.
    """
    writer = HeaderEncoder()
    large = head("s/a", metadata=Metadata((("k", "v" * 2000),)))
    with pytest.raises(MessageTooLarge, match=r"s/a has 2013 bytes.*max_header_bytes is 1024") as e:
        writer.write(large, "", 1024)

    assert Hint.NEVER_SENT == e.value.hints
    assert [field(1, b"\0\1s/b")] == [header for _, header in written(writer, head("s/b"))]


@pytest.mark.parametrize(
    "pair",
    [("n" * 256, "v"), ("k", "v" * 70_000), ("k-bin", bytes(65_530))],
)
def test_a_pair_that_no_field_holds(pair):
    """
    A pair longer than its field is refused in words, not by the packing.
    """
    writer = HeaderEncoder()
    with pytest.raises(MessageTooLarge, match="metadata"):
        writer.write(head("s/a", metadata=Metadata((pair,))), "", 1 << 20)

    assert [field(1, b"\0\1s/b")] == [header for _, header in written(writer, head("s/b"))]


def test_a_path_too_long():
    """
    A path that no server takes is refused before it is sent.
    """
    with pytest.raises(MessageTooLarge, match="1025 bytes; at most 1024"):
        written(HeaderEncoder(), head("a" * 1025))


def test_long_paths():
    """
    Long paths get numbers as long as all have 256 KiB together; the others travel whole.
    """
    writer, reader = HeaderEncoder(), HeaderDecoder("", ())
    paths = [f"{number:04}" + "a" * 1020 for number in range(300)]
    for _ in range(2):
        for path in paths:
            ((_, header),) = written(writer, head(path))
            assert path == reader.read(header, 3, 4)[0].path
    assert header.startswith(field(1, b"\0\0" + paths[-1].encode()))
    with pytest.raises(RemoteProtocolError, match="262144 bytes of paths"):
        reader.read(field(1, b"\x0f\xff" + paths[-1].encode()), 3, 4)


TRACE = bytes.fromhex("0af7651916cd43dd8448eb211c80319cb7ad6b7169203331")


def in_trace(number: int, flags: int = 1, *more: tuple[str, str | bytes]) -> Metadata:
    """
    Return metadata with a place in a trace.
    """
    return Metadata((*more, ("traceparent", f"00-{number:032x}-b7ad6b7169203331-{flags:02x}")))


def test_a_trace_in_each_call():
    """
    Each call has its own place in a trace, whatever was cached of the calls before.
    """
    writer, reader = HeaderEncoder(), HeaderDecoder("", ())
    pairs = ("tenant", "blue"), ("at-bin", b"\x0d\0\x19" + bytes(25))
    sent = [
        in_trace(number, number % 3 == 1, *(pairs if number % 2 else ())) for number in range(1, 40)
    ]
    sent += [
        Metadata(pairs),
        Metadata((("tenant", "blue"),)),
        sent[2],
        sent[2],
        sent[0],
        Metadata(),
    ]

    for metadata in sent:
        codec, header = writer.write(head("s/a", metadata=metadata), "", LIMIT)
        assert metadata == read(reader, header, codec)[3]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00",
        f"00-{TRACE[:16].hex().upper()}-b7ad6b7169203331-01",
        f"01-{TRACE[:16].hex()}-b7ad6b7169203331-01",
        f"00-{TRACE[:16].hex()}-b7ad6b7169203331-01-more",
    ],
)
def test_what_is_no_trace_is_sent_as_it_is(text):
    """
    Metadata of this name with another value arrives unchanged.
    """
    metadata = Metadata((("traceparent", text),))
    _, header = HeaderEncoder().write(head("s/a", metadata=metadata), "", LIMIT)

    assert metadata == read(HeaderDecoder("", ()), header)[3]


@pytest.mark.parametrize("size", [0, 1, 24, 26, 300])
def test_a_trace_of_another_length_is_ignored(size):
    """
    A later version may send more; nobody's call fails for it.
    """
    header = field(1, b"\0\1s/a") + field(13, bytes(size))

    assert Metadata() == read(HeaderDecoder("", ()), header)[3]


def test_what_looks_like_a_trace_is_none():
    """
    The bytes of a field may be part of another field's value.
    """
    reader = HeaderDecoder("", ())
    value = field(13, TRACE + b"\1")
    read(reader, field(1, b"\0\1s/a"))
    for _ in range(3):
        header = field(2, b"\0\1") + field(4, b"\5a-bin" + value)
        assert Metadata((("a-bin", value),)) == read(reader, header)[3]


def test_traces_do_not_fill_the_memory_of_a_connection():
    """
    However many traces come, what is kept is as for one call.
    """
    reader = HeaderDecoder("", ())
    read(reader, field(1, b"\0\1s/a"))
    tracemalloc.start()
    try:
        for number in range(2000):
            trace = number.to_bytes(16, "big") + TRACE[16:] + b"\1"
            read(reader, field(2, b"\0\1") + field(13, trace))
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size < 50_000


def test_a_head_that_is_used_again():
    """
    What is found by a head is what would be written for it; a path and an encoding are not found.
    """
    writer = HeaderEncoder()
    usual, traced = head("s/a", timeout_s=3.0), head("s/a", metadata=in_trace(1, 0))
    writer.write(usual, "", LIMIT)
    assert {} == writer.known, "it had the path, and not the number"
    for one in (usual, traced, traced):
        writer.write(one, "gzip", LIMIT)
        assert one not in writer.known

    for one in (usual, traced):
        assert writer.write(one, "", LIMIT) == writer.known[one]


def test_heads_of_single_calls_are_not_kept():
    """
    A head with metadata of its own is not found again, and those without are few.
    """
    writer = HeaderEncoder()
    for number in range(1, 1000):
        one = head("s/a", metadata=in_trace(number, 1))
        writer.write(one, "", LIMIT)
        assert one not in writer.known
        writer.write(head("s/a", timeout_s=number), "", LIMIT)

    assert 0 < len(writer.known) <= 256
