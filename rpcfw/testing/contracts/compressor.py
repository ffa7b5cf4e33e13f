"""
What every compressor promises.
"""

from __future__ import annotations

import tracemalloc
from abc import abstractmethod
from contextlib import suppress
from random import Random

from rpcfw.errors import InvalidMessage, MessageTooLarge
from rpcfw.spi.compressor import Compressor

__all__ = ["CompressorContract"]

_MIB = 1 << 20


def _messages() -> tuple[bytes, ...]:
    return (b"", b"x", b"abc" * 5_000, Random(0).randbytes(10_000))  # noqa: S311 - a seed


class CompressorContract:
    """
    The tests of a compressor.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyCompressor(CompressorContract):
            def make(self):
                return MyCompressor(NoOptions(), plugin_context())
    """

    @abstractmethod
    def make(self) -> Compressor:
        """
        Return a new compressor.
        """

    def test_it_has_a_name(self) -> None:
        """
        A compressor has the name that is in the INI and on the wire.
        """
        name = type(self.make()).name

        assert name
        assert name == name.lower()

    def test_messages_come_back(self) -> None:
        """
        A compressed message decompresses to an equal one, if it is within the limit.
        """
        compressor = self.make()
        for message in _messages():
            compressed = compressor.compress(message)

            assert type(compressed) is bytes
            assert message == compressor.decompress(compressed, len(message))

    def test_it_packs(self) -> None:
        """
        A message that repeats itself becomes smaller.
        """
        assert len(self.make().compress(b"abc" * 5_000)) < 1_000

    def test_one_byte_over_the_limit(self) -> None:
        """
        A message over the limit is refused, and the error names the limit.
        """
        compressor = self.make()
        for message in _messages()[1:]:
            limit_bytes = len(message) - 1
            refusal = _refusal(compressor, compressor.compress(message), limit_bytes)

            assert str(limit_bytes) in refusal
            assert "max_receive_bytes" in refusal

    def test_the_limit_holds_while_unpacking(self) -> None:
        """
        A bomb does not take more than about the limit of memory.
        """
        compressor = self.make()
        bomb = compressor.compress(bytes(64 * _MIB))
        tracemalloc.start()
        try:
            _refusal(compressor, bomb, _MIB)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert peak < 4 * _MIB, f"{peak} bytes were taken for a limit of {_MIB}"

    def test_cut_messages_are_refused(self) -> None:
        """
        What is not whole is refused, wherever it was cut.
        """
        compressor = self.make()
        for message in _messages()[:3]:
            compressed = compressor.compress(message)
            for end in range(len(compressed)):
                _assert_invalid(compressor, compressed[:end])

    def test_what_follows_is_refused(self) -> None:
        """
        A message is one compressed piece: more bytes, or a second piece, are refused.
        """
        compressor = self.make()
        for message in _messages():
            compressed = compressor.compress(message)
            _assert_invalid(compressor, compressed + b"\x00")
            _assert_invalid(compressor, compressed + compressed)

    def test_other_bytes_are_refused(self) -> None:
        """
        Bytes that are not compressed are refused.
        """
        compressor = self.make()
        for junk in (b"\x00", b"not compressed", b"\xff" * 100):
            _assert_invalid(compressor, junk)

    def test_damage_is_survived(self) -> None:
        """
        A damaged message is refused, or unpacks to something within the limit.
        """
        compressor = self.make()
        compressed = compressor.compress(b"abcdefgh" * 100)
        for place in range(len(compressed)):
            damaged = bytearray(compressed)
            damaged[place] ^= 0x55
            with suppress(InvalidMessage, MessageTooLarge):
                assert len(compressor.decompress(bytes(damaged), 1_000)) <= 1_000

    def test_no_state_between_messages(self) -> None:
        """
        A message that was refused leaves nothing behind for the next one.
        """
        compressor = self.make()
        message = b"abc" * 5_000
        compressed = compressor.compress(message)
        _assert_invalid(compressor, compressed[:-1])

        assert message == compressor.decompress(compressed, _MIB)
        assert compressed == compressor.compress(message)


def _refusal(compressor: Compressor, compressed: bytes, limit_bytes: int) -> str:
    try:
        compressor.decompress(compressed, limit_bytes)
    except MessageTooLarge as error:
        return error.message
    raise AssertionError(f"more than {limit_bytes} bytes were decompressed")


def _assert_invalid(compressor: Compressor, compressed: bytes) -> None:
    try:
        compressor.decompress(compressed, _MIB)
    except InvalidMessage:
        return
    raise AssertionError(f"{len(compressed)} bytes that are no compressed message were taken")
