"""
How this side leaves a connection: GOAWAY (RFC 9113, section 6.8).

A server leaves in two steps. Its first GOAWAY names no last stream, since some may be on their
way. Behind it goes a PING: once that is acknowledged, all streams that the client began before
it knew are here, and the second GOAWAY names the last of them. What comes later was not begun,
and the client may send it elsewhere.
"""

from __future__ import annotations

from typing import Any

from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.http2.streams import Streams

__all__ = ["GoAway"]


class GoAway:
    """
    The GOAWAY frames of one side of a connection.

    Args:
        streams: the streams; their table stops accepting new ones.
        server: which side this is.

    Attributes:
        started: the first GOAWAY was sent.
        drain_ping: the number of the PING that follows it, 0 for none.
    """

    __slots__ = ("_reason", "_server", "_streams", "drain_ping", "started")

    def __init__(self, streams: Streams[Any, Any], *, server: bool) -> None:
        self._streams = streams
        self._server = server
        self._reason = ""
        self.started = False
        self.drain_ping = 0

    def start(self, reason: str) -> None:
        """
        Send the first. A client has nothing more to say: nobody begins streams with it.
        """
        self.started = True
        self._reason = reason
        self._send(frames.MAX_STREAM_ID if self._server else 0, ErrorCode.NO_ERROR, reason)

    def ping_acknowledged(self, number: int) -> None:
        """
        Send the second, if this was the PING between them.
        """
        table = self._streams.table
        if number == self.drain_ping and table.accepts:
            table.accepts = False
            self._send(self._newest(), ErrorCode.NO_ERROR, self._reason)

    def send_last(self, code: int, reason: str) -> None:
        """
        Send the GOAWAY before the connection is closed: the peer learns what was begun.
        """
        self._send(self._newest(), code, reason)

    def _newest(self) -> int:
        """
        Return the last stream that the peer has begun, 0 for none.
        """
        return max(self._streams.table.newest, 0) if self._server else 0

    def _send(self, last_id: int, code: int, reason: str) -> None:
        self._streams.outbound.out.append(frames.goaway(last_id, code, reason))
