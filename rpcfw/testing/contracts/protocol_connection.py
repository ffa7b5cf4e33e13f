"""
What a wire protocol promises of the connection as a whole.
"""

from __future__ import annotations

from random import Random

from rpcfw.errors import ConnectionLost
from rpcfw.spi.events import (
    ConnectionFailed,
    GoAwayReceived,
    HandshakeCompleted,
    PingAnswered,
    PingReceived,
)
from rpcfw.spi.machine import Machine
from rpcfw.spi.protocol import Match
from rpcfw.status import Hint, Status
from rpcfw.testing.contracts.protocol_case import (
    NOT_BEGUN,
    PAIRS,
    SPLITS,
    TRAILERS,
    ProtocolCase,
    hints_of_refusal,
    raised,
)
from rpcfw.testing.conversation import Conversation

__all__ = ["ConnectionPromises"]


class ConnectionPromises(ProtocolCase):
    """
    From the first bytes to the close, whatever arrives in between.
    """

    # Handshake.

    def test_it_knows_its_own_first_bytes(self) -> None:
        """
        The first bytes of a client are recognised byte by byte, and never refused.
        """
        protocol = self.make()
        client, _ = self.machines()
        client.start()
        output = client.take_output()
        answers = [protocol.match(output[:size]) for size in range(len(output) + 1)]

        assert Match.NO not in answers
        assert Match.YES in answers
        first = answers.index(Match.YES)
        assert first <= 64, "it must know after 64 bytes"
        assert all(answer is Match.YES for answer in answers[first:])

    def test_it_knows_foreign_first_bytes(self) -> None:
        """
        Bytes that no client of this protocol sends are refused within 64 bytes.
        """
        protocol = self.make()
        for foreign in (b"\x00" * 64, b"\xff" * 64, b"hello, world! " * 5, b"\n" * 64):
            answers = [protocol.match(foreign[:size]) for size in range(65)]

            assert Match.NO is answers[-1]
            assert Match.YES not in answers

    def test_any_first_bytes(self) -> None:
        """
        Whatever bytes come, nothing is raised, NO is final, and 64 bytes are enough to decide.
        """
        protocol, random = self.make(), Random(2)  # noqa: S311 - the same each time
        for foreign in _foreign(random):
            answers = [protocol.match(foreign[:size]) for size in range(len(foreign) + 1)]
            assert answers[64] is not Match.MORE
            if Match.NO in answers:
                assert {Match.NO} == set(answers[answers.index(Match.NO) :])

    def test_a_refusal(self) -> None:
        """
        A connection that no protocol recognises gets a short answer with the reason, or none.
        """
        protocol, random = self.make(), Random(3)  # noqa: S311 - the same each time
        for foreign in _foreign(random):
            for size in range(1, len(foreign) + 1):
                refusal = protocol.refusal(foreign[:size], "this port speaks: x")
                if isinstance(refusal, bytes):
                    assert b"this port speaks: x" in refusal
                    assert len(refusal) <= 1000
                assert refusal is not Match.YES
                assert refusal is not Match.MORE or size < 64

    def test_both_sides_are_ready(self) -> None:
        """
        Once the handshake is completed, both report it, however the bytes are split.
        """
        for split in SPLITS:
            talk = self.talk(split)
            for side in (talk.client, talk.server):
                assert isinstance(side.events[0], HandshakeCompleted)
                assert not side.failed

    # The connection.

    def test_a_ping(self) -> None:
        """
        Either side may send a ping, and gets an answer.
        """
        talk = self.talk()
        for side in (talk.client, talk.server):
            side.machine.ping()
            talk.settle()
            assert len(side.of(PingAnswered)) == 1

    def test_an_idle_connection_is_kept_alive(self) -> None:
        """
        Many pings with nothing else do not count as hostile, if each comes alone.
        """
        talk = self.talk()
        for _ in range(300):
            for side in (talk.client, talk.server):
                side.machine.ping()
                talk.settle()

        assert not talk.client.failed
        assert not talk.server.failed

    def test_pings_are_reported(self) -> None:
        """
        If a wire counts clients' pings, each is reported, and what was sent between them.
        """
        if not self.make().keepalive_floor_s:
            return
        talk = self.talk()
        call_id = self.begin(talk)
        answered = []
        for answers in (False, False, True, False):
            if answers:
                talk.server.machine.respond(call_id, b"an answer")
            talk.client.machine.ping()
            talk.settle()
            ping = talk.server.of(PingReceived)[-1]
            assert isinstance(ping, PingReceived)
            answered.append(ping.answered)

        assert answered == [False, False, True, False]

    def test_calls_are_counted(self) -> None:
        """
        Both sides know which call was the last, and how many are open.
        """
        talk = self.talk()
        sides = (talk.client.machine, talk.server.machine)
        assert all(machine.newest_call <= 0 for machine in sides)
        first, second = self.begin(talk), self.begin(talk)
        assert [(second, 2)] * 2 == [(one.newest_call, one.open_calls) for one in sides]
        for call_id in (second, first):
            talk.server.machine.respond(call_id, b"an answer")
        talk.settle()

        assert [(second, 0)] * 2 == [(one.newest_call, one.open_calls) for one in sides]

    def test_a_goaway(self) -> None:
        """
        After a GOAWAY, open calls continue. New ones are reported as not begun.
        """
        talk = self.talk()
        call_id = self.begin(talk)
        talk.server.machine.drain("update")
        talk.server.machine.drain("again")
        talk.settle()
        assert talk.client.of(GoAwayReceived)
        assert hints_of_refusal(talk, self.head()) & NOT_BEGUN

        talk.server.machine.respond(call_id, b"still here")
        talk.settle()
        assert talk.client[call_id].bodies == [b"still here"]
        assert not talk.client.failed

    def test_a_goaway_before_the_handshake(self) -> None:
        """
        A server that drains sends a GOAWAY to each client that connects.
        """
        client, server = self.machines()
        talk = Conversation(client, server)
        server.drain("stopping")
        talk.settle()

        assert talk.client.of(GoAwayReceived)
        assert not talk.client.failed

    def test_the_reason_of_a_failure(self) -> None:
        """
        A side that fails the connection sends the reason; then it reads and sends nothing.
        """
        for at_server in (True, False):
            talk = self.talk()
            call_id = self.begin(talk)
            side, other = talk.server, talk.client
            if not at_server:
                side, other = other, side
            side.machine.fail("enough of this")
            side.machine.fail("again")
            talk.settle()
            (failed,) = other.of(ConnectionFailed)
            assert isinstance(failed, ConnectionFailed)
            assert failed.by_peer
            assert "enough of this" in failed.reason
            for one in (side, other):
                assert one.machine.receive(b"\x00" * 100) == []
                one.machine.ping()
                one.machine.cancel(call_id)
                assert one.machine.take_output() == b""

    def test_a_call_after_a_failure(self) -> None:
        """
        A call on a failed connection was never sent, and fails like one on a lost connection.
        """
        talk = self.talk()
        talk.client.machine.fail("enough")
        error = raised(lambda: talk.client.machine.call(self.head(), b"", "", ended=True))

        assert isinstance(error, ConnectionLost)
        assert error.hints & Hint.NEVER_SENT

    def test_garbage(self) -> None:
        """
        Whatever bytes come, nothing is raised, and a failure is the last event.
        """
        random = Random(0)  # noqa: S311 - the same each time
        for number in range(200):
            client, server = self.machines(max_receive_bytes=1000)
            for machine, other in ((client, server), (server, client)):
                machine.start()
                good = other.take_output() if number % 2 else b""
                data = good + random.randbytes(random.randrange(300))
                _assert_tolerated(machine, data, random)

    def test_mutilated_conversations(self) -> None:
        """
        Nothing is raised for valid conversations that were damaged on the way, either.
        """
        random = Random(1)  # noqa: S311 - the same each time
        for _ in range(200):
            talk = self.talk()
            near, far = talk.client.machine, talk.server.machine
            call_id = self.begin(talk, None if self.streams else b"", ended=not self.streams)
            near.call(self.head(metadata=PAIRS), b"body", "", ended=True)
            if self.streams:
                near.send(call_id, b"message")
                near.end(call_id)
                far.send(call_id, b"message")
            far.finish(call_id, Status.ABORTED, "text", b"", TRAILERS)
            for machine, data in ((far, near.take_output()), (near, far.take_output())):
                damaged = bytearray(data)
                for _ in range(random.randrange(1, 4)):
                    damaged[random.randrange(len(damaged))] = random.randrange(256)
                _assert_tolerated(machine, bytes(damaged), random)


def _foreign(random: Random) -> list[bytes]:
    """
    Return the first bytes of connections: random ones, and what people type.
    """
    tried = (b"GET / HTTP/1.1\r\nHost: there\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"help\r\n")
    return [(each * 100)[:100] for each in tried] + [random.randbytes(100) for _ in range(100)]


def _assert_tolerated(machine: Machine, data: bytes, random: Random) -> None:
    events = []
    while data:
        size = random.randrange(1, 100)
        events += machine.receive(data[:size])
        data = data[size:]
        assert all(not isinstance(event, ConnectionFailed) for event in events[:-1])
        machine.take_output()
