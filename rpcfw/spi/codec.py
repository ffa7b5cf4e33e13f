"""
Codecs: messages to bytes and back.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from attrs import frozen

from rpcfw.spi.plugin import Plugin
from rpcfw.values.method import Method

__all__ = ["READ_AT_ONCE", "Codec", "Coder", "Reader"]

#: Larger than any body.
READ_AT_ONCE = 1 << 62


@frozen
class Coder:
    """
    How one type is encoded and decoded.

    Args:
        encode: message to bytes.
        decode: bytes to message. Either may raise anything on a message or bytes
            that do not fit; the caller turns it into `InvalidMessage`.
        at_once_bytes: a server decodes larger bodies in a thread. This helps if the decoder is
            Python code. A decoder in C keeps the interpreter lock, so a thread does not help.
    """

    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]
    at_once_bytes: int = READ_AT_ONCE


class Reader(Protocol):
    """
    Decodes a message: a `Coder`, or another object with these two attributes.
    """

    @property
    def decode(self) -> Callable[[bytes], Any]: ...

    @property
    def at_once_bytes(self) -> int: ...


class Codec(Plugin):
    """
    One serialization format.

    `coder` is called once for each type of each method, not during a call. So it may be slow.
    Its result must be pure: no I/O, no state between messages, no import or execution of anything
    that the bytes name. A server may decode in a thread while the reactor decodes too.
    """

    #: Its name in the INI, on the wire and in ``Method.codec``.
    name: ClassVar[str]
    #: The codec that it is a form of, for one wire; empty for none. A method that names the codecs
    #: it is served in, and that one among them, is served in this, too.
    variant_of: ClassVar[str] = ""

    @abstractmethod
    def coder(self, type: Any) -> Coder:
        """
        Return how ``type`` is encoded and decoded.

        Raises:
            ContractError: this codec does not support the type; the message says why.
        """

    def request_coder(self, method: Method) -> Coder:
        """
        Return how the requests of a method are encoded and decoded.

        Raises:
            ContractError: as `coder`.
        """
        return self.coder(method.request_type)

    def error_details(self, error: Exception) -> bytes:
        """
        Return an exception of a method as the details of a status, empty if it has none.

        For exceptions whose classes are declared for callers. A caller gets their class, text and
        fields; of all others it gets no more than the class.
        """
        return b""
