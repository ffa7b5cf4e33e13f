"""
Invariant: whatever comes, `receive` raises nothing, and what is kept stays bounded.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rpcfw.spi.events import ConnectionFailed, RequestReceived
from rpcfw.spi.machine import Limits
from rpcfw.status import Status
from rpcfw_grpc.client import ClientMachine
from rpcfw_grpc.http2 import frames
from rpcfw_grpc.http2.hpack.encoder import encode
from rpcfw_grpc.server import ServerMachine
from tests.plugins.grpc.pair import HEAD, HELLO, REQUEST, RESPONSE, message

LIMITS = Limits(max_receive_bytes=2000, max_calls=20, max_header_bytes=1000)
BLOCKS = st.sampled_from(
    [
        encode(REQUEST),
        encode(RESPONSE),
        encode([(b"grpc-status", b"0")]),
        encode([*RESPONSE, (b"grpc-status", b"7")]),
        encode([*REQUEST, (b"x", b"y" * 900)]),
        b"\x40\x01x\x01y",
        b"\xbe",
    ]
) | st.binary(max_size=40)
PAYLOADS = (
    BLOCKS
    | st.builds(message, st.binary(max_size=50), st.integers(0, 2))
    | st.builds(bytes, st.integers(0, 300))
    | st.binary(max_size=30)
)
FRAMES = st.builds(
    frames.pack,
    st.sampled_from([0, 0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 200]),
    st.sampled_from([0, 1, 4, 4, 5, 5, 8, 13, 0x24, 0xFF]),
    st.sampled_from([0, 0, 1, 1, 3, 3, 5, 7, 9, 2, 2**31 - 1, 2**32 - 1]),
    PAYLOADS,
)
STREAMS = st.lists(FRAMES | st.binary(max_size=20), max_size=40).map(b"".join)
SIZES = st.integers(1, 200)


def fed(machine, stream: bytes, size: int, act) -> None:
    """
    Feed some bytes in pieces, let the application act, and look what is kept.
    """
    failed = False
    for position in range(0, len(stream), size):
        for event in machine.receive(stream[position : position + size]):
            assert not failed
            failed = failed or isinstance(event, ConnectionFailed)
            act(event)
        machine.take_output()
    assert 21 > machine.open_calls
    # Unread messages are bounded by the windows of their streams.
    assert 0 <= machine.held_bytes < 20 * (2005 + LIMITS.stream_window_bytes) + 40_000


@given(STREAMS, SIZES, st.integers(0, 5))
def test_a_server_bears_anything(stream, size, habit) -> None:
    """
    From a client that has said hello, and then says whatever it likes.
    """
    machine = ServerMachine(LIMITS, ("gzip",))
    machine.start()
    machine.receive(HELLO)

    def act(event) -> None:
        if isinstance(event, RequestReceived):
            if habit == 0:
                machine.respond(event.call_id, b"x" * 100)
            elif habit == 1:
                machine.finish(event.call_id, Status.ABORTED, "no")
            elif habit == 2:
                machine.send(event.call_id, b"y" * 5000)
            elif habit == 3:
                machine.cancel(event.call_id)
        elif habit == 4 and hasattr(event, "cost"):
            machine.consumed(event.call_id, event.cost)

    fed(machine, stream, size, act)


@given(STREAMS, SIZES)
def test_a_client_bears_anything(stream, size) -> None:
    """
    From a server that answers whatever it likes.
    """
    machine = ClientMachine(LIMITS, ("gzip",), "localhost", "http")
    machine.start()
    machine.receive(frames.settings({}))
    for number in range(5):
        call_id = machine.call(HEAD, None if number % 2 else b"ask", "", not number % 2)
        if number % 2:
            machine.send(call_id, b"z" * 100_000)
    fed(machine, stream, size, lambda event: None)


@given(st.binary(max_size=200), SIZES)
def test_a_server_bears_any_beginning(stream, size) -> None:
    """
    Also from one that has not said hello.
    """
    machine = ServerMachine(LIMITS, ())
    machine.start()
    fed(machine, stream, size, lambda event: None)
