"""
Invariant: whatever bytes come, `receive` raises nothing, keeps little, and ends for good.

At either side and however the bytes are split, what a native machine keeps of them is
bounded by max_receive_bytes plus max_header_bytes plus a constant; after
`ConnectionFailed` it neither reports nor says anything more; and a listening port
around it lets no exception out and is rid of who does not greet.

The corpus is what found mistakes once, and what one would think of first.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import suppress
from enum import Enum
from itertools import cycle
from pathlib import Path
from types import FunctionType, ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from rpcfw.errors import CallError
from rpcfw.spi.events import (
    ConnectionFailed,
    Event,
    HandshakeCompleted,
    MessageReceived,
    RequestReceived,
)
from rpcfw.spi.machine import Limits
from rpcfw.status import Status
from rpcfw.transport.connection.buffer_quota import BufferQuota
from rpcfw.transport.network.capacity import Capacity
from rpcfw.transport.network.sniffing import Acceptor
from rpcfw.wire.client import ClientMachine
from rpcfw.wire.server import ServerMachine
from tests.unit.transport.connection.test_driver import Socket
from tests.unit.transport.ends import Keeper, native
from tests.unit.wire.speech import field, frame, head, hello, request

CORPUS = Path(__file__).parent / "corpus"
LIMITS = Limits(
    max_receive_bytes=200,
    max_header_bytes=1024,
    max_calls=4,
    stream_window_bytes=100,
    max_resets=3,
    max_pings=3,
)
#: The bookkeeping of a few calls, of numbered methods and of remembered headers.
CONSTANT_BYTES = 64 << 10
SIZES = st.lists(st.integers(1, 400), min_size=1, max_size=6)


def said_by_a_client() -> bytes:
    """
    Return all kinds of what a client may say.
    """
    said = hello(b"\1\3", field(33, b"news") + field(36, b"\0\0\0\x40") + field(39, b"shop"))
    said += request(1, b"abc", more=field(3, b"\0\0\0\x09") + field(4, b"\1kv"), flags=4)
    said += frame(2, field(2, b"\0\1") + field(11, b"gzip"), b"xyz", 3, flags=5, codec=1)
    said += request(5, b"", b"s/stream", flags=8)
    said += frame(4, b"", b"message", 5) + frame(4, field(11, b"gzip"), b"m", 5, flags=1)
    said += frame(7, b"", b"\0\0\0\x10", 5) + frame(5, b"", b"", 5) + frame(6, b"", b"", 5)
    said += frame(2, field(2, b"\0\1"), b"one-way", 7, flags=6) + frame(0x80, b"?", b"??", 9)
    said += frame(8, b"", b"ping") + frame(9, b"", b"pong") + frame(10, field(7, b"bye"))
    return said + frame(2, field(2, b"\0\1"), bytes(300), 9, flags=4) + frame(11, field(7, b"no"))


def said_by_a_server() -> bytes:
    """
    Return all kinds of what a server may say to `client`.
    """
    said = hello(b"\1\3", field(33, b"news") + field(36, b"\0\0\0\x40") + field(37, b"\0\0\0\x09"))
    return said + answers()


def answers() -> bytes:
    said = frame(3, field(4, b"\1kv") + field(10, b"\1tv"), b"abc", 1, flags=4)
    said += frame(3, field(4, b"\1kv"), b"", 3) + frame(4, b"", b"message", 3)
    said += frame(7, b"", b"\0\0\0\x10", 3) + frame(4, field(11, b"gzip"), b"m", 3, flags=1)
    ended = field(6, b"\x0e") + field(7, b"text") + field(8, b"\2") + field(9, b"\0\0\0\1")
    said += frame(5, ended + field(10, b"\5x-bin\xff"), b"details", 3) + frame(6, b"", b"", 5)
    said += frame(8, b"", b"ping") + frame(9, b"", b"pong") + frame(10, field(7, b"bye"))
    return said + frame(3, b"", bytes(300), 7, flags=4) + frame(11, field(7, b"no"))


def a_server() -> ServerMachine:
    machine = ServerMachine(LIMITS, (), "far")
    machine.start()
    return machine


def a_client() -> ClientMachine:
    machine = ClientMachine(LIMITS, (), "near")
    machine.start()
    return machine


def bytes_of(root: object) -> int:
    """
    Return how much memory an object keeps alive, classes and code aside.
    """
    seen: dict[int, object] = {}
    found = [root]
    while found:
        one = found.pop()
        if id(one) not in seen and not isinstance(one, type | ModuleType | FunctionType | Enum):
            seen[id(one)] = one
            found += gc.get_referents(one)
    return sum(map(sys.getsizeof, seen.values()))


def act(machine, events: list[Event]) -> None:
    """
    Do what an application may do about what was reported.
    """
    for event in events:
        with suppress(CallError):
            if isinstance(event, RequestReceived):
                answer(machine, event.call_id)
            elif isinstance(event, MessageReceived):
                machine.consumed(event.call_id, event.cost)
            elif isinstance(event, HandshakeCompleted) and isinstance(machine, ClientMachine):
                for ended in (True, False, False, True):
                    machine.call(head(), None, "", ended=ended)


def answer(machine, call_id: int) -> None:
    """
    Answer some calls at once, some with a stream, some never.
    """
    if call_id % 3 == 0:
        machine.respond(call_id, b"answer")
    elif call_id % 3 == 1:
        machine.send(call_id, b"answer" * 10)
        machine.send(call_id, b"answer" * 10)
        machine.finish(call_id, Status.OK)


def hold(machine, data: bytes, sizes: list[int]) -> list[Event]:
    """
    Feed a machine and check the invariant; return what it reported.
    """
    limit = bytes_of(machine) + LIMITS.max_receive_bytes + LIMITS.max_header_bytes + CONSTANT_BYTES
    reported: list[Event] = []
    failed = False
    for piece in pieces_of(data, sizes):
        events = machine.receive(piece)
        assert not (failed and events)
        assert all(not isinstance(event, ConnectionFailed) for event in events[:-1])
        if events and isinstance(events[-1], ConnectionFailed):
            failed = True
            machine.take_output()
        reported += events
        act(machine, events)
        assert not (machine.take_output() and failed)
    assert bytes_of(machine) <= limit
    return reported


def pieces_of(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    """
    Yield bytes in pieces of these sizes, over and over.
    """
    for size in cycle(sizes):
        if not data:
            return
        yield data[:size]
        data = data[size:]


MUTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "set", "cut", "twice", "insert", "truncate", "length"]),
        st.integers(0, 10_000),
        st.integers(0, 400),
        st.binary(min_size=1, max_size=20),
    ),
    max_size=6,
)


def mutated(data: bytes, mutations) -> bytes:
    """
    Return bytes with some changes made to them.
    """
    for kind, place, size, more in mutations:
        at = place % (len(data) + 1)
        if kind == "flip" and data:
            at %= len(data)
            data = data[:at] + bytes((data[at] ^ 1 << size % 8,)) + data[at + 1 :]
        elif kind == "set":
            data = data[:at] + more + data[at + len(more) :]
        elif kind == "cut":
            data = data[:at] + data[at + size :]
        elif kind == "twice":
            data = data[: at + size] + data[at:]
        elif kind == "insert":
            data = data[:at] + more + data[at:]
        elif kind == "truncate":
            data = data[:at]
        else:
            starts = [i for i in range(len(data) - 15) if data.startswith(b"\xf7\x52", i)]
            if starts:
                at = starts[place % len(starts)] + 6 + size % 6
                data = data[:at] + more[:1] + data[at + 1 :]
    return data


@given(MUTATIONS, SIZES)
def test_a_server_hears_what_a_client_may_say_mutilated(mutations, sizes):
    """
    A server bears a client's conversation with any changes made to it.
    """
    hold(a_server(), mutated(said_by_a_client(), mutations), sizes)


@given(MUTATIONS, SIZES)
def test_a_client_hears_what_a_server_may_say_mutilated(mutations, sizes):
    """
    A client bears a server's conversation with any changes made to it.
    """
    hold(a_client(), mutated(said_by_a_server(), mutations), sizes)


def greeted_client() -> ClientMachine:
    """
    Return a client with calls open.
    """
    machine = a_client()
    act(machine, machine.receive(hello(more=field(37, b"\0\0\0\x09"))))
    machine.take_output()
    return machine


@given(MUTATIONS, SIZES)
def test_a_greeted_client_hears_mutilated_answers(mutations, sizes):
    """
    A client with calls open bears answers with any changes made to them.
    """
    hold(greeted_client(), mutated(answers(), mutations), sizes)


@given(st.binary(max_size=300), SIZES, st.booleans())
def test_bytes_without_sense(data, sizes, greeted):
    """
    Both sides bear bytes that nobody meant to say, from the start and later on.
    """
    start = hello() if greeted else b""
    for machine in (a_server(), a_client()):
        hold(machine, start + data, sizes)


@given(MUTATIONS, SIZES)
def test_a_port_bears_everything(mutations, sizes):
    """
    A listening port lets no exception out, and a silent peer is gone in the end.
    """
    clock, keeper = Clock(), Keeper(answers=False)
    acceptor = Acceptor(
        (native(),),
        lambda protocol: protocol.server(LIMITS, ()),
        keeper,
        clock,
        10.0,
        BufferQuota(1 << 20),
        Capacity(1, 1, Clock().seconds),
    )
    socket = Socket()
    socket.protocol = acceptor.buildProtocol(None)
    socket.protocol.makeConnection(socket)
    data = mutated(said_by_a_client(), mutations)
    for piece in pieces_of(data, sizes):
        if not (socket.lost or socket.aborted):
            socket.protocol.dataReceived(piece)
    clock.advance(20)

    if not (socket.lost or socket.aborted):
        assert "greeted" in keeper.told


def corpus() -> list[Path]:
    return sorted(CORPUS.glob("native-*.hex"))


def hex_of(path: Path) -> bytes:
    lines = path.read_text().split("\n")
    return bytes.fromhex("".join(line.partition("#")[0] for line in lines))


@pytest.mark.parametrize("path", corpus(), ids=lambda path: path.stem)
@pytest.mark.parametrize("sizes", [[1], [7, 1, 30], [100_000]])
def test_the_corpus(path, sizes):
    """
    What found a mistake once finds none any more.
    """
    machine = a_client() if "to-client" in path.stem else a_server()
    hold(machine, hex_of(path), sizes)


def test_the_conversations_are_whole():
    """
    What is mutilated here is, before that, a conversation with every kind of event.
    """
    at_server = {type(e).__name__ for e in hold(a_server(), said_by_a_client(), [100_000])}
    at_client = {type(e).__name__ for e in hold(greeted_client(), answers(), [100_000])}

    assert {
        "HandshakeCompleted",
        "RequestReceived",
        "MessageReceived",
        "HalfClosed",
        "CallCancelled",
        "PingAnswered",
        "GoAwayReceived",
        "ConnectionFailed",
    } <= at_server
    assert {
        "ResponseReceived",
        "ResponseStarted",
        "MessageReceived",
        "CallEnded",
        "GoAwayReceived",
        "ConnectionFailed",
    } <= at_client
