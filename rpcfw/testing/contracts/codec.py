"""
What every codec promises.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from rpcfw.errors import ContractError
from rpcfw.spi.codec import Codec

__all__ = ["CodecContract"]

#: Bytes that are no message of any codec, or none that fits: each must be survived.
HOSTILE = (
    b"",
    b"\x00",
    b"\xff" * 64,
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"\x0a\xff\xff\xff\xff\x07",  # Protobuf: a field of 2 GiB that never comes
    b"\x0a\x7e" * 50_000,
    b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94.",
)


class CodecContract:
    """
    The tests of a codec.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyCodec(CodecContract):
            def make(self):
                return MyCodec(NoOptions(), plugin_context())

            def samples(self):
                return [(int, 5), (str, "x")]

            def unfit(self):
                return [object]
    """

    @abstractmethod
    def make(self) -> Codec:
        """
        Return a new codec.
        """

    @abstractmethod
    def samples(self) -> Iterable[tuple[Any, Any]]:
        """
        Return types, each with a message of it.
        """

    @abstractmethod
    def unfit(self) -> Iterable[Any]:
        """
        Return types that the codec cannot carry.
        """

    def test_it_has_a_name(self) -> None:
        """
        A codec has the name that is in the INI and on the wire.
        """
        name = type(self.make()).name

        assert name
        assert name == name.lower()

    def test_messages_come_back(self) -> None:
        """
        What was written is read back equal.
        """
        codec = self.make()
        for kind, message in self.samples():
            coder = codec.coder(kind)

            assert message == coder.decode(coder.encode(message))

    def test_messages_become_bytes(self) -> None:
        """
        A written message is bytes.
        """
        codec = self.make()
        for kind, message in self.samples():
            assert type(codec.coder(kind).encode(message)) is bytes

    def test_no_state_between_messages(self) -> None:
        """
        A message is written and read the same whatever came before it.
        """
        codec = self.make()
        for kind, message in self.samples():
            coder = codec.coder(kind)
            first = coder.encode(message)
            for junk in HOSTILE:
                _attempt(coder.decode, junk)

            assert first == coder.encode(message)
            assert message == coder.decode(first)

    def test_unfit_types_are_refused(self) -> None:
        """
        A type that cannot be carried is refused before any call, by name.
        """
        codec = self.make()
        for kind in self.unfit():
            assert getattr(kind, "__name__", repr(kind)) in _refusal(codec, kind)

    def test_errors_of_callers_only(self) -> None:
        """
        Nothing of an exception is sent if its class was not declared for callers.
        """
        assert self.make().error_details(ValueError("a secret")) == b""

    def test_hostile_bytes_are_survived(self) -> None:
        """
        Bytes that do not fit raise an ordinary exception, or are read; no more.
        """
        codec = self.make()
        for kind, _ in self.samples():
            for junk in HOSTILE:
                _attempt(codec.coder(kind).decode, junk)

    def test_cut_messages_are_survived(self) -> None:
        """
        A message that was cut anywhere raises an ordinary exception, or is read.
        """
        codec = self.make()
        for kind, message in self.samples():
            coder = codec.coder(kind)
            whole = coder.encode(message)
            for end in range(len(whole)):
                _attempt(coder.decode, whole[:end])


def _refusal(codec: Codec, kind: Any) -> str:
    try:
        codec.coder(kind)
    except ContractError as error:
        return str(error)
    raise AssertionError(f"{kind!r} was taken")


def _attempt(decode: Any, junk: bytes) -> None:
    # Any exception is a clean answer; what is none, as an interrupt or a dead process, fails.
    with suppress(Exception):
        decode(junk)
