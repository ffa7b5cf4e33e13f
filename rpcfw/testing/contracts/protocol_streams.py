"""
What a wire protocol promises of streams, and of calls that are given up.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.errors import LocalProtocolError
from rpcfw.spi.machine import ClientSide, Machine, ServerSide
from rpcfw.status import Status
from rpcfw.testing.contracts.protocol_case import (
    PAIRS,
    SPLITS,
    TRAILERS,
    ProtocolCase,
    raised,
    status_of,
)
from rpcfw.values.metadata import EMPTY

__all__ = ["StreamPromises"]


class StreamPromises(ProtocolCase):
    """
    Many messages, at the reader's speed, until one side ends or cancels.
    """

    # Streams.

    def test_a_stream_both_ways(self) -> None:
        """
        Messages arrive in order in both directions, then both ends.
        """
        for split in SPLITS:
            talk = self.talk(split)
            near, far = talk.client.machine, talk.server.machine
            call_id = near.call(self.head(), None, "", ended=False)
            talk.settle()
            assert talk.server[call_id].messages == []
            far.start_response(call_id, PAIRS)
            for number in range(20):
                near.send(call_id, b"up %d" % number)
                far.send(call_id, b"down %d" % number)
                if number % 3 == 0:
                    talk.settle()
            near.end(call_id)
            talk.settle()
            assert talk.server[call_id].half_closed
            far.finish(call_id, Status.OK, trailers=TRAILERS)
            talk.settle()

            assert [b"up %d" % number for number in range(20)] == talk.server[call_id].bodies
            received = talk.client[call_id]
            assert [b"down %d" % number for number in range(20)] == received.bodies
            assert received.metadata == PAIRS
            assert received.end is not None
            assert (received.end.status, received.end.trailers) == (Status.OK, TRAILERS)

    def test_streams_of_nothing(self) -> None:
        """
        Neither side need send a message.
        """
        talk = self.talk()
        call_id = self.begin(talk, None)
        assert talk.server[call_id].half_closed
        talk.server.machine.start_response(call_id, EMPTY)
        talk.server.machine.finish(call_id, Status.OK)
        talk.settle()

        assert talk.server[call_id].messages + talk.client[call_id].messages == []
        assert status_of(talk.client[call_id]) is Status.OK

    def test_a_server_may_end_early(self) -> None:
        """
        An end while the client still sends is reported; messages that arrive later are dropped.
        """
        talk = self.talk()
        call_id = self.begin(talk, None, ended=False)
        talk.client.machine.send(call_id, b"on its way")
        talk.server.machine.finish(call_id, Status.ABORTED)
        talk.settle()
        talk.client.machine.send(call_id, b"late")
        talk.client.machine.end(call_id)
        talk.settle()

        assert Status.ABORTED is status_of(talk.client[call_id])
        assert not talk.server.failed
        assert not talk.client.failed

    def test_a_client_stream_is_answered_whole(self) -> None:
        """
        A client's stream may be answered by one message, even before its end.
        """
        talk = self.talk()
        call_id = self.begin(talk, None, ended=False)
        talk.client.machine.send(call_id, b"one")
        talk.settle()
        talk.server.machine.respond(call_id, b"enough")
        talk.settle()

        assert talk.client[call_id].bodies == [b"enough"]
        assert Status.OK is status_of(talk.client[call_id])

    # Flow control.

    def test_a_writer_is_stopped(self) -> None:
        """
        The messages that nobody reads are bounded by the window. Reading opens it again.
        """
        window, size = 10_000, 500
        for to_server in (True, False):
            talk = self.talk(reads=False, stream_window_bytes=window)
            call_id = self.begin(talk, None, ended=False)
            writer, reader = talk.client, talk.server
            if not to_server:
                writer, reader = reader, writer
                writer.machine.start_response(call_id, EMPTY)
            sent = 1
            while writer.machine.send(call_id, bytes(size)):
                talk.settle()
                sent += 1
                assert sent * size < window + self.slack_bytes, "nothing stops the writer"
            talk.settle()
            unread = sum(len(body) for body in reader[call_id].bodies)
            assert unread <= window + self.slack_bytes
            assert writer[call_id].writable == 0

            for _ in range(sent):
                reader.read()
                talk.settle()
            assert writer[call_id].writable >= 1
            assert sent == len(reader[call_id].bodies)

    def test_one_stream_does_not_stop_another(self) -> None:
        """
        While nobody reads one stream, other calls continue.
        """
        talk = self.talk(reads=False, stream_window_bytes=1000)
        stuck = self.begin(talk, None, ended=False)
        while talk.client.machine.send(stuck, bytes(500)):
            talk.settle()
        call_id = self.begin(talk, b"free")
        talk.server.machine.respond(call_id, b"yes")
        talk.settle()

        assert talk.client[call_id].bodies == [b"yes"]

    def test_messages_larger_than_the_window(self) -> None:
        """
        A message may be larger than the window, as long as it is within its own limit.
        """
        talk = self.talk(stream_window_bytes=1000)
        call_id = self.begin(talk, None, ended=False)
        for number in range(3):
            talk.client.machine.send(call_id, bytes((number,)) * 300_000)
            talk.settle()

        assert [bytes((n,)) * 300_000 for n in range(3)] == talk.server[call_id].bodies

    # Cancelling.

    def test_a_client_cancels(self) -> None:
        """
        The server is notified once; what it still sends on the call is dropped.
        """
        for body, ended in ((b"whole", True), (None, False)):
            talk = self.talk()
            call_id = self.begin(talk, body, ended=ended)
            talk.client.machine.cancel(call_id, "too slow")
            talk.server.machine.send(call_id, b"on its way")
            talk.settle()
            assert talk.server[call_id].cancelled is not None
            _ask_everything(talk.server.machine, call_id)
            talk.client.machine.cancel(call_id)
            talk.settle()

            assert not talk.client[call_id].over
            assert not talk.client.failed
            assert not talk.server.failed

    def test_a_server_cancels(self) -> None:
        """
        The client is notified once; what the server still sends on the call is dropped.
        """
        talk = self.talk()
        call_id = self.begin(talk, None, ended=False)
        talk.server.machine.cancel(call_id, "enough")
        talk.client.machine.send(call_id, b"on its way")
        talk.settle()
        assert talk.client[call_id].over
        talk.client.machine.send(call_id, b"late")
        talk.client.machine.end(call_id)
        talk.client.machine.cancel(call_id)
        talk.client.machine.consumed(call_id, 10)
        talk.settle()

        assert not talk.server.failed

    def test_both_cancel(self) -> None:
        """
        Cancels that cross on the way are no error of either side.
        """
        talk = self.talk()
        call_id = self.begin(talk, None, ended=False)
        talk.client.machine.cancel(call_id)
        talk.server.machine.cancel(call_id)
        talk.settle()

        assert not talk.client.failed
        assert not talk.server.failed
        self.begin(talk)

    def test_what_is_asked_after_the_end_is_dropped(self) -> None:
        """
        A call that is over sends nothing more, whatever is asked for it.
        """
        talk = self.talk()
        call_id = self.begin(talk)
        talk.server.machine.respond(call_id, b"answer")
        talk.settle()
        _ask_everything(talk.server.machine, call_id)
        talk.client.machine.cancel(call_id)
        talk.settle()

        assert talk.client[call_id].bodies == [b"answer"]

    def test_a_call_that_is_over_is_not_writable(self) -> None:
        """
        `send` on a call that is over returns that it must wait: the call's end is being reported.
        """
        talk = self.talk()
        call_id = self.begin(talk, None, ended=False)
        talk.server.machine.finish(call_id, Status.ABORTED)
        talk.settle()

        assert not talk.server.machine.send(call_id, b"late")
        assert not talk.client.machine.send(call_id, b"late")

    def test_calls_that_never_were(self) -> None:
        """
        To use a call that was never begun is a mistake of this side.
        """
        talk = self.talk()
        for machine in (talk.client.machine, talk.server.machine):
            _assert_mistake(lambda machine=machine: machine.send(999, b""))  # type: ignore[misc]  # bound now
            _assert_mistake(lambda machine=machine: machine.cancel(999))  # type: ignore[misc]  # likewise
        _assert_mistake(lambda: talk.server.machine.respond(999, b""))
        talk.settle()

        assert not talk.client.failed
        assert not talk.server.failed

    def test_each_end_refuses_what_only_the_other_does(self) -> None:
        """
        A client does not answer and a server does not call, not even on a call that is open.
        """
        client, server = self.machines()
        assert isinstance(client, ClientSide)
        assert isinstance(server, ServerSide)
        talk = self.talk()
        call_id = self.begin(talk, None, ended=False)
        client, server = talk.client.machine, talk.server.machine
        _assert_mistake(lambda: client.respond(call_id, b""))
        _assert_mistake(lambda: client.start_response(call_id, EMPTY))
        _assert_mistake(lambda: client.finish(call_id, Status.OK))
        _assert_mistake(lambda: server.call(self.head(), b"", "", ended=True))
        _assert_mistake(lambda: server.end(call_id))

        assert client.take_output() + server.take_output() == b""
        server.respond(call_id, b"answer")
        talk.settle()
        assert talk.client[call_id].bodies == [b"answer"]

    def test_nothing_follows_a_whole_request(self) -> None:
        """
        To send on a call whose one message went with its head is a mistake of this side.
        """
        talk = self.talk()
        call_id = self.begin(talk, b"whole", ended=True)
        client, server = talk.client.machine, talk.server.machine
        _assert_mistake(lambda: client.send(call_id, b"more"))

        assert client.take_output() == b""
        server.respond(call_id, b"answer")
        talk.settle()
        assert talk.client[call_id].bodies == [b"answer"]


def _ask_everything(machine: Machine, call_id: int) -> None:
    """
    Ask for all that a server could want of a call.
    """
    machine.start_response(call_id, EMPTY)
    machine.send(call_id, b"late")
    machine.respond(call_id, b"late")
    machine.finish(call_id, Status.OK)
    machine.cancel(call_id)
    machine.consumed(call_id, 100)


def _assert_mistake(ask: Callable[[], object]) -> None:
    assert isinstance(raised(ask), LocalProtocolError)
