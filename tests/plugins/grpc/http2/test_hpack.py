"""
Header blocks: read as a plain decoder reads them, and written so that it can.
"""

from __future__ import annotations

import pytest
from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from rpcfw.errors import RemoteProtocolError
from rpcfw_grpc.http2.header_list import HeaderList, Malformed, request_rules, response_rules
from rpcfw_grpc.http2.hpack.cached_decoder import CachedDecoder, Extensible
from rpcfw_grpc.http2.hpack.decoder import decode
from rpcfw_grpc.http2.hpack.encoder import CachedEncoder, encode
from rpcfw_grpc.http2.hpack.table import CountingTable

NAMES = st.sampled_from([b":path", b"content-type", b"x-a", b"x-b", b"authorization", b"te"])
VALUES = st.sampled_from([b"", b"/", b"application/json", b"v" * 60, b"w" * 900]) | st.binary(
    max_size=20
)
LISTS = st.lists(st.lists(st.tuples(NAMES, VALUES, st.booleans()), max_size=8), max_size=12)


RULES = response_rules(frozenset((b"server",)))


def meaning(headers: HeaderList) -> tuple:
    return headers.size, dict(headers.found), tuple(headers.others)


def reader() -> CachedDecoder[tuple]:
    return CachedDecoder(1 << 20, RULES, meaning)


@given(LISTS, st.lists(st.integers(0, 4096), max_size=12), st.booleans())
def test_blocks_decode_as_a_plain_decoder_has_it(lists, sizes, huffman) -> None:
    """
    Whatever an encoder does with tables, sizes and Huffman's code.
    """
    encoder, plain, table = Encoder(), Decoder(1 << 20), CountingTable()
    for number, fields in enumerate(lists):
        if number < len(sizes):
            encoder.header_table_size = sizes[number]
        block = encoder.encode(fields, huffman=huffman)
        assert [tuple(f) for f in plain.decode(block, raw=True)] == decode(
            block, table, 1 << 20, 4096
        )
        assert plain.header_table.dynamic_entries == table.dynamic_entries


@given(st.binary(max_size=60))
def test_garbage_is_refused_where_a_plain_decoder_refuses_it(block) -> None:
    """
    And where it does not, both read the same.
    """
    table = CountingTable()
    try:
        expected = [tuple(f) for f in Decoder(1 << 20).decode(block, raw=True)]
    except Exception:  # noqa: BLE001 - it raises a few kinds
        expected = None
    try:
        found = decode(block, table, 1 << 20, 4096)
    except Exception:  # noqa: BLE001 - likewise
        found = None
    assert expected == found


TAME = st.tuples(
    st.sampled_from([b"x-a", b"x-b", b"server", b"content-type"]),
    st.sampled_from([b"1", b"2", b"three" * 20]),
    st.sampled_from([True, False, False]),
)


@given(st.lists(st.lists(TAME, max_size=4), max_size=40), st.booleans())
def test_what_is_remembered_is_what_would_be_read(lists, resize) -> None:
    """
    With the memory or without it, each block of a connection means the same.
    """
    encoder, remembering = Encoder(), reader()
    plain = Decoder(1 << 20)
    for number, fields in enumerate(lists):
        if resize and number == 10:
            encoder.header_table_size = 100
        block = encoder.encode([(b":status", b"200"), *fields])
        found = plain.decode(block, raw=True)
        expected = meaning(HeaderList([tuple(f) for f in found], RULES))
        assert expected == remembering.decode(block)


def test_a_block_that_changes_nothing_is_read_once() -> None:
    """
    The second time its meaning is the very same object.
    """
    asked = []
    remembering = CachedDecoder(1000, response_rules(), lambda _: asked.append(1) or object())
    block = encode([(b"x", b"y")])
    assert remembering.decode(block) is remembering.decode(block)
    assert [1] == asked


def test_a_change_of_the_table_voids_what_is_remembered() -> None:
    """
    The same bytes name another field once the table has moved.
    """
    encoder, remembering = Encoder(), reader()
    remembering.decode(encoder.encode([(b"x-a", b"1")]))
    newest = b"\xbe"
    assert ((b"x-a", b"1"),) == remembering.decode(newest)[2]
    assert ((b"x-a", b"1"),) == remembering.decode(newest)[2]
    remembering.decode(encoder.encode([(b"x-b", b"2")]))
    assert ((b"x-b", b"2"),) == remembering.decode(newest)[2]


