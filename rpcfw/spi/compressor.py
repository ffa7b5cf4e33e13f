"""
Compressors: bytes to fewer bytes and back, never to more than allowed.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from rpcfw.spi.plugin import Plugin

__all__ = ["Compressor"]


class Compressor(Plugin):
    """
    One compression. Stateless between messages.
    """

    #: As it stands in the INI and on the wire.
    name: ClassVar[str]

    @abstractmethod
    def compress(self, data: bytes) -> bytes:
        """
        Return the packed form.
        """

    @abstractmethod
    def decompress(self, data: bytes, limit_bytes: int) -> bytes:
        """
        Return the unpacked form.

        The limit holds *while* unpacking: a small input that would unpack to
        gigabytes must not take more than about the limit of memory.

        Raises:
            MessageTooLarge: it unpacks to more than ``limit_bytes``.
            InvalidMessage: it is not a whole packed message.
        """
