"""
Codecs: messages to bytes and back.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from attrs import frozen

from rpcfw.spi.plugin import Plugin

__all__ = ["READ_AT_ONCE", "Codec", "Coder", "Reader"]

#: Larger than any body.
READ_AT_ONCE = 1 << 62


@frozen
class Coder:
    """
    How one type is written and read.

    Args:
        encode: message to bytes.
        decode: bytes to message. Either may raise anything on a message or bytes
            that do not fit; the caller turns it into `InvalidMessage`.
        at_once_bytes: a server reads larger bodies in a thread. For a reader in Python;
            one in C keeps the interpreter lock, so that a thread would not help.
    """

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    at_once_bytes: int = READ_AT_ONCE


class Reader(Protocol):
    """
    What reads a message: a `Coder`, or whatever else has these two of it.
    """

    @property
    def decode(self) -> Callable[[bytes], Any]: ...

    @property
    def at_once_bytes(self) -> int: ...


class Codec(Plugin):
    """
    One serialization.

    `coder` is asked once for each type of each method, not on a call's way, so
    it may compile what it likes. What it returns must be pure: no I/O, no state
    between messages, no import or execution of anything that the bytes name. A server
    may decode in a thread while the reactor decodes, too.
    """

    #: Its name in the INI, on the wire and in ``Method.codec``.
    name: ClassVar[str]

    @abstractmethod
    def coder(self, type: Any) -> Coder:
        """
        Return how ``type`` is written and read.

        Raises:
            ContractError: this codec cannot carry the type; says why.
        """
