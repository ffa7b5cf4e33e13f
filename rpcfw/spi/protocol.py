"""
Wire protocols as plugins: recognise a connection by its first bytes, make its machines.
"""

from __future__ import annotations

from abc import abstractmethod
from enum import Enum
from typing import ClassVar

from rpcfw.spi.machine import ClientSide, Limits, ServerSide
from rpcfw.spi.plugin import Plugin

__all__ = ["Match", "WireProtocol"]


class Match(Enum):
    """
    Whether the first bytes of a connection belong to a protocol.
    """

    YES = "yes"
    NO = "no"
    MORE = "more bytes are needed to tell"


class WireProtocol(Plugin):
    """
    One protocol: makes machines, and knows its own first bytes.
    """

    #: Its name in the INI and in ``Instance.protocols``.
    name: ClassVar[str]
    #: Its name in ALPN (RFC 7301), empty for none.
    alpn: ClassVar[str] = ""
    #: The metadata with the number of previous attempts, empty for none.
    attempts_header: ClassVar[str] = ""
    #: Whether a peer with an unknown protocol may be sent a line of text before the close.
    #: A peer that reads frames only would take it for another error.
    text_errors: ClassVar[bool] = True
    #: If peers count pings: the shortest time between two. Then none is sent without calls.
    keepalive_floor_s: ClassVar[float] = 0.0

    @abstractmethod
    def match(self, data: bytes) -> Match:
        """
        Return whether a connection that begins with ``data`` speaks this protocol.

        Must answer YES or NO once it has 64 bytes.
        """

    def refusal(self, data: bytes, reason: str) -> bytes | Match:
        """
        Return what is sent to a connection that no protocol of the port recognises.

        Asked about what begins in a way that this protocol can answer, though it does not
        speak it: an HTTP/2 protocol may answer HTTP/1. The first answer is sent, and the
        connection is closed. Without one, the reason is sent as a line of text, unless a
        protocol of the port has no `text_errors`.

        Args:
            data: how the connection begins.
            reason: what is spoken here, as a sentence.

        Returns:
            The answer; or `Match.NO` for none; or `Match.MORE` if more bytes are needed to
            tell. It must not be that once it has 64 bytes.
        """
        return Match.NO

    @abstractmethod
    def server(self, limits: Limits, accepts: tuple[str, ...]) -> ServerSide:
        """
        Return a machine for an accepted connection.

        Args:
            limits: what this side takes.
            accepts: names of the compressions that this side can undo.
        """

    @abstractmethod
    def client(
        self,
        limits: Limits,
        accepts: tuple[str, ...],
        *,
        authority: str = "",
        secure: bool = False,
    ) -> ClientSide:
        """
        Return a machine for a connection that this side opened.

        Args:
            limits: what this side takes.
            accepts: names of the compressions that this side can undo.
            authority: host and port that were dialled, for wires that tell the server
                so; empty where there are none.
            secure: the connection is under TLS.
        """
