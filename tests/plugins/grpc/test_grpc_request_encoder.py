"""
The header blocks of requests, as a peer decodes them.
"""

from __future__ import annotations

from math import inf

import pytest
from hpack import Decoder

from rpcfw.errors import MessageTooLarge
from rpcfw.spi.events import RequestHead
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_grpc.request_encoder import RequestEncoder

BLUE = Metadata((("tenant", "blue"), ("key-bin", b"\x00\xff")))
GREEN = Metadata((("tenant", "green"),))


def head(metadata=EMPTY, timeout_s=1.0):
    return RequestHead("demo.Shop/get", "protobuf", timeout_s, metadata)


@pytest.fixture
def encoder():
    return RequestEncoder("10.0.0.1:80", "http", ("gzip",), "shop")


def test_metadata_is_that_of_its_call(encoder):
    """
    Whether calls share an object of metadata, and which calls were between them.
    """
    decoder = Decoder()
    given = [BLUE, BLUE, GREEN, EMPTY, BLUE, EMPTY, GREEN, GREEN]
    for metadata in given:
        fields = decoder.decode(encoder.block(head(metadata), "", 16384), raw=True)
        found = [(n.decode(), v) for n, v in fields if n in (b"tenant", b"key-bin")]

        assert [n for n, _ in found] == [n for n, _ in metadata.pairs]
        assert metadata.get("tenant", "").encode() == dict(found).get("tenant", b"")


@pytest.mark.parametrize(
    ("timeout_s", "sent"),
    [(1.0, b"1000000u"), (0.0, b"1n"), (1e9, b"99999999S"), (inf, None), (None, None)],
)
def test_the_timeout(encoder, timeout_s, sent):
    """
    It is sent in the finest unit; none is sent if there is none.
    """
    fields = dict(Decoder().decode(encoder.block(head(EMPTY, timeout_s), "", 16384), raw=True))

    assert sent == fields.get(b"grpc-timeout")


def test_timeouts_of_calls_one_after_another(encoder):
    """
    Each call has its own, however near to the one before.
    """
    decoder = Decoder()
    for timeout_s in (3.0, 2.9999, 2.991, 2.99, 2.9899, 3.0, 0.0, None, 3.0, inf, 1e9, 3.01):
        block = encoder.block(head(BLUE, timeout_s), "", 16384)
        sent = dict(decoder.decode(block, raw=True)).get(b"grpc-timeout")
        alone = RequestEncoder("10.0.0.1:80", "http", ("gzip",), "shop")
        fields = Decoder().decode(alone.block(head(BLUE, timeout_s), "", 16384), raw=True)
        assert dict(fields).get(b"grpc-timeout") == sent


@pytest.mark.parametrize("metadata", [EMPTY, BLUE])
def test_the_size_of_the_list_is_the_limit(encoder, metadata):
    """
    It is counted as RFC 9113 says, section 6.5.2: 32 bytes more for each field.
    """
    fields = Decoder().decode(encoder.block(head(metadata), "", 16384), raw=True)
    size = sum(len(name) + len(value) + 32 for name, value in fields)

    assert encoder.block(head(metadata), "", size)
    with pytest.raises(MessageTooLarge, match=f"have {size} bytes; the server takes {size - 1} "):
        encoder.block(head(metadata), "", size - 1)


def test_a_head_that_is_used_again_has_the_same_fields(encoder):
    """
    Whichever methods were called between, so that the dynamic table has changed.
    """
    decoder = Decoder()
    heads = [RequestHead(f"demo.Shop/{name}", "protobuf", 2.0, BLUE) for name in "abc"]
    for number in (0, 0, 0, 0, 1, 0, 1, 1, 2, 0, 1, 2, 2, 2, 0, 0, 1):
        fields = dict(decoder.decode(encoder.block(heads[number], "", 16384), raw=True))
        assert b"/demo.Shop/%c" % b"abc"[number] == fields[b":path"]
        assert (b"2000000u", b"blue") == (fields[b"grpc-timeout"], fields[b"tenant"])


def test_a_head_that_is_used_again_keeps_to_the_peers_settings(encoder):
    """
    Also if these have changed since its block was written: the table, the largest list.
    """
    decoder, used = Decoder(), head(BLUE)
    for table_bytes in (4096, 4096, 4096, 0, 0, 0, 1000, 1000, 1000, 1000):
        encoder.encoder.resize(table_bytes)
        decoder.max_allowed_table_size = table_bytes
        fields = dict(decoder.decode(encoder.block(used, "", 16384), raw=True))
        assert b"/demo.Shop/get" == fields[b":path"]
    with pytest.raises(MessageTooLarge):
        encoder.block(used, "", 100)


def test_a_head_that_is_used_again_names_the_compression_of_its_call(encoder):
    """
    It is no part of the head.
    """
    decoder, used = Decoder(), head()
    for encoding in ("", "", "", "", "gzip", "", "gzip", "gzip", ""):
        fields = dict(decoder.decode(encoder.block(used, encoding, 16384), raw=True))
        assert encoding.encode() == fields.get(b"grpc-encoding", b"")
