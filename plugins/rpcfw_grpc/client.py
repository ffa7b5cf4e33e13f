"""
gRPC's client as a machine: requests out, responses in.

The way of a unary call is short on purpose: `ClientMachine.call` writes HEADERS and the only
message at once, and `ClientReceiver.fast_unary` makes one event of the frames that answer it.
Whatever is out of the ordinary takes the way through `Stream` and `ClientSender`.
"""

from __future__ import annotations

from rpcfw.spi.events import Event, GoAwayReceived, RequestHead
from rpcfw.spi.machine import ClientSide, Limits
from rpcfw_grpc.calls import ClientCall
from rpcfw_grpc.client_receiver import ClientReceiver
from rpcfw_grpc.client_sender import ClientSender
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.connection import Connection
from rpcfw_grpc.http2.frames import KIND_HEADER
from rpcfw_grpc.http2.stream import Stream
from rpcfw_grpc.http2.stream_limit import StreamLimit
from rpcfw_grpc.machine import GRPCMachine
from rpcfw_grpc.message_assembler import max_unread_bytes
from rpcfw_grpc.message_framing import DATA_AND_PREFIX, PREFIX_BYTES
from rpcfw_grpc.metadata import RESPONSE_RULES
from rpcfw_grpc.request_encoder import RequestEncoder
from rpcfw_grpc.response_headers import ResponseHeaders, ResponseParser

__all__ = ["ClientMachine"]

#: Streams left when a connection is given up for another: calls that begin meanwhile.
_SPARE_STREAMS = 1 << 20
_NEARLY_USED_UP = frames.MAX_STREAM_ID - 2 * _SPARE_STREAMS

_HEADERS = frames.kind_of(frames.HEADERS, frames.END_HEADERS)
_LAST_DATA = frames.kind_of(frames.DATA, frames.END_STREAM)


class ClientMachine(ClientSide, GRPCMachine[ClientCall]):
    """
    One connection that this side opened.

    Args:
        limits: what this side takes.
        accepts: names of the compressions that this side can decompress.
        authority: whom the requests are for.
        scheme: ``http`` or ``https``.
        caller: name of this application; empty to send none.
    """

    def __init__(
        self,
        limits: Limits,
        accepts: tuple[str, ...],
        authority: str,
        scheme: str,
        caller: str = "",
    ) -> None:
        self._encoder = RequestEncoder(authority, scheme, accepts, caller)
        connection: Connection[ResponseHeaders, ClientCall] = Connection(
            limits,
            RESPONSE_RULES,
            ResponseParser(limits.max_header_bytes, accepts),
            server=False,
            encoder=self._encoder.encoder,
            max_unread=max_unread_bytes(limits),
        )
        super().__init__(limits, connection)
        self._limit = StreamLimit(limits.max_calls, connection.activity)
        self._sender = ClientSender(connection, self._messages, self._limit)
        receiver = ClientReceiver(limits, connection, self._assembler, self._limit)
        connection.report_to(receiver, receiver.fast_paths)
        # For the fast path. These are the same objects as long as the connection lasts.
        self._peer = connection.peer
        self._out = connection.streams.outbound.out
        self._max_send_bytes = limits.max_send_bytes
        self._used_up = False

    def call(self, head: RequestHead, body: bytes | None, encoding: str, ended: bool) -> int:
        table, peer, outbound = self._table, self._peer, self._outbound
        call_id = table.newest + 2
        # Written out, since the methods cost 0.2 us each: nearly always there is nothing to refuse.
        if (
            not table.accepts
            or len(self._open) >= self._limit.current
            or call_id > frames.MAX_STREAM_ID
        ):
            self._sender.check_open(call_id)
        size = 0 if body is None else len(body)
        if size > self._max_send_bytes:
            self._messages.check_size(size)
        block = self._encoder.block(head, encoding, peer.header_list_bytes)
        block_bytes, length = len(block), size + PREFIX_BYTES
        # The fast path: HEADERS and DATA in one piece, and None in the place of a stream. The
        # conditions: the request has one message, and a response is waited for; one frame
        # each holds block and message, and both windows let the message through.
        if (
            body is not None
            and ended
            and not head.one_way
            and length <= outbound.window
            and length <= peer.window_bytes
            and length <= peer.frame_bytes
            and block_bytes <= peer.frame_bytes
        ):
            flag = 1 if encoding else 0
            table.newest = call_id
            outbound.window -= length
            self._open[call_id] = None
            self._out += (
                KIND_HEADER.pack(block_bytes >> 8, block_bytes & 0xFF, _HEADERS, call_id),
                block,
                DATA_AND_PREFIX.pack(length >> 8, length & 0xFF, _LAST_DATA, call_id, flag, size),
                body,
            )
            return call_id
        return self._sender.begin(block, body, encoding, ended=ended, one_way=head.one_way)

    def receive(self, data: bytes) -> list[Event]:
        events = super().receive(data)
        if self._table.newest > _NEARLY_USED_UP and not self._used_up:
            self._used_up = True
            events.append(GoAwayReceived("the connection's stream numbers are nearly used up"))
        return events

    def end(self, call_id: int) -> None:
        stream = self._find(call_id)
        if stream is not None and stream.trailers_block is None:
            self._streams.end(stream)

    def _check_encoding(self, stream: Stream[ClientCall], encoding: str) -> None:
        self._sender.check_encoding(stream, encoding)