def test_an_emptied_table_voids_what_is_remembered() -> None:
    """
    Also where the table is as large again in the end.
    """
    encoder, remembering = Encoder(), reader()
    remembering.decode(encoder.encode([(b"x-a", b"1")]))
    remembering.decode(b"\xbe")
    remembering.decode(b"\x20\x3f\xe1\x1f")
    with pytest.raises(RemoteProtocolError):
        remembering.decode(b"\xbe")


def test_a_forbidden_list_leaves_the_table_right() -> None:
    """
    A block is decoded to its end before it is judged.
    """
    encoder, remembering = Encoder(), reader()
    with pytest.raises(Exception, match="unknown, twice"):
        remembering.decode(b"\x88\x88" + encoder.encode([(b"x-a", b"1")]))
    assert ((b"x-a", b"1"),) == remembering.decode(b"\xbe")[2]


def test_what_is_remembered_is_bounded() -> None:
    """
    A peer that never repeats itself fills no memory.
    """
    remembering = reader()
    for number in range(1000):
        remembering.decode(encode([(b":status", b"200"), (b"x-a", b"%d" % number)]))
        remembering.decode(b"\x88" * 1 + encode([(b"x-b", b"%d" % number)]))
    assert 65 > len(remembering.known)
    assert 65 > len(remembering._beginnings)  # noqa: SLF001 - that is what it is about
    assert 17 > len(remembering._lists)  # noqa: SLF001 - likewise
    remembering = reader()
    remembering.decode(encode([(b"x-a", b"w" * 3000)]))
    assert not remembering._lists  # noqa: SLF001 - likewise


def test_short_blocks_of_long_lists_are_not_remembered() -> None:
    """
    A block may name a large field of the table many times: some bytes would keep 15 kB.
    """
    asked = []
    remembering = CachedDecoder(1 << 20, RULES, lambda _: asked.append(1) or object())
    encoder = Encoder()
    large = (b"x-large", b"y" * 3600)
    remembering.decode(encoder.encode([(b":status", b"200"), large]))
    for times in (1, 2, 1, 2):
        remembering.decode(encoder.encode([(b":status", b"200"), *[large] * times]))
    assert 4 == len(asked)  # the first, once, and twice each time
    assert 1 == len(remembering.known)


def test_a_list_that_came_before_is_read_once_though_the_table_changes() -> None:
    """
    A client that puts each new timeout into the table repeats its lists, and not its blocks.
    """
    asked = []
    encoder, plain = Encoder(), Decoder()
    remembering = CachedDecoder(1000, RULES, lambda headers: asked.append(1) or meaning(headers))
    blocks = [
        encoder.encode([(b":status", b"200"), (b"x-a", b"1"), (b"x-b", value)])
        for value in (b"1", b"2", b"1", b"3", b"1", b"2")
    ]
    assert len(set(blocks)) == len(blocks)
    for block in blocks:
        found = [tuple(field) for field in plain.decode(block, raw=True)]
        assert meaning(HeaderList(found, RULES)) == remembering.decode(block)
    assert 3 == len(asked)


@given(LISTS)
def test_others_read_what_we_write(lists) -> None:
    """
    Blocks written without a table decode anywhere.
    """
    plain = Decoder(1 << 20)
    for fields in lists:
        pairs = [(name, value) for name, value, _ in fields]
        assert pairs == [tuple(f) for f in plain.decode(encode(pairs), raw=True)]
    assert 0 == len(plain.header_table.dynamic_entries)


@given(
    st.lists(st.integers(0, 40), max_size=120),
    st.lists(st.tuples(st.integers(0, 119), st.sampled_from([0, 100, 4096, 9000])), max_size=4),
)
def test_others_read_what_we_write_with_the_table(keys, changes) -> None:
    """
    However methods alternate, and however the peer changes its table meanwhile.
    """
    blocks, plain = CachedEncoder(), Decoder(1 << 20)
    sizes = dict(changes)
    for number, key in enumerate(keys):
        if number in sizes:
            blocks.resize(sizes[number])
            plain.max_allowed_table_size = sizes[number]
        fields = [(b":method", b"POST"), (b":path", b"/method/%d" % key), (b"te", b"trailers")]
        block = blocks.begin(key, lambda fields=fields: fields)
        assert fields == [tuple(f) for f in plain.decode(block, raw=True)]


