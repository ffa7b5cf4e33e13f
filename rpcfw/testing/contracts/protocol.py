"""
What every wire protocol promises, whatever its bytes look like.
"""

from __future__ import annotations

from abc import abstractmethod
from random import Random
from typing import TypeVar

from rpcfw.errors import LocalProtocolError, MessageTooLarge, Overloaded
from rpcfw.spi.events import (
    CallCancelled,
    CallEnded,
    ConnectionFailed,
    Event,
    MessageReceived,
    PeerLeaving,
    PingAnswered,
    Ready,
    RequestHead,
    RequestReceived,
    ResponseReceived,
    RoomMade,
    SideEnded,
)
from rpcfw.spi.protocol import Limits, Machine, Match, WireProtocol
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata

__all__ = ["ProtocolContract"]

E = TypeVar("E")

_ACCEPTS = ("gzip",)
_SNIFFED_BYTES = 64
_PAIRS = Metadata((("x-tenant", "acme"), ("x-key-bin", b"\x00\xff"), ("x-tenant", "again")))


class _Wire:
    """
    A client and a server of one protocol, with a pretend network between them.
    """

    def __init__(self, protocol: WireProtocol, limits: Limits, piece_bytes: int = 1 << 20) -> None:
        self.client = protocol.client(limits, _ACCEPTS)
        self.server = protocol.server(limits, _ACCEPTS)
        self._piece_bytes = piece_bytes
        self.client.start()
        self.server.start()
        self.at_server, self.at_client = self.carry()

    def carry(self) -> tuple[list[Event], list[Event]]:
        """
        Carry everything both ways; return what (the server, the client) heard.
        """
        at_server: list[Event] = []
        at_client: list[Event] = []
        while True:
            forth, back = self.client.take_output(), self.server.take_output()
            if not forth and not back:
                return at_server, at_client
            at_server += self._fed(self.server, forth)
            at_client += self._fed(self.client, back)

    def _fed(self, machine: Machine, stream: bytes) -> list[Event]:
        size = self._piece_bytes
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        return [event for piece in pieces for event in machine.receive(piece)]


