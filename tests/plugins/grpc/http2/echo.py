"""
A second user of the HTTP/2 connection, which knows nothing of gRPC: an echo, and its client.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rpcfw.spi.machine import Limits
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.callbacks import Callbacks
from rpcfw_grpc.http2.connection import Connection
from rpcfw_grpc.http2.frames import (
    FRAME_HEADER,
    FRAME_HEADER_BYTES,
    PREFACE,
    ErrorCode,
    StreamFault,
)
from rpcfw_grpc.http2.header_list import Field, Fields, HeaderList, request_rules, response_rules
from rpcfw_grpc.http2.hpack.encoder import encode
from rpcfw_grpc.http2.stream import Stream

REQUEST: Fields = [
    (b":method", b"PUT"),
    (b":scheme", b"http"),
    (b":path", b"/echo"),
    (b":authority", b"localhost"),
]
RESPONSE: Fields = [(b":status", b"200")]
PREFACE_AND_SETTINGS = PREFACE + frames.settings({})

_Frame = tuple[int, int, int, bytes]


class Exchange:
    """
    What has come on one stream.
    """

    def __init__(self) -> None:
        self.headers: HeaderList | None = None
        self.body = bytearray()
        self.trailers: HeaderList | None = None
        self.ended = False


class _End(Callbacks[HeaderList, Exchange]):
    """
    What both ends do: keep what came, give its windows back, and note all that went wrong.
    """

    def __init__(self, connection: Connection[HeaderList, Exchange]) -> None:
        self.connection = connection
        self.streams = connection.streams
        self.exchanges: dict[int, Exchange] = {}
        self.resets: list[tuple[int, int]] = []
        self.faults: list[tuple[int, int]] = []
        self.failures: list[str] = []
        self.goaways: list[tuple[int, str, tuple[int, ...]]] = []
        self.pongs = 0
        self.writable: list[int] = []
        connection.report_to(self)
        connection.start()

    def receive(self, stream: bytes) -> None:
        self.connection.receive(stream)

    def output(self) -> bytes:
        return self.connection.take_output()

    def attach(self, stream: Stream[Exchange], headers: HeaderList | None) -> None:
        stream.call = self.exchanges[stream.id] = Exchange()

    def headers_received(
        self, stream: Stream[Exchange], headers: HeaderList, *, ended: bool
    ) -> None:
        if headers.is_trailers:
            stream.call.trailers = headers
        else:
            stream.call.headers = headers
        if ended:
            self.ended(stream)

    def data_received(self, stream: Stream[Exchange], data: bytes, *, ended: bool) -> None:
        stream.call.body += data
        self.streams.flow.acknowledge(stream.id, stream.receive_window, len(data))
        if ended:
            self.ended(stream)

    def ended(self, stream: Stream[Exchange]) -> None:
        stream.call.ended = True

    def stream_writable(self, stream: Stream[Exchange]) -> None:
        self.writable.append(stream.id)

    def stream_reset(self, stream_id: int, code: int, *, app_closed: bool) -> None:
        self.resets.append((stream_id, code))

    def stream_failed(self, fault: StreamFault, *, app_closed: bool) -> None:
        self.faults.append((fault.stream_id, fault.code))

    def ping_acknowledged(self) -> None:
        self.pongs += 1

    def goaway_received(self, code: int, text: str, refused: tuple[int, ...]) -> None:
        self.goaways.append((code, text, refused))

    def connection_failed(self, reason: str) -> None:
        self.failures.append(reason)


class EchoServer(_End):
    """
    Answers each request with its own body, and trailers if it had any.
    """

    def __init__(self, limits: Limits | None = None, *, answers: bool = True) -> None:
        limits = limits or Limits()
        self.answers = answers
        super().__init__(
            Connection(
                limits,
                request_rules(),
                lambda headers: headers,
                server=True,
                max_unread=limits.max_unread_bytes,
            )
        )

    def stream_opened(self, stream: Stream[Exchange], headers: HeaderList, *, ended: bool) -> None:
        stream.call.headers = headers
        if ended:
            self.ended(stream)

    def ended(self, stream: Stream[Exchange]) -> None:
        super().ended(stream)
        if self.answers:
            self.answer(stream, bytes(stream.call.body), stream.call.trailers)

    def answer(
        self, stream: Stream[Exchange], body: bytes, trailers: HeaderList | None = None
    ) -> None:
        self.streams.send_headers(stream, encode(RESPONSE))
        self.streams.outbound.queue(stream, body)
        self.streams.end(stream, b"" if trailers is None else encode(trailers.others))


class EchoClient(_End):
    """
    Sends requests, and keeps their responses.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        limits = limits or Limits()
        super().__init__(
            Connection(
                limits,
                response_rules(),
                lambda headers: headers,
                server=False,
                max_unread=limits.max_unread_bytes,
            )
        )

    def request(
        self, body: bytes = b"", trailers: Iterable[Field] = (), *, end: bool = True
    ) -> int:
        stream = self.streams.begin()
        self.streams.send_headers(stream, encode(REQUEST))
        self.streams.outbound.queue(stream, body)
        if end:
            self.streams.end(stream, encode(trailers))
        else:
            self.streams.flush(stream)
        return stream.id


def greeted_server(limits: Limits | None = None, *, answers: bool = True) -> EchoServer:
    """
    Return a server whose peer has sent preface and SETTINGS, and whose own are gone.
    """
    server = EchoServer(limits, answers=answers)
    server.receive(PREFACE_AND_SETTINGS)
    server.output()
    return server


def carry(ours: Any, theirs: Any) -> None:
    """
    Carry everything both ways until neither has anything to send.
    """
    while True:
        forth, back = ours.output(), theirs.output()
        if not forth and not back:
            return
        if forth:
            theirs.receive(forth)
        if back:
            ours.receive(back)


def headers(stream_id: int, fields: Fields = REQUEST, *, end: bool = False) -> bytes:
    """
    Return a HEADERS frame.
    """
    return frames.headers(stream_id, encode(fields), frames.END_STREAM if end else 0, 16_384)


def chunk(stream_id: int, payload: bytes, *, end: bool = False) -> bytes:
    """
    Return a DATA frame.
    """
    return frames.pack(frames.DATA, frames.END_STREAM if end else 0, stream_id, payload)


def cut(stream: bytes) -> list[_Frame]:
    """
    Return the frames in some bytes, as (type, flags, stream, payload).
    """
    found = []
    stream = stream.removeprefix(PREFACE)
    while stream:
        high, low, kind, flags, stream_id = FRAME_HEADER.unpack_from(stream)
        stop = FRAME_HEADER_BYTES + (high << 8 | low)
        found.append((kind, flags, stream_id, stream[FRAME_HEADER_BYTES:stop]))
        stream = stream[stop:]
    return found


def of(kind: int, stream: bytes) -> list[_Frame]:
    """
    Return only the frames of one type.
    """
    return [frame for frame in cut(stream) if frame[0] == kind]


def goaway_code(output: bytes) -> ErrorCode:
    """
    Return the code of the GOAWAY that the output must end with.
    """
    kind, _, _, payload = cut(output)[-1]
    assert frames.GOAWAY == kind
    return ErrorCode(frames.parse_goaway(payload)[1])


def resets(output: bytes) -> list[tuple[int, int]]:
    """
    Return (stream, code) of each RST_STREAM.
    """
    found = of(frames.RST_STREAM, output)
    return [(stream_id, frames.parse_reset(payload)) for _, _, stream_id, payload in found]
