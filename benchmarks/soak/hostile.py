"""
Bytes that no honest client would send, over either wire.

Each function is one kind of attack: it yields what is sent on one connection, piece by
piece. None is where the attacker waits a moment, and the end is where it only waits for
the server to close. A `Held` attack keeps its connection open as long as the server does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from struct import pack

from attrs import frozen

from rpcfw.spi.machine import Limits
from rpcfw.wire.fields import Key, pack_field
from rpcfw.wire.frames import END_OF_STREAM, NO_MESSAGE, ONE_WAY, Kind, pack_fixed, word
from rpcfw.wire.hello import own_hello, pack_hello
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.hpack.encoder import encode

__all__ = ["ATTACKS", "Attack"]

Pieces = Iterator[bytes | None]

_JSON = 2
#: So many bytes of a flood are sent on one connection at most.
_FLOOD_BYTES = 1 << 20
_LARGE = b'{"size": 1048576}'


@frozen
class Attack:
    """
    One kind.

    Args:
        pieces: what one connection sends.
        tls: to the port with TLS.
        reads: whether it reads what it is answered.
        hold_s: how long it stays, if the server lets it.
        at_once: connections of it that are open at once.
    """

    pieces: Callable[[Random], Pieces]
    tls: bool = False
    reads: bool = True
    hold_s: float = 0.5
    at_once: int = 2


# The native wire.

_HELLO = pack_hello(own_hello(Limits(), (), "hostile"))


def _frame(kind: int, call_id: int = 0, header: bytes = b"", body: bytes = b"") -> bytes:
    return pack_fixed(word(kind), 0, 0, len(header), len(body), call_id) + header + body


def _request(call_id: int, name: bytes, body: bytes, flags: int = END_OF_STREAM) -> bytes:
    path = pack_field(Key.METHOD, pack(">H", 1) + b"soak.Soaked/" + name)
    return pack_fixed(word(Kind.REQUEST), flags, _JSON, len(path), len(body), call_id) + path + body


def _flood(piece: bytes) -> bytes:
    return piece * (_FLOOD_BYTES // 4 // len(piece))


def _half_frame(random: Random) -> Pieces:
    yield _HELLO
    frame = _request(1, b"echo", b'{"text": "abc"}')
    for at in range(len(frame) - 1):
        yield frame[at : at + 1]
        yield None


def _native_floods(random: Random) -> Pieces:
    """
    Send one of the frames that cost an answer, or a look.
    """
    yield _HELLO
    yield _request(1, b"echo", b'{"text": ""}')
    flood = random.choice(
        (
            _frame(Kind.PING, body=b"x"),
            _frame(Kind.PONG, body=b"x"),
            _frame(Kind.LEAVING),
            _frame(0x80),
            _frame(Kind.CANCEL, 1),
            _frame(Kind.CREDIT, 1, body=b"\0\0\0\1"),
        )
    )
    for _ in range(4):
        yield _flood(flood)


def _native_resets(random: Random) -> Pieces:
    yield _HELLO
    for start in range(1, 20_000, 2_000):
        yield b"".join(
            _request(call_id, b"large", _LARGE) + _frame(Kind.CANCEL, call_id)
            for call_id in range(start, start + 2_000, 2)
        )


def _native_large(random: Random) -> Pieces:
    """
    Ask for a GiB, in one write.
    """
    yield _HELLO
    yield b"".join(_request(2 * number + 1, b"large", _LARGE) for number in range(1000))


def _native_lengths(random: Random) -> Pieces:
    yield _HELLO
    size = random.choice((0xFFFFFFFF, (4 << 20) + 1, 4 << 20))
    yield pack_fixed(word(Kind.REQUEST), END_OF_STREAM, _JSON, 0, size, 1)
    yield _flood(b"x" * 1024)


def _native_tiny(random: Random) -> Pieces:
    yield _HELLO
    yield _request(1, b"unread", b"", NO_MESSAGE)
    for _ in range(4):
        yield _flood(_frame(Kind.MESSAGE, 1, body=b"1"))


def _native_one_way(random: Random) -> Pieces:
    yield _HELLO
    yield b"".join(
        _request(2 * number + 1, b"tell", b'{"text": ""}', ONE_WAY | END_OF_STREAM)
        for number in range(5_000)
    )


# gRPC.

_PREFACE = frames.PREFACE + frames.settings({})


def _call(stream_id: int, name: bytes, body: bytes | None) -> bytes:
    block = encode(
        [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", b"/soak.Soaked/" + name),
            (b":authority", b"soak"),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc+json"),
        ]
    )
    sent = frames.pack(frames.HEADERS, frames.END_HEADERS, stream_id, block)
    if body is None:
        return sent
    return sent + frames.pack(frames.DATA, frames.END_STREAM, stream_id, _message(body))


def _message(body: bytes) -> bytes:
    return b"\0" + pack(">I", len(body)) + body


def _half_block(random: Random) -> Pieces:
    yield _PREFACE
    block = _call(1, b"echo", None)
    yield block[:4] + b"\0" + block[5:]  # END_HEADERS taken out
    for _ in range(40):
        yield None
        yield frames.pack(frames.CONTINUATION, 0, 1)[:1]


def _grpc_floods(random: Random) -> Pieces:
    yield _PREFACE
    flood = random.choice(
        (
            frames.settings({4: 1}) + frames.settings({4: 65_535}),
            frames.ping(bytes(8)),
            frames.ping(bytes(8), frames.ACK),
            frames.pack(frames.PRIORITY, 0, 1, bytes(5)),
            frames.window_update(0, 1),
            frames.pack(0xEE, 0, 0),
        )
    )
    for _ in range(4):
        yield _flood(flood)


def _grpc_settings(random: Random) -> Pieces:
    """
    Open many streams, and change the window of all of them again and again.
    """
    yield _PREFACE
    yield b"".join(_call(2 * number + 1, b"unread", None) for number in range(1000))
    change = frames.settings({4: 1}) + frames.settings({4: 65_535})
    for number in range(200):
        yield change * 40 + frames.pack(frames.DATA, 0, 2 * number + 1, _message(b"1"))


def _grpc_resets(random: Random) -> Pieces:
    yield _PREFACE
    for start in range(1, 20_000, 2_000):
        yield b"".join(
            _call(stream_id, b"large", _LARGE) + frames.reset(stream_id, 8)
            for stream_id in range(start, start + 2_000, 2)
        )


def _grpc_window_0(random: Random) -> Pieces:
    yield frames.PREFACE + frames.settings({4: 0})
    yield b"".join(_call(2 * number + 1, b"large", _LARGE) for number in range(1000))


def _grpc_lengths(random: Random) -> Pieces:
    yield _PREFACE
    yield _call(1, b"echo", None)
    yield frames.pack(frames.DATA, 0, 1, b"\0\xff\xff\xff\xff" + bytes(1000))
    yield b"\xff\xff\xff" + _call(3, b"echo", None)[3:]


def _grpc_tiny(random: Random) -> Pieces:
    yield _PREFACE
    yield _call(1, b"unread", None)
    for _ in range(4):
        yield _flood(frames.pack(frames.DATA, 0, 1, _message(b"")))


# Any.


def _half_tls(random: Random) -> Pieces:
    yield b"\x16\x03\x01\x02\x00\x01\x00"[: random.randrange(8)]


def _garbage(random: Random) -> Pieces:
    yield random.choice((b"", _HELLO, _PREFACE, b"GET / HTTP/1.1\r\n"))
    yield random.randbytes(10_000)


def _nothing(random: Random) -> Pieces:
    yield b""


#: By name; the ten kinds of the soak, most of them over both wires.
ATTACKS: dict[str, tuple[Attack, ...]] = {
    "TLS handshakes that never end": (Attack(_half_tls, tls=True, hold_s=20, at_once=30),),
    "frames that never end": (
        Attack(_half_frame, hold_s=20, at_once=15),
        Attack(_half_block, hold_s=20, at_once=15),
    ),
    "floods of frames without use": (Attack(_native_floods), Attack(_grpc_floods)),
    "rapid reset": (Attack(_native_resets), Attack(_grpc_resets)),
    "large answers that nobody reads": (Attack(_native_large, reads=False, hold_s=5, at_once=4),),
    "windows of 0": (Attack(_grpc_window_0, hold_s=5, at_once=4),),
    "huge lengths": (Attack(_native_lengths), Attack(_grpc_lengths)),
    "garbage": (Attack(_garbage), Attack(_garbage, tls=True)),
    "many connections": (Attack(_nothing, hold_s=2, at_once=200),),
    "tiny messages that nobody reads": (Attack(_native_tiny), Attack(_grpc_tiny)),
    "changes of settings": (Attack(_grpc_settings),),
    "one-way calls": (Attack(_native_one_way),),
}
