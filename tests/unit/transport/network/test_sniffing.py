"""
One port, several protocols, told apart by their first bytes.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from rpcfw.spi.machine import Limits
from rpcfw.spi.plugin import NoOptions
from rpcfw.spi.protocol import Match
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.transport.connection.buffer_quota import BufferQuota
from rpcfw.transport.network.capacity import Capacity
from rpcfw.transport.network.memory import MemoryNetwork
from rpcfw.transport.network.sniffing import Acceptor
from rpcfw.wire.protocol import NativeProtocol
from tests.unit.transport.ends import Keeper, native, turn
from tests.unit.wire.speech import frames, hello, request


class Shouted(NativeProtocol):
    """
    A second protocol: the native one behind the word SHOUT, which its machine skips.
    """

    name = "shouted"

    def match(self, data: bytes) -> Match:
        word = b"SHOUT"
        if data.startswith(word):
            return Match.YES
        return Match.MORE if word.startswith(data) else Match.NO


class Wider(NativeProtocol):
    """
    A protocol that has all of the native one.
    """

    name = "wider"
    includes = ("native",)


class Deaf(NativeProtocol):
    """
    A protocol whose peers take any bytes for frames.
    """

    name = "deaf"
    text_errors = False


class Endless(NativeProtocol):
    """
    A protocol that never knows.
    """

    name = "endless"

    def match(self, data: bytes) -> Match:
        return Match.MORE


class Polite(NativeProtocol):
    """
    A protocol that greets in its own language whom it cannot serve: those that say EHLO.
    """

    name = "polite"
    asked = 0

    def match(self, data: bytes) -> Match:
        self.asked += 1
        return Match.NO

    def refusal(self, data: bytes, reason: str) -> bytes | Match:
        if data.startswith(b"EHLO"):
            return b"502 " + reason.encode()
        return Match.MORE if b"EHLO".startswith(data[:4]) else Match.NO


class Undecided(Polite):
    """
    A protocol that never knows whether it has an answer.
    """

    name = "undecided"

    def refusal(self, data: bytes, reason: str) -> Match:
        return Match.MORE


class Socket(StringTransport):
    """
    A transport whose protocol can be exchanged.
    """

    protocol = None
    lost = aborted = False

    def loseConnection(self) -> None:
        self.lost = True

    def abortConnection(self) -> None:
        self.aborted = True


class Port:
    """
    An acceptor and what its owner and its machines got.
    """

    def __init__(self, *protocols, limit: int = 100) -> None:
        self.clock = Clock()
        self.keeper = Keeper()
        self.chosen: list[str] = []
        self.acceptor = Acceptor(
            protocols or (native(), Shouted(NoOptions(), plugin_context())),
            self.make_machine,
            self.keeper,
            self.clock,
            10.0,
            BufferQuota(1 << 20),
            Capacity(limit, 0, Clock().seconds),
        )

    def make_machine(self, protocol):
        self.chosen.append(protocol.name)
        return protocol.server(Limits(), ())

    def open(self) -> Socket:
        socket = Socket()
        socket.protocol = self.acceptor.buildProtocol(socket.getPeer())
        socket.protocol.makeConnection(socket)
        return socket

    def say(self, socket: Socket, data: bytes, size: int = 1 << 30) -> None:
        """
        Send bytes in pieces, as the transport would: to whoever is its protocol then.
        """
        for start in range(0, len(data), size):
            socket.protocol.dataReceived(data[start : start + size])


def test_first_bytes_that_this_process_read_late():
    """
    A connection that is recognised when its time is over, for this process was away, greets yet.
    """
    port = Port()
    socket = port.open()
    # The clock goes on, and nothing that was due is called before the read.
    port.clock.rightNow += 300
    port.say(socket, hello()[:-1])
    assert all(call.getTime() > port.clock.seconds() for call in port.clock.calls)
    port.clock.advance(0.5)
    port.say(socket, hello()[-1:])
    port.clock.advance(300)

    assert not socket.aborted
    assert ["connected", "greeted"] == port.keeper.told[:2]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_protocol_is_known_by_its_first_bytes(size):
    """
    However the bytes are split, the machine gets all of them.
    """
    port = Port()
    socket = port.open()
    port.say(socket, hello() + request(1, b"abc"), size)

    assert ["native"] == port.chosen
    assert [b"abc"] == [event.body for event in port.keeper.requests]
    assert [1, 3] == [frame[0] for frame in frames(socket.value())]
    assert 1 == len(port.acceptor.capacity)


@pytest.mark.parametrize("size", [1, 4, 100])
def test_two_protocols_on_one_port(size):
    """
    Each connection gets the machine of the protocol it speaks.
    """
    port = Port()
    port.say(port.open(), hello(), size)
    port.say(port.open(), b"SHOUT", size)

    assert ["native", "shouted"] == port.chosen


@pytest.mark.parametrize("order", [1, -1])
def test_a_protocol_that_includes_another(order):
    """
    It gets the connections of both, in whichever order they are named.
    """
    protocols = [native(), Wider(NoOptions(), plugin_context())][::order]
    port = Port(*protocols)
    port.say(port.open(), hello())

    assert ["wider"] == port.chosen
    assert protocols == list(port.acceptor.protocols)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_browser_gets_a_sentence(size):
    """
    Who speaks HTTP where nobody does gets an answer that a browser shows.
    """
    port = Port()
    socket = port.open()
    port.say(socket, b"GET / HTTP/1.1\r\nHost: there\r\n\r\n", size)
    status, _, text = socket.value().partition(b"\r\n")

    assert b"HTTP/1.1 400 Bad Request" == status
    assert text.endswith(b"It speaks: native, shouted. What came is none of these.\n")
    length = text.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
    assert int(length) == len(text.partition(b"\r\n\r\n")[2])
    assert socket.lost


@pytest.mark.parametrize("data", [b"\0", b"hello\r\n", b"\x16\x03\x01\x02\0", b"\xf7\x53", b"GEX"])
def test_garbage(data):
    """
    What no protocol knows is told what is spoken here, once, and closed.
    """
    port = Port()
    socket = port.open()
    port.say(socket, data, 1)
    port.say(socket, data)

    expected = b"This is an rpcfw port. It speaks: native, shouted. What came is none of these.\n"
    assert expected == socket.value()
    assert socket.lost


def test_who_never_makes_sense():
    """
    64 bytes are enough to tell; more drips are not waited for.
    """
    port = Port(Endless(NoOptions(), plugin_context()))
    socket = port.open()
    port.say(socket, b"x" * 63, 1)
    assert not socket.lost
    port.say(socket, b"x")

    assert socket.lost


@pytest.mark.parametrize("said", [b"", b"\xf7", b"SHO", b"GE"])
def test_who_does_not_go_on(said):
    """
    Who has not said what it speaks in time is cut off.
    """
    port = Port()
    socket = port.open()
    port.say(socket, said)
    port.clock.advance(9.9)
    assert not socket.aborted
    port.clock.advance(0.1)
    assert socket.aborted


def test_who_drips_a_hello():
    """
    The time to greet counts from the first moment, not from when the protocol was known.
    """
    port = Port()
    socket = port.open()
    port.clock.advance(6)
    port.say(socket, hello()[:-1], 1)
    port.clock.advance(3.9)
    assert not socket.aborted
    port.clock.advance(0.1)
    assert socket.aborted


def test_who_was_refused_and_stays():
    """
    Who does not close after a refusal is cut off, too.
    """
    port = Port()
    socket = port.open()
    port.say(socket, b"garbage")
    port.clock.advance(10)

    assert socket.aborted


def test_who_goes_at_once():
    """
    A connection that goes before it was known leaves nothing behind.
    """
    port = Port()
    socket = port.open()
    assert 1 == len(port.acceptor.capacity)
    socket.protocol.connectionLost(None)

    assert 0 == len(port.acceptor.capacity)
    assert [] == port.clock.getDelayedCalls()
    assert [] == port.keeper.told


def test_a_full_port():
    """
    Connections above the limit are closed at once; those not yet known count.
    """
    port = Port(limit=3)
    sockets = [port.open() for _ in range(3)]
    assert port.acceptor.buildProtocol(None) is None
    sockets[0].protocol.connectionLost(None)

    assert port.acceptor.buildProtocol(None) is not None


def test_the_end_is_told_to_the_driver():
    """
    After the protocol is known, the transport tells the driver of its end.
    """

    class Leaver(Keeper):
        def disconnected(self, driver) -> None:
            capacity.leave(driver.transport.getPeer())

    clock, keeper, capacity = Clock(), Leaver(), Capacity(1, 1, Clock().seconds)
    network = MemoryNetwork(clock)
    acceptor = Acceptor(
        (native(),),
        lambda protocol: protocol.server(Limits(), ()),
        keeper,
        clock,
        10.0,
        BufferQuota(1 << 20),
        capacity,
    )
    network.listen("there", acceptor)
    from twisted.internet.protocol import Factory, Protocol

    client = network.connect("there", Factory.forProtocol(Protocol))
    client.transport.write(hello())
    turn(clock)
    client.transport.loseConnection()
    turn(clock)

    assert ["connected", "greeted"] == keeper.told[:2]
    assert "closed" == keeper.told[2][0]
    assert 0 == len(capacity)
    assert [] == clock.getDelayedCalls()


def test_silence_where_text_would_be_taken_for_frames():
    """
    Where a protocol's peers read frames only, strangers are closed in silence, but for HTTP's.
    """
    port = Port(native(), Deaf(NoOptions(), plugin_context()))
    junk, browser = port.open(), port.open()
    port.say(junk, b"INVALID CONNECTION PREFACE\r\n\r\n")
    port.say(browser, b"GET / HTTP/1.1\r\n\r\n")

    assert (b"", True) == (junk.value(), junk.lost)
    assert browser.value().startswith(b"HTTP/1.1 400 ")
    assert b"native, deaf" in browser.value()


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_refusal_is_a_plugins(size):
    """
    A protocol answers in its own language; what it has no answer to gets the line of text.
    """
    port = Port(Polite(NoOptions(), plugin_context()))
    known, unknown = port.open(), port.open()
    port.say(known, b"EHLO you", size)
    port.say(unknown, b"GET / HTTP/1.1", size)
    text = b"This is an rpcfw port. It speaks: polite. What came is none of these."

    assert (b"502 " + text, True) == (known.value(), known.lost)
    assert (text + b"\n", True) == (unknown.value(), unknown.lost)


def test_the_first_refusal_is_sent():
    """
    Of several protocols with an answer, the first of the port gives it.
    """

    class Rude(Polite):
        def refusal(self, data: bytes, reason: str) -> bytes:
            return b"no"

    rude, polite = (each(NoOptions(), plugin_context()) for each in (Rude, Polite))
    told = []
    for protocols in ((polite, rude), (rude, polite)):
        port = Port(*protocols)
        socket = port.open()
        port.say(socket, b"EHLO you")
        told.append(socket.value()[:4])

    assert [b"502 ", b"no"] == told


def test_a_protocol_that_said_no_is_not_asked_again():
    """
    Its answer holds for whatever follows.
    """
    polite = Polite(NoOptions(), plugin_context())
    port = Port(polite, Endless(NoOptions(), plugin_context()))
    port.say(port.open(), b"x" * 63, 1)

    assert 1 == polite.asked


def test_a_refusal_that_is_never_decided():
    """
    After 64 bytes there is no more to wait for.
    """
    port = Port(Undecided(NoOptions(), plugin_context()))
    socket = port.open()
    port.say(socket, b"x" * 63, 1)
    assert not socket.lost
    port.say(socket, b"x")

    assert socket.lost
    assert socket.value().startswith(b"This is an rpcfw port.")
