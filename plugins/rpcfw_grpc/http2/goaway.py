"""
The GOAWAY frames of a connection (RFC 9113, section 6.8).

A server drains a connection in two steps. Its first GOAWAY has the largest stream id as the last
one, since new streams may be on their way. A PING follows it. When the PING is acknowledged,
every stream that the client opened before it received the GOAWAY has arrived. The second GOAWAY
names the last of these streams. A later stream is not processed, so the client may retry it on
another connection.
"""

from __future__ import annotations

from typing import Any

from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.frames import ErrorCode
from rpcfw_grpc.http2.streams import Streams

__all__ = ["GoAway"]


class GoAway:
    """
    The GOAWAY frames that one side sends, and what those of its server mean to a client.

    Args:
        streams: the streams of the connection. After the second GOAWAY no new ones are accepted.
        server: which side this is.

    Attributes:
        started: whether the first GOAWAY was sent.
        drain_ping: the number of the PING that follows the first GOAWAY, 0 for none.
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
        Send the first GOAWAY. A client sends only this one: a server opens no streams.
        """
        self.started = True
        self._reason = reason
        self._send(frames.MAX_STREAM_ID if self._server else 0, ErrorCode.NO_ERROR, reason)

    def ping_acknowledged(self, number: int) -> None:
        """
        Send the second GOAWAY, if this was the PING that followed the first.
        """
        table = self._streams.table
        if number == self.drain_ping and table.accepts:
            table.accepts = False
            self._send(self._newest(), ErrorCode.NO_ERROR, self._reason)

    def received(self, last_id: int) -> tuple[int, ...]:
        """
        At a client: forget the streams that the server's GOAWAY says were not begun.

        Returns:
            Those of them that the user still knows.
        """
        streams = self._streams
        streams.table.accepts = False
        refused = []
        for stream_id in [key for key in streams.open if key > last_id]:
            stream = streams.find(stream_id)
            if stream is not None:
                if not stream.app_closed:
                    refused.append(stream_id)
                streams.forget(stream)
        return tuple(sorted(refused))

    def send_last(self, code: int, reason: str) -> None:
        """
        Send the GOAWAY before the connection is closed: it names the last stream that was opened.
        """
        self._send(self._newest(), code, reason)

    def _newest(self) -> int:
        """
        Return the last stream that the peer has opened, 0 for none.
        """
        return max(self._streams.table.newest, 0) if self._server else 0

    def _send(self, last_id: int, code: int, reason: str) -> None:
        self._streams.outbound.out.append(frames.goaway(last_id, code, reason))
