"""
Compressors: bytes to fewer bytes and back, never to more than allowed.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, TypeVar, cast

from rpcfw.spi.plugin import Plugin

__all__ = ["Compressor", "Uncompressed", "uncompressed"]

T = TypeVar("T")


class Uncompressed:
    """
    A message that is to be sent as it is. See `uncompressed`.
    """

    __slots__ = ("message",)

    def __init__(self, message: Any) -> None:
        self.message = message


def uncompressed(message: T) -> T:
    """
    Mark one message as not to be compressed, whatever ``[compression]`` says.

    For what is compressed already, or holds a secret beside text of a stranger
    choice, whose length would give it away::

        return uncompressed(Picture(jpeg))

    Requests, responses and messages of streams may be marked. To filters, and to
    whatever else looks at it on this side, a marked message is not of its type.
    """
    return cast(T, Uncompressed(message))


class Compressor(Plugin):
    """
    One compression. Stateless between messages.

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

        The limit holds *while* unpacking: a small input that would unpack to
        gigabytes must not take more than about the limit of memory.

        Raises:
            MessageTooLarge: it unpacks to more than ``limit_bytes``.
            InvalidMessage: it is not a whole compressed message.
        """
