"""
Zstandard, and strangers' Zstandard.
"""

from __future__ import annotations

import threading

import pytest
import zstandard

from rpcfw.errors import InvalidMessage, MessageTooLarge, SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.compressor import CompressorContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_compression.zstd import ZstdCompressor


def compressor(**options: str) -> ZstdCompressor:
    return ZstdCompressor(options_of(ZstdCompressor.Options, **options), plugin_context())


def streamed(message: bytes, **parameters: int) -> bytes:
    """
    Pack as a writer does that did not know the size when it began.
    """
    packer = zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(**parameters)
    ).compressobj()
    return packer.compress(message) + packer.flush()


class TestZstdContract(CompressorContract):
    def make(self):
        return compressor()


class StreamedZstd(ZstdCompressor):
    """
    Writes frames that do not say their size.
    """

    def compress(self, data: bytes) -> bytes:
        return streamed(data, compression_level=3)


class TestFramesWithoutASize(CompressorContract):
    def make(self):
        return StreamedZstd(options_of(ZstdCompressor.Options), plugin_context())


def test_frames_without_a_size_have_none():
    """
    The frames of these tests really leave the size out.
    """
    assert zstandard.frame_content_size(streamed(b"abc", compression_level=3)) == -1


def test_a_large_window_is_refused():
    """
    A frame whose window is over the limit is refused before it is given the memory.
    """
    frame = streamed(b"abc" * 1000, window_log=27)

    with pytest.raises(InvalidMessage, match="too much memory"):
        compressor().decompress(frame, 1 << 20)
    assert b"abc" * 1000 == compressor(max_window="128MiB").decompress(frame, 1 << 20)


def test_a_size_that_lies():
    """
    A frame that says gigabytes is refused by what it says; one that says too little, by its end.
    """
    gigantic = bytes.fromhex("28b52ffde0") + (1 << 40).to_bytes(8, "little") + b"\x01\x00\x00"
    honest = zstandard.ZstdCompressor().compress(b"x" * 1000)
    too_little = honest.replace((1000 - 256).to_bytes(2, "little"), b"\x00\x00", 1)

    with pytest.raises(MessageTooLarge):
        compressor().decompress(gigantic, 1 << 20)
    with pytest.raises(InvalidMessage):
        compressor().decompress(too_little, 1 << 20)


def test_a_frame_that_is_skipped_by_others_is_none():
    """
    A frame that carries no message is not an empty message with something in it.
    """
    with pytest.raises(InvalidMessage):
        compressor().decompress(bytes.fromhex("502a4d18ffffff7f") + b"x" * 100, 1 << 20)


@pytest.mark.parametrize("options", [{"level": "0"}, {"level": "20"}, {"max_window": "10B"}])
def test_settings_out_of_range(options):
    """
    Settings that zstd does not know are refused when the process is assembled.
    """
    with pytest.raises(SettingsError, match="must be"):
        compressor(**options)


@pytest.mark.parametrize("kind", ["ZstdCompressor", "ZstdDecompressor"])
def test_no_context_is_used_by_two_threads(monkeypatch, kind):
    """
    Each thread has contexts of its own: the library's corrupt memory if two use one at once.
    """
    used: list[tuple[object, int]] = []
    real = getattr(zstandard, kind)

    class Watched:
        def __init__(self, **options):
            self._context = real(**options)

        def __getattr__(self, name):
            used.append((self, threading.get_ident()))
            return getattr(self._context, name)

    monkeypatch.setattr(zstandard, kind, Watched)
    shared = compressor()

    def use():
        for message in (b"abc", b"abc" * 1000):
            assert message == shared.decompress(shared.compress(message), 4000)

    thread = threading.Thread(target=use)
    thread.start()
    use()
    thread.join()
    threads: dict[object, set[int]] = {}
    for context, thread_id in used:
        threads.setdefault(context, set()).add(thread_id)
    assert [1, 1] == [len(each) for each in threads.values()]
