"""
gzip, and strangers' gzip.
"""

from __future__ import annotations

import gzip

import pytest

from rpcfw.errors import InvalidMessage, SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.compressor import CompressorContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_compression.gzip import GzipCompressor


def compressor(**options: str) -> GzipCompressor:
    return GzipCompressor(options_of(GzipCompressor.Options, **options), plugin_context())


class TestGzipContract(CompressorContract):
    def make(self):
        return compressor()


def test_others_read_it():
    """
    What is packed here, any gzip unpacks.
    """
    assert b"abc" * 100 == gzip.decompress(compressor().compress(b"abc" * 100))


def test_it_reads_others():
    """
    What any gzip packs, with a file name in its head too, is unpacked here.
    """
    packed = gzip.compress(b"abc")
    named = packed[:3] + b"\x08" + packed[4:10] + b"a name\x00" + packed[10:]

    assert b"abc" == compressor().decompress(packed, 3)
    assert b"abc" == compressor().decompress(named, 3)


def test_the_level_is_heeded():
    """
    A higher level packs smaller.
    """
    text = b"".join(b"%d," % (number * number) for number in range(20_000))

    assert len(compressor(level="9").compress(text)) < len(compressor(level="1").compress(text))


@pytest.mark.parametrize("level", ["0", "10", "-1"])
def test_a_level_that_is_none(level):
    """
    A level that gzip does not know is refused when the process is assembled.
    """
    with pytest.raises(SettingsError, match="level: must be 1 to 9"):
        compressor(level=level)


def test_plain_deflate_is_not_gzip():
    """
    A zlib stream is not taken for gzip.
    """
    with pytest.raises(InvalidMessage, match="not gzip"):
        compressor().decompress(b"x\x9cKLJ\x06\x00\x02M\x01'", 3)
