"""
Two machines with a pretend network between them, and frames to break them with.
"""

from __future__ import annotations

from typing import Any, TypeVar

from rpcfw.spi.events import Event, RequestHead
from rpcfw.spi.machine import Limits
from rpcfw_grpc.client import ClientMachine
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.frames import FRAME_HEADER, PREFACE
from rpcfw_grpc.http2.hpack.encoder import encode
from rpcfw_grpc.server import ServerMachine

E = TypeVar("E")

HEAD = RequestHead("shop.Orders/Create", "protobuf")
REQUEST = [
    (b":method", b"POST"),
    (b":scheme", b"http"),
    (b":path", b"/shop.Orders/Create"),
    (b":authority", b"localhost"),
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
]
RESPONSE = [(b":status", b"200"), (b"content-type", b"application/grpc")]
HELLO = PREFACE + frames.settings({})


def message(body: bytes, flag: int = 0) -> bytes:
    """
    Return a message behind its prefix.
    """
    return bytes((flag,)) + len(body).to_bytes(4, "big") + body


def chunk(stream_id: int, payload: bytes, *, end: bool = False) -> bytes:
    """
    Return a DATA frame.
    """
    return frames.pack(frames.DATA, frames.END_STREAM if end else 0, stream_id, payload)


def head(
    stream_id: int, fields: list[tuple[bytes, bytes]] = REQUEST, *, end: bool = False
) -> bytes:
    """
    Return a HEADERS frame.
    """
    flags = frames.END_HEADERS | (frames.END_STREAM if end else 0)
    return frames.pack(frames.HEADERS, flags, stream_id, encode(fields))


def cut(stream: bytes) -> list[tuple[int, int, int, bytes]]:
    """
    Return the frames in some bytes, as (type, flags, stream, payload).
    """
    found = []
    stream = stream.removeprefix(PREFACE)
    while stream:
        high, low, kind, flags, stream_id = FRAME_HEADER.unpack_from(stream)
        size = high << 8 | low
        found.append((kind, flags, stream_id, stream[9 : 9 + size]))
        stream = stream[9 + size :]
    return found


def of(kind: int, stream: bytes) -> list[tuple[int, int, int, bytes]]:
    """
    Return only the frames of one type.
    """
    return [frame for frame in cut(stream) if frame[0] == kind]


def only(kind: type[E], events: list[Event]) -> E:
    """
    Return the one event of a kind.
    """
    found = [event for event in events if isinstance(event, kind)]
    assert 1 == len(found), events
    return found[0]


def server(limits: Limits | None = None, accepts: tuple[str, ...] = ("gzip",)) -> ServerMachine:
    """
    Return a server that has been greeted, and whose own greeting is gone.
    """
    machine = ServerMachine(limits or Limits(), accepts)
    machine.start()
    machine.receive(HELLO)
    machine.take_output()
    return machine


def client(
    settings: dict[int, int] | None = None,
    limits: Limits | None = None,
    accepts: tuple[str, ...] = ("gzip",),
) -> ClientMachine:
    """
    Return a client that a server with these settings has greeted.
    """
    machine = ClientMachine(limits or Limits(), accepts, "localhost", "http")
    machine.start()
    machine.receive(frames.settings(settings or {}))
    machine.take_output()
    return machine


class Pair:
    """
    A client and a server that hear each other when `carry` is asked.
    """

    def __init__(self, caller: str = "", **limits: Any) -> None:
        self.client = ClientMachine(Limits(**limits), ("gzip",), "localhost", "http", caller)
        self.server = ServerMachine(Limits(**limits), ("gzip",))
        self.client.start()
        self.server.start()
        self.carry()

    def carry(self) -> tuple[list[Event], list[Event]]:
        """
        Carry everything both ways; return what (the server, the client) made of it.
        """
        at_server: list[Event] = []
        at_client: list[Event] = []
        while True:
            forth, back = self.client.take_output(), self.server.take_output()
            if not forth and not back:
                return at_server, at_client
            at_server += self.server.receive(forth)
            at_client += self.client.receive(back)
