"""
Compressors: compress and decompress messages, never to more bytes than allowed.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, TypeVar, cast

from rpcfw.spi.plugin import Plugin

__all__ = ["Compressor", "Uncompressed", "uncompressed"]

T = TypeVar("T")


class Uncompressed:
    """
    A message that is sent without compression. See `uncompressed`.
    """

    __slots__ = ("message",)

    def __init__(self, message: Any) -> None:
        self.message = message


def uncompressed(message: T) -> T:
    """
    Mark one message as not to be compressed, whatever ``[compression]`` says.

    Use it for data that is compressed already. Use it too for a message that has a secret and
    text that an attacker can choose: the compressed length would reveal the secret::

        return uncompressed(Picture(jpeg))

    Requests, responses and messages of streams may be marked. To filters, and to
    whatever else looks at it on this side, a marked message is not of its type.
    """
    return cast(T, Uncompressed(message))


class Compressor(Plugin):
    """
    One compression method. It keeps no state between messages.

    Both methods may run in several threads at once: a server decompresses large messages
    in a thread, and small ones in the reactor.
    """

    #: Its name in the INI and on the wire.
    name: ClassVar[str]

    @abstractmethod
    def compress(self, data: bytes) -> bytes:
        """
        Return the compressed message.
        """

    @abstractmethod
    def decompress(self, data: bytes, limit_bytes: int) -> bytes:
        """
        Return the decompressed message.

        The limit is checked *during* decompression: a small input that would become gigabytes
        must not take much more memory than the limit.

        Raises:
            MessageTooLarge: it has more than ``limit_bytes`` when decompressed.
            InvalidMessage: it is not a complete compressed message.
        """
