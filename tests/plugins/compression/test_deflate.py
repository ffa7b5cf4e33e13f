"""
deflate, and strangers' deflate.
"""

from __future__ import annotations

import zlib

import pytest

from rpcfw.errors import InvalidMessage, SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.compressor import CompressorContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_compression.deflate import DeflateCompressor


def compressor(**options: str) -> DeflateCompressor:
    return DeflateCompressor(options_of(DeflateCompressor.Options, **options), plugin_context())


class TestDeflateContract(CompressorContract):
    def make(self):
        return compressor()


def test_others_read_it_and_it_reads_others():
    """
    On the wire stands zlib's format, which all that is called deflate in gRPC reads.
    """
    assert b"abc" * 100 == zlib.decompress(compressor().compress(b"abc" * 100))
    assert b"abc" == compressor().decompress(zlib.compress(b"abc"), 3)


def test_bare_deflate_is_none():
    """
    A stream without zlib's head is refused, as is one with gzip's.
    """
    for wbits in (-zlib.MAX_WBITS, 16 + zlib.MAX_WBITS):
        packer = zlib.compressobj(wbits=wbits)
        with pytest.raises(InvalidMessage, match="not deflate"):
            compressor().decompress(packer.compress(b"abc") + packer.flush(), 3)


def test_a_level_that_is_none():
    """
    A level that zlib does not know is refused when the process is assembled.
    """
    with pytest.raises(SettingsError, match="level: must be 1 to 9"):
        compressor(level="10")
