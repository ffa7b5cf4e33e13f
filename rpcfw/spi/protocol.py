"""
Wire protocols as plugins: each recognises its connections by the first bytes, and makes machines.
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
    One protocol: recognises its own first bytes, and makes machines.
    """

    #: Its name in the INI and in ``Instance.protocols``.
    name: ClassVar[str]
    #: Its name in ALPN (RFC 7301), empty for none.
    alpn: ClassVar[str] = ""
    #: The codec of all its messages, if it is bound to one; empty if it carries any. Clients use
    #: it in the place of the method's own. It is loaded with the protocol.
    codec: ClassVar[str] = ""
    #: Codecs that its requests may name besides; loaded with it, too.
    other_codecs: ClassVar[tuple[str, ...]] = ()
    #: Protocols whose connections it serves, too. On a port with both, it gets all of them,
    #: in whichever order they are named.
    includes: ClassVar[tuple[str, ...]] = ()
    #: Whether a peer that speaks no protocol of the port may get a line of text before the close.
    #: False if peers read only frames: they would report the text as another error.
    text_errors: ClassVar[bool] = True
    #: If peers limit pings: the shortest time between two. Then none is sent without calls.
    keepalive_floor_s: ClassVar[float] = 0.0

    #: Facts that a request has to state of the called service: ``group``, ``version``. The client
    #: adds those of the chosen instance to the metadata of a call.
    instance_metadata: tuple[str, ...] = ()

    @abstractmethod
    def match(self, data: bytes) -> Match:
        """
        Return whether a connection that begins with ``data`` speaks this protocol.

        With 64 bytes it must answer YES or NO.
        """

    def refusal(self, data: bytes, reason: str) -> bytes | Match:
        """
        Return what is sent to a connection that no protocol of the port recognises.

        A protocol may know how to answer bytes that are not its own: an HTTP/2 protocol may
        answer HTTP/1. The first answer of a protocol is sent, and the connection is closed. If
        there is none, the reason is sent as a line of text, unless a protocol of the port sets
        `text_errors` to False.

        Args:
            data: the first bytes of the connection.
            reason: the protocols of this port, as a sentence.

        Returns:
            The answer; or `Match.NO` for none; or `Match.MORE` if more bytes are needed. With
            64 bytes it must not be `Match.MORE`.
        """
        return Match.NO

    @abstractmethod
    def server(self, limits: Limits, accepts: tuple[str, ...]) -> ServerSide:
        """
        Return a machine for an accepted connection.

        Args:
            limits: what this side accepts.
            accepts: compression methods that this side can decompress.
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
            limits: what this side accepts.
            accepts: compression methods that this side can decompress.
            authority: host and port of the server, for protocols that send them; may be empty.
            secure: whether the connection uses TLS.
        """
