"""
What a connection that was lost leaves in memory: nothing, without the garbage collector.

A full collection comes seldom in a server, and peers may connect, begin calls and go many
times before it does.
"""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import AsyncIterator
from struct import pack

import pytest
from twisted.internet.protocol import Factory, Protocol

from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.spi.service import Service, method
from rpcfw.transport.network.endpoints import Network
from rpcfw.values.address import Address
from rpcfw_grpc.http2 import frames
from tests.plugins.grpc import pair
from tests.plugins.grpc.pair import HELLO, chunk, head, message
from tests.unit.wire.speech import CANCEL, ENDED, MESSAGE, NO_MESSAGE, REQUEST, field, frame, hello

#: What a server makes for a connection and for the calls on it.
KINDS = {
    "AsyncioTask",
    "DeferredTask",
    "Driver",
    "InFlightCall",
    "ReceiveStream",
    "SendStream",
    "ServerMachine",
    "Stream",
    "StreamState",
    "traceback",
}
CALLS = 5
JSON = 2


class Waits(Service, name="demo.Waits"):
    """
    Calls that wait for what never comes.
    """

    @method
    async def unary(self, text: str) -> str:
        await Waiter()
        return text

    @method
    async def down(self, text: str) -> AsyncIterator[str]:
        await Waiter()
        yield text

    @method
    async def up(self, texts: AsyncIterator[str]) -> str:
        return "".join([text async for text in texts])

    @method
    async def unread(self, texts: AsyncIterator[str]) -> str:
        await Waiter()
        return ""

    @method
    async def both(self, texts: AsyncIterator[str]) -> AsyncIterator[str]:
        async for text in texts:
            yield text


def native_calls(number: int) -> bytes:
    """
    Return one call of each kind over the native wire, with ids from ``number`` on.
    """
    sent = []
    for at, name in enumerate((b"unary", b"down", b"up", b"unread", b"both")):
        call_id, whole = number + 2 * at, at < 2
        method = field(1, pack(">H", call_id) + b"demo.Waits/" + name)
        flags, body = (ENDED, b'{"text": "x"}') if whole else (NO_MESSAGE, b"")
        sent.append(frame(REQUEST, method, body, call_id, flags=flags, codec=JSON))
        if not whole:
            sent.append(frame(MESSAGE, body=b'"x"', call_id=call_id) * 3)
    return b"".join(sent)


def grpc_calls(number: int) -> bytes:
    """
    Return the same over gRPC.
    """
    sent = []
    for at, name in enumerate((b"unary", b"down", b"up", b"unread", b"both")):
        fields = dict(pair.REQUEST)
        fields |= {b":path": b"/demo.Waits/" + name, b"content-type": b"application/grpc+json"}
        sent.append(head(number + 2 * at, list(fields.items())))
        whole = at < 2
        body = message(b'{"text": "x"}') if whole else 3 * message(b'"x"')
        sent.append(chunk(number + 2 * at, body, end=whole))
    return b"".join(sent)


WIRES = {
    "native": (hello(), native_calls, lambda call_id: frame(CANCEL, call_id=call_id)),
    "grpc": (HELLO, grpc_calls, lambda call_id: frames.reset(call_id, 8)),
}


@pytest.fixture(name="connect", params=WIRES)
def _connect(lab, request):
    """
    Return what connects to a server and begins calls there, and how one is cancelled.
    """
    wires = "native, grpc"
    process = lab.serve(Waits(), sets=[f"app.protocols={wires}", f"server.protocols={wires}"])
    network = Network(lab.clock, process.network)
    greeting, calls, cancel = WIRES[request.param]

    def connect():
        connecting = network.client(Address("memory", process.name), 1.0).connect(
            Factory.forProtocol(Protocol)
        )
        lab.until(lambda: connecting.called)
        transport = connecting.result.transport
        transport.write(greeting + calls(1))
        lab.advance(0.01)
        return transport

    return connect, cancel


@pytest.fixture(name="kept")
def _kept():
    """
    Return what counts the objects of connections, with the garbage collector off.
    """

    def kept():
        return Counter(name for one in gc.get_objects() if (name := type(one).__name__) in KINDS)

    gc.collect()
    gc.disable()
    yield kept
    gc.enable()


def test_a_connection_that_is_lost_leaves_nothing(lab, connect, kept):
    """
    Its calls wait, read or hold what nobody read; all of them are freed with it.
    """
    connect, _ = connect
    connect().abortConnection()
    lab.advance(1)
    gc.collect()
    before = kept()
    transport = connect()
    assert CALLS <= kept()["InFlightCall"] - before["InFlightCall"]
    transport.abortConnection()
    lab.advance(1)
    del transport
    assert {} == dict(kept() - before)


def test_calls_that_are_cancelled_leave_nothing(lab, connect, kept):
    """
    The same holds while their connection goes on.
    """
    connect, cancel = connect
    transport = connect()
    gc.collect()
    before = kept()
    transport.write(b"".join(cancel(number) for number in range(1, 2 * CALLS, 2)))
    lab.advance(1)
    after = kept()
    assert CALLS <= before["InFlightCall"] - after["InFlightCall"]
    assert {} == dict(after - before)


def test_a_connection_that_is_broken_off_leaves_nothing(lab, connect, kept):
    """
    Nor does one whose peer broke the rules in the midst of its calls.
    """
    connect, _ = connect
    connect().abortConnection()
    lab.advance(1)
    gc.collect()
    before = kept()
    transport = connect()
    transport.write(b"\xff" * 100)
    lab.advance(10)
    del transport
    assert {} == dict(kept() - before)