def test_a_methods_head_is_short_once_it_was_sent() -> None:
    """
    The second head of a method is a byte for each field.
    """
    blocks = CachedEncoder()
    fields = [(b":method", b"POST"), (b":path", b"/a/b"), (b"x", b"y" * 100)]
    assert 100 < len(encode(fields))
    blocks.begin("a", lambda: fields)
    assert 3 == len(blocks.begin("a", lambda: fields))


def test_secrets_are_marked_as_never_to_be_indexed() -> None:
    """
    A proxy on the way must not put credentials into a table either.
    """
    [field] = Decoder().decode(encode([(b"authorization", b"Bearer x")]))
    assert not field.indexable


def test_secrets_do_not_reach_the_log(caplog) -> None:
    """
    hpack writes every header that it sees when all is logged; here it does not.
    """
    with caplog.at_level("DEBUG"):
        blocks = CachedEncoder()
        blocks.begin("a", lambda: [(b"authorization", b"Bearer secret")])
    assert "secret" not in caplog.text


class Extending(Extensible[tuple]):
    """
    The meaning of the tests, and how often it was told from a beginning.
    """

    def __init__(self) -> None:
        self.extensions = 0

    def __call__(self, headers: HeaderList) -> tuple:
        return meaning(headers)

    def extended(self, before: tuple, others, size: int) -> tuple:
        self.extensions += 1
        return size, before[1], (*before[2], *others)


STEADY = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a"), (b"te", b"trailers")]
TAILS = st.lists(
    st.lists(
        st.tuples(st.sampled_from([b"x-a", b"x-b", b"te", b"authorization", b"Bad"]), VALUES),
        max_size=3,
    ),
    max_size=30,
)


def whole_or_fault(decoder: CachedDecoder[tuple], block: bytes) -> object:
    try:
        return decoder.decode(block)
    except (Malformed, RemoteProtocolError) as error:
        return str(error)


@given(TAILS, st.booleans(), st.integers(200, 400))
def test_what_follows_a_known_beginning(tails, huffman, max_bytes) -> None:
    """
    A block means the same, or is refused for the same reason, whatever is known of its beginning.
    """
    rules, knowing = request_rules(frozenset((b"te",))), Extending()
    decoder = CachedDecoder(max_bytes, rules, knowing)
    encoder, plain = CachedEncoder(), Encoder()
    first = [encoder.begin("a", lambda: STEADY) for _ in range(2)]
    state = [decoder.decode(block) for block in first]
    assert state[0] == state[1]
    for tail in tails:
        if huffman:
            # Never indexed, so that the table stays as it is.
            rest = plain.encode([(name, value, True) for name, value in tail], huffman=True)
        else:
            rest = encode(tail)
        block = first[1] + rest
        fresh = CachedDecoder(max_bytes, rules, meaning)
        fresh.decode(first[0])
        assert whole_or_fault(fresh, block) == whole_or_fault(decoder, block)


def test_a_beginning_is_read_once() -> None:
    """
    A block that differs from earlier ones only in its last literals is told from their beginning.
    """
    knowing = Extending()
    decoder = CachedDecoder(1 << 20, request_rules(), knowing)
    encoder = CachedEncoder()
    for number in range(10):
        block = encoder.begin("a", lambda: STEADY) + encode([(b"x-trace", b"%d" % number)])
        assert ((b"x-trace", b"%d" % number),) == decoder.decode(block)[2][-1:]
    assert 7 == knowing.extensions
    # A change of the table moves what the beginning refers to.
    other = encoder.begin("b", lambda: [*STEADY[:2], (b":path", b"/b")])
    assert b"/b" == decoder.decode(other)[1][b":path"]
    block = encoder.begin("a", lambda: STEADY) + encode([(b"x-trace", b"9")])
    assert b"/a" == decoder.decode(block)[1][b":path"]
    assert 7 == knowing.extensions
