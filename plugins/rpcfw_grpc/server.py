"""
gRPC's server as a machine: requests in, responses out.

The way of a unary call is short on purpose: `ServerReceiver.fast_unary` makes one event of its
frames, and `ServerMachine.respond` writes three frames at once. Whatever is out of the ordinary
takes the way through `Stream` and `ServerSender`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from rpcfw.spi.machine import Limits, ServerSide
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata
from rpcfw_grpc.calls import ServerCall
from rpcfw_grpc.http2.connection import Connection
from rpcfw_grpc.http2.header_list import HeaderList
from rpcfw_grpc.http2.stream import Stream
from rpcfw_grpc.machine import GRPCMachine
from rpcfw_grpc.message_assembler import max_unread_bytes
from rpcfw_grpc.message_framing import PREFIX_BYTES
from rpcfw_grpc.metadata import REQUEST_RULES
from rpcfw_grpc.request_headers import RequestHeaders, RequestParser
from rpcfw_grpc.response_encoder import ok_trailers
from rpcfw_grpc.server_receiver import ServerReceiver
from rpcfw_grpc.server_sender import ServerSender

__all__ = ["ServerMachine"]


class ServerMachine(ServerSide, GRPCMachine[ServerCall]):
    """
    One accepted connection.

    Args:
        limits: what this side takes.
        accepts: names of the compressions that this side can decompress.
        parser: reads the heads of requests, for a protocol that adds to gRPC's.
    """

    accepts_during_drain: ClassVar[bool] = True
    #: "Error parsing request proto" in gRPC's statuscodes.md.
    unreadable_status: ClassVar[Status] = Status.INTERNAL

    def __init__(
        self,
        limits: Limits,
        accepts: tuple[str, ...],
        parser: Callable[[HeaderList], RequestHeaders] | None = None,
    ) -> None:
        connection: Connection[RequestHeaders, ServerCall] = Connection(
            limits,
            REQUEST_RULES,
            parser or RequestParser(limits, accepts),
            server=True,
            max_unread=max_unread_bytes(limits),
        )
        super().__init__(limits, connection)
        self._sender = ServerSender(connection, self._messages, self._assembler)
        receiver = ServerReceiver(limits, connection, self._assembler, self._sender)
        connection.report_to(receiver, receiver.fast_paths)
        # For the fast path. These are the same objects as long as the connection lasts.
        self._peer = connection.peer
        self._activity = connection.activity
        self._out = connection.streams.outbound.out
        self._max_send_bytes = limits.max_send_bytes

    def respond(
        self,
        call_id: int,
        body: bytes,
        encoding: str = "",
        metadata: Metadata = EMPTY,
        trailers: Metadata = EMPTY,
    ) -> None:
        # The fast path: HEADERS, DATA and trailers in one piece. The conditions: the request
        # took its fast path, so there is no stream and no window of one but the initial; no
        # metadata and no compression, so that the HEADERS are those of the template; no
        # header block has to begin with a table's size; one frame holds the message, and
        # both windows let it through.
        headers = self._open.get(call_id)
        length = len(body) + PREFIX_BYTES
        peer, outbound = self._peer, self._outbound
        if (
            type(headers) is RequestHeaders
            and not outbound.size_update
            and metadata is EMPTY
            and trailers is EMPTY
            and not encoding
            and length <= outbound.window
            and length <= peer.window_bytes
            and length <= peer.frame_bytes
            and length <= self._max_send_bytes
        ):
            del self._open[call_id]
            outbound.window -= length
            self._activity.finished += 1
            self._out += (
                headers.template.whole(call_id, length - PREFIX_BYTES),
                body,
                ok_trailers(call_id),
            )
            return
        self._messages.check_size(len(body))
        stream = self._find(call_id)
        if stream is not None:
            self._sender.respond(stream, body, encoding, metadata, trailers)

    def start_response(self, call_id: int, metadata: Metadata, encoding: str = "") -> None:
        stream = self._find(call_id)
        if stream is not None:
            self._sender.send_headers(stream, metadata, encoding)

    def finish(
        self,
        call_id: int,
        status: Status,
        message: str = "",
        details: bytes = b"",
        trailers: Metadata = EMPTY,
        hints: Hint = Hint.NONE,
        retry_after_s: float | None = None,
    ) -> None:
        stream = self._find(call_id)
        if stream is not None:
            self._sender.finish(stream, status, message, details, trailers, hints, retry_after_s)

    def _check_encoding(self, stream: Stream[ServerCall], encoding: str) -> None:
        self._sender.check_encoding(stream, encoding)