class ProtocolContract:
    """
    The tests of a wire protocol.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyProtocol(ProtocolContract):
            def make(self):
                return MyProtocol(NoOptions(), surroundings())
    """

    @abstractmethod
    def make(self) -> WireProtocol:
        """
        Return the protocol.
        """

    def head(self) -> RequestHead:
        """
        Return the head of a call that the protocol can carry.
        """
        codecs = self.make().codecs or ("protobuf",)
        return RequestHead("demo.Greeter/say", codecs[0], 3.0, _PAIRS)

    def wire(self, limits: Limits | None = None, piece_bytes: int = 1 << 20) -> _Wire:
        """
        Return two sides that have greeted each other.
        """
        return _Wire(self.make(), limits or Limits(), piece_bytes)

    # Telling it from others.

    def test_it_knows_its_own_first_bytes(self) -> None:
        """
        What its client says first is recognised, and by any beginning not refused.
        """
        protocol = self.make()
        client = protocol.client(Limits(), _ACCEPTS)
        client.start()
        first = client.take_output()[:_SNIFFED_BYTES]

        assert Match.YES is protocol.match(first)
        assert Match.NO not in [protocol.match(first[:size]) for size in range(len(first))]

    def test_it_makes_up_its_mind(self) -> None:
        """
        Whatever comes, 64 bytes are enough to tell.
        """
        protocol = self.make()
        chance = Random(0)  # noqa: S311 - a seed
        for junk in (b"GET / HTTP/1.1\r\n" * 4, bytes(64), chance.randbytes(64)):
            assert Match.NO is protocol.match(junk)

    def test_both_sides_greet(self) -> None:
        """
        Calls may be made once each side has heard the other.
        """
        wire = self.wire()

        only(Ready, wire.at_client)
        assert [e for e in wire.at_client if type(e) is ConnectionFailed] == []

    # Calls.

    def test_a_unary_call(self) -> None:
        """
        Head, body and pairs arrive as they were given, on both ways.
        """
        wire, head = self.wire(), self.head()
        for number in range(3):
            body = b"%d" % number
            call_id = wire.client.call(head, body, "", True)
            request = only(RequestReceived, wire.carry()[0])

            assert (body, "", True) == (request.body, request.encoding, request.ended)
            assert (head.path, head.codec) == (request.head.path, request.head.codec)
            assert _subset(_PAIRS, request.head.metadata)
            assert request.head.timeout_s is not None
            assert 2.9 < request.head.timeout_s < 3.1
            assert request.head.accepts == _ACCEPTS

            wire.server.respond(request.call_id, b"answer", "", _PAIRS, _PAIRS)
            answer = only(ResponseReceived, wire.carry()[1])

            assert (call_id, b"answer") == (answer.call_id, answer.body)
            assert _subset(_PAIRS, answer.metadata)
            assert _subset(_PAIRS, answer.trailers)

    def test_answers_in_any_order(self) -> None:
        """
        Each answer finds its call.
        """
        wire = self.wire()
        ids = [wire.client.call(self.head(), b"", "", True) for _ in range(5)]
        begun = [e.call_id for e in wire.carry()[0] if type(e) is RequestReceived]
        for call_id in reversed(begun):
            wire.server.respond(call_id, b"%d" % call_id)
        answers = [e for e in wire.carry()[1] if type(e) is ResponseReceived]

        assert ids == sorted(ids)
        assert list(reversed(begun)) == [int(e.body) for e in answers]

    def test_a_compressed_body_is_named(self) -> None:
        """
        A body travels as it is, with the name of what packed it.
        """
        wire = self.wire()
        wire.client.call(self.head(), b"packed", "gzip", True)
        request = only(RequestReceived, wire.carry()[0])
        wire.server.respond(request.call_id, b"packed, too", "gzip")

        assert (request.encoding, request.body) == ("gzip", b"packed")
        assert only(ResponseReceived, wire.carry()[1]).encoding == "gzip"

    def test_a_failure(self) -> None:
        """
        Status, text, details, trailers, hints and wait arrive.
        """
        wire = self.wire()
        wire.client.call(self.head(), b"", "", True)
        call_id = only(RequestReceived, wire.carry()[0]).call_id
        hints = Hint.SAFE_TO_REPEAT | Hint.NEVER_SENT
        text = "nein – 100 %"
        wire.server.finish(call_id, Status.ABORTED, text, b"\x01", _PAIRS, hints, 1.5)
        ended = only(CallEnded, wire.carry()[1])

        assert (Status.ABORTED, text, b"\x01") == (ended.status, ended.message, ended.details)
        assert (ended.hints, ended.retry_after_s) == (Hint.SAFE_TO_REPEAT, 1.5)
        assert _subset(_PAIRS, ended.trailers)

    def test_streams_both_ways(self) -> None:
        """
        Messages arrive in order and once, then the end of each side.
        """
        wire = self.wire()
        call_id = wire.client.call(self.head(), None, "", False)
        request = only(RequestReceived, wire.carry()[0])
        wire.server.start_response(request.call_id, _PAIRS)
        bodies = [b"one", b"", b"three" * 1000]
        for body in bodies:
            assert wire.client.send(call_id, body)
            assert wire.server.send(request.call_id, body)
        wire.client.end(call_id)
        at_server, at_client = wire.carry()
        wire.server.finish(request.call_id, Status.OK, trailers=_PAIRS)

        assert bodies == [e.body for e in at_server if type(e) is MessageReceived]
        assert bodies == [e.body for e in at_client if type(e) is MessageReceived]
        only(SideEnded, at_server)
        assert Status.OK is only(CallEnded, wire.carry()[1]).status

    def test_an_unread_stream_stops(self) -> None:
        """
        Who sends is told to wait, and of room once messages were consumed.
        """
        wire = self.wire(Limits(stream_window_bytes=10_000))
        call_id = wire.client.call(self.head(), None, "", False)
        wire.carry()
        came: list[MessageReceived] = []
        rounds = 0
        while wire.client.send(call_id, bytes(1000)):
            came += [e for e in wire.carry()[0] if type(e) is MessageReceived]
            rounds += 1
            assert rounds < 100, "a stream that nobody reads was never full"
        came += [e for e in wire.carry()[0] if type(e) is MessageReceived]
        for event in came:
            wire.server.consumed(call_id, event.cost)

        only(RoomMade, wire.carry()[1])

    def test_a_call_given_up(self) -> None:
        """
        The other side hears of it, and what it still says is dropped.
        """
        wire = self.wire()
        call_id = wire.client.call(self.head(), b"", "", True)
        begun = only(RequestReceived, wire.carry()[0]).call_id
        wire.client.cancel(call_id, "enough")

        assert begun == only(CallCancelled, wire.carry()[0]).call_id
        wire.server.respond(begun, b"late")
        wire.server.finish(begun, Status.OK)
        assert not wire.server.send(begun, b"late")
        assert wire.carry()[1] == []

    # Limits and faults.

    def test_a_message_over_a_limit(self) -> None:
        """
        It costs its call, names the option, and the connection goes on.
        """
        wire = self.wire(Limits(max_receive_bytes=1000, max_send_bytes=2000))
        try:
            wire.client.call(self.head(), bytes(1001), "", True)
        except MessageTooLarge:
            assert not wire.client.take_output()
        else:
            ended = only(CallEnded, wire.carry()[1])
            assert Status.RESOURCE_EXHAUSTED is ended.status
            assert "max_receive_bytes" in ended.message
        wire.client.call(self.head(), bytes(1000), "", True)
        only(RequestReceived, wire.carry()[0])

    def test_no_more_calls_than_the_server_takes(self) -> None:
        """
        One too many never leaves.
        """
        wire = self.wire(Limits(max_calls=2))
        for _ in range(2):
            wire.client.call(self.head(), b"", "", True)
        hints = Hint.NONE
        try:
            wire.client.call(self.head(), b"", "", True)
        except Overloaded as error:
            hints = error.hints

        assert Hint.NEVER_SENT in hints, "a further call was made"

    def test_what_makes_no_sense(self) -> None:
        """
        An answer from a client, a call by a server, an id that nobody has seen.
        """
        wire = self.wire()
        asks = (
            lambda: wire.client.respond(1, b""),
            lambda: wire.client.start_response(1, EMPTY),
            lambda: wire.client.finish(1, Status.OK),
            lambda: wire.server.call(self.head(), b"", "", True),
            lambda: wire.server.end(1),
            lambda: wire.server.respond(99, b""),
            lambda: wire.server.send(99, b""),
        )
        for ask in asks:
            try:
                ask()
            except LocalProtocolError:
                continue
            raise AssertionError("it was taken")

    def test_a_sign_of_life(self) -> None:
        """
        A ping is answered, by either side.
        """
        wire = self.wire()
        wire.client.ping()
        only(PingAnswered, wire.carry()[1])
        wire.server.ping()
        only(PingAnswered, wire.carry()[0])

    def test_leaving(self) -> None:
        """
        The client hears of it, and calls that are open end as they would.
        """
        wire = self.wire()
        wire.client.call(self.head(), b"", "", True)
        call_id = only(RequestReceived, wire.carry()[0]).call_id
        wire.server.leave("for today")
        leaving = [e for e in wire.carry()[1] if type(e) is PeerLeaving]
        wire.server.respond(call_id, b"done")

        assert "for today" in leaving[0].reason
        assert only(ResponseReceived, wire.carry()[1]).body == b"done"

    def test_byte_by_byte(self) -> None:
        """
        However the bytes are split, the same calls arrive.
        """
        wire = self.wire(piece_bytes=1)
        call_id = wire.client.call(self.head(), b"ask", "", True)
        at_server = wire.carry()[0]
        bodies = [getattr(event, "body", None) for event in at_server]

        assert b"ask" in bodies
        wire.server.respond(call_id, b"answer")
        at_client = wire.carry()[1]
        assert b"answer" in [getattr(e, "body", None) for e in at_client]

    def test_garbage(self) -> None:
        """
        Nothing is raised; it fails at most once, and nothing is read after it.
        """
        chance = Random(1)  # noqa: S311 - a seed
        for turn in range(200):
            wire = self.wire()
            machine = wire.server if turn % 2 else wire.client
            events = machine.receive(chance.randbytes(chance.randrange(1, 300)))
            machine.take_output()
            events += machine.receive(chance.randbytes(100))

            assert len([e for e in events if type(e) is ConnectionFailed]) < 2

    def test_a_last_word(self) -> None:
        """
        The peer is told why the connection is closed, and nothing is read after it.
        """
        wire = self.wire()
        wire.server.fail("too old")
        assert wire.server.take_output()
        wire.client.ping()
        assert wire.server.receive(wire.client.take_output()) == []


def only(kind: type[E], events: list[Event]) -> E:
    """
    Return the one event of a kind.
    """
    found = [event for event in events if isinstance(event, kind)]
    if len(found) != 1:
        raise AssertionError(f"expected one {kind.__name__}; came: {events}")
    return found[0]


def _subset(pairs: Metadata, among: Metadata) -> bool:
    """
    Tell whether the pairs are among others, in their order.
    """
    names = {name for name, _ in pairs}
    return pairs.pairs == tuple(pair for pair in among if pair[0] in names)
