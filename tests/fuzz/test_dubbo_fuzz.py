"""
Invariant: whatever comes, `receive` raises nothing, and what is kept stays bounded.
"""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from rpcfw.errors import CallError
from rpcfw.spi.events import ConnectionFailed, HeadInBody, RequestHead, RequestReceived
from rpcfw.status import Status
from tests.plugins.dubbo.pair import client, frame, frames_in, server, unary

SAY = unary("demo.Hello/say")
BODY = bytes.fromhex(
    "05322e302e320a64656d6f2e48656c6c6f05302e302e3003736179"
    "124c6a6176612f6c616e672f537472696e673b03626f62485a"
)
VALUE = bytes.fromhex("94036162634805647562626f05322e302e325a")
BODIES = st.sampled_from([BODY, VALUE, b"N", b"\x01R", b"\x01W", b"\x05rpcfw", b"\x95HZ"]) | (
    st.binary(max_size=60) | st.builds(bytes, st.integers(0, 3000))
)
FLAGS = st.sampled_from([0xC2, 0xC2, 0xC2, 0x82, 0xE2, 0xA2, 0x22, 0x02, 0x02, 0xD7]) | st.integers(
    0, 255
)
IDS = st.integers(0, 20) | st.integers(-(2**63), 2**63 - 1)
STATUSES = st.sampled_from([20, 20, 0, 31, 40, 60, 70, 100]) | st.integers(0, 255)
FRAMES = st.builds(frame, FLAGS, IDS, BODIES, STATUSES)
STREAMS = st.lists(FRAMES | st.binary(max_size=20), max_size=40).map(b"".join)
SIZES = st.integers(1, 200)
LIMITS = {"max_receive_bytes": 2000, "max_calls": 20, "max_header_bytes": 1000}


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
    assert machine.open_calls <= 40
    assert 0 <= machine.held_bytes < 2100


@given(STREAMS, SIZES, st.integers(0, 3))
def test_a_server_tolerates_anything(stream, size, habit) -> None:
    """
    From a client that sends whatever it likes. A body is decoded, or refused as a call's error.
    """
    machine = server(SAY, **LIMITS)

    def act(event) -> None:
        if isinstance(event, RequestReceived):
            assert isinstance(event.head, HeadInBody)
            with suppress(CallError):
                event.head.decode(event.body)
            if habit == 0 and not event.head.one_way:
                machine.respond(event.call_id, b"\x01x")
            elif habit == 1:
                machine.finish(event.call_id, Status.ABORTED, "why")
            elif habit == 2:
                machine.cancel(event.call_id)

    fed(machine, stream, size, act)


@given(STREAMS, SIZES)
def test_a_client_tolerates_anything(stream, size) -> None:
    """
    From a server that sends whatever it likes, also in reply to calls.
    """
    machine = client(**LIMITS)
    for _ in range(5):
        machine.call(RequestHead("demo.Hello/say", "dubbo"), b"\x00", "", ended=True)
    sent = [wire_id for _, _, wire_id, _ in frames_in(machine.take_output())]
    begin = b"".join(frame(0x02, wire_id, VALUE, 20) for wire_id in sent[:2])

    fed(machine, begin + stream, size, lambda event: None)
