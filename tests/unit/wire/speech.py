"""
Frames written by hand from ``docs/wire.md``, and machines to send them to.

Nothing here uses the code that is tested to write bytes.
"""

from __future__ import annotations

from struct import pack

from rpcfw.spi.events import ConnectionFailed, RequestHead
from rpcfw.spi.machine import Limits
from rpcfw.wire.client import ClientMachine
from rpcfw.wire.server import ServerMachine

__all__ = [
    "CANCEL",
    "CREDIT",
    "END",
    "FAILED",
    "GOAWAY",
    "HELLO",
    "MESSAGE",
    "PING",
    "PONG",
    "REQUEST",
    "RESPONSE",
    "client",
    "fault",
    "field",
    "frame",
    "frames",
    "greeted",
    "head",
    "hello",
    "request",
    "server",
]

(HELLO, REQUEST, RESPONSE, MESSAGE, END, CANCEL, CREDIT, PING, PONG, GOAWAY, FAILED) = range(1, 12)

COMPRESSED, ONE_WAY, ENDED, NO_MESSAGE = 1, 2, 4, 8


def frame(
    kind: int,
    header: bytes = b"",
    body: bytes = b"",
    call_id: int = 0,
    *,
    flags: int = 0,
    codec: int = 0,
    start: bytes = b"\xf7\x52\x01",
) -> bytes:
    """
    Return one frame.
    """
    fixed = pack(">BBBHII", kind, flags, codec, len(header), len(body), call_id)
    return start + fixed + header + body


def field(key: int, value: bytes) -> bytes:
    """
    Return one header field.
    """
    return pack(">BH", key, len(value)) + value


def hello(versions: bytes = b"\x01\x01", more: bytes = b"") -> bytes:
    """
    Return a HELLO that says little.
    """
    return frame(HELLO, field(32, versions) + more)


def request(
    call_id: int = 1,
    body: bytes = b"",
    path: bytes = b"demo.Greeter/say",
    more: bytes = b"",
    flags: int = ENDED,
) -> bytes:
    """
    Return a whole unary request that names its method.
    """
    header = field(1, pack(">H", call_id) + path) + more
    return frame(REQUEST, header, body, call_id, flags=flags, codec=3)


def head(path: str = "demo.Greeter/say", **over) -> RequestHead:
    """
    Return the head of a call.
    """
    return RequestHead(path, over.pop("codec", "raw"), **over)


def server(**limits: int) -> ServerMachine:
    """
    Return a server's machine that was greeted, with nothing left to say.
    """
    machine = ServerMachine(Limits(**limits), (), "server")
    machine.start()
    machine.receive(hello())
    machine.take_output()
    return machine


def client(more: bytes = b"", **limits: int) -> ClientMachine:
    """
    Return a client's machine that was greeted by a server that said ``more``.
    """
    machine = ClientMachine(Limits(**limits), (), "client")
    machine.start()
    machine.take_output()
    machine.receive(hello(more=more))
    return machine


def greeted(
    client_limits: Limits | None = None, server_limits: Limits | None = None
) -> tuple[ClientMachine, ServerMachine]:
    """
    Return both ends of a connection that have greeted each other.
    """
    near = ClientMachine(client_limits or Limits(), ("gzip",), "shop")
    far = ServerMachine(server_limits or Limits(), ("zstd",), "till")
    near.start()
    far.start()
    far.receive(near.take_output())
    near.receive(far.take_output())
    return near, far


def fault(events: list) -> str:
    """
    Return the reason of a list of events that is one broken connection.
    """
    assert [ConnectionFailed] == [type(event) for event in events]
    return events[0].reason


def frames(data: bytes) -> list[tuple[int, int, bytes, bytes]]:
    """
    Return (kind, call id, header, body) of each frame.
    """
    found = []
    while data:
        sizes = int.from_bytes(data[6:8], "big"), int.from_bytes(data[8:12], "big")
        middle, end = 16 + sizes[0], 16 + sum(sizes)
        assert len(data) >= end
        found.append(
            (data[3], int.from_bytes(data[12:16], "big"), data[16:middle], data[middle:end])
        )
        data = data[end:]
    return found
