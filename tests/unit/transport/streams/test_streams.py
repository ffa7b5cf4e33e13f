"""
Both ends of a stream: the mailbox of its reader, the outlet of its writer.
"""

from __future__ import annotations

import gc
from itertools import pairwise

import pytest
from twisted.internet.defer import CancelledError, Deferred

from rpcfw.errors import Cancelled, InvalidMessage, error_from_status
from rpcfw.spi.codec import Coder
from rpcfw.spi.events import MessageReceived
from rpcfw.spi.machine import Limits
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.status import Status
from rpcfw.transport.payload import Payload
from rpcfw.transport.streams.receive_stream import ReceiveStream
from rpcfw.transport.streams.send_stream import SendStream
from rpcfw.values.stream_messages import StreamMessages
from rpcfw.wire.streams import MESSAGE_COST
from tests.unit.transport.ends import Ear, Ends, flush, head, machine_of

TEXT = Coder(lambda text: text.encode("ascii"), bytes.decode)


class Streaming(Ends):
    """
    Call 1 is open: the client writes, the server reads.
    """

    def __init__(self, window_bytes: int = 40) -> None:
        super().__init__(answers=False, limits=Limits(stream_window_bytes=window_bytes))
        self.near.open_stream(head(), "", Ear())
        self.turn()
        self.mailbox = mailbox = ReceiveStream(self.far, StreamMessages())
        payload = Payload({}, {}, "", 1024, 1 << 20)
        self.outlet = SendStream(self.near, payload, TEXT, "a message", (), StreamMessages(), 1)
        outlet = self.outlet

        class Reader(Ear):
            def message(self, event) -> None:
                mailbox.put(event)

            def half_closed(self) -> None:
                mailbox.close()

        class Writer(Ear):
            def writable(self) -> None:
                outlet.writable()

            def lost(self, error) -> None:
                outlet.close(error)

        self.far.listeners[1] = Reader()
        self.near.listeners[1] = Writer()

    def take(self) -> Deferred:
        return spawn(self.mailbox.take())

    def send(self, text: str) -> Deferred:
        return spawn(self.outlet.send(text))


def body(taken: Deferred) -> bytes | None:
    """
    Return what was taken, which must be there.
    """
    assert taken.called
    return None if taken.result is None else taken.result[0]


def error(deferred: Deferred) -> BaseException:
    """
    Return how something failed, which it must have.
    """
    assert deferred.called
    found: list = []
    deferred.addErrback(lambda failure: found.append(failure.value))
    return found[0]


def test_messages_are_taken_in_order():
    """
    What came is taken in the order in which it was sent, then the end, for ever.
    """
    ends = Streaming()
    first = ends.take()
    assert not first.called
    for text in "ab":
        ends.send(text)
    ends.near.end(1)
    ends.turn()

    taken = [first, *(ends.take() for _ in range(3))]
    assert [b"a", b"b", None, None] == [body(one) for one in taken]
    assert ends.mailbox.closed


def test_a_writer_waits_for_its_reader():
    """
    `send` returns at the speed at which messages are taken.
    """
    ends = Streaming(window_bytes=40)
    sent = [ends.send("x" * 10), ends.send("y" * 10)]
    assert [True, False] == [one.called for one in sent]
    ends.turn()
    assert not sent[1].called
    ends.take()
    ends.turn()

    assert sent[1].called


def test_a_send_that_was_given_up():
    """
    A message whose sender stopped waiting is sent; the next `send` waits before it sends.
    """
    ends = Streaming(window_bytes=20)
    waiting = ends.send("first")
    waiting.cancel()
    assert isinstance(error(waiting), CancelledError)
    second = ends.send("second")
    ends.turn()
    assert b"first" == body(ends.take())
    ends.turn()
    assert b"second" == body(ends.take())
    ends.turn()

    assert second.called


@pytest.mark.parametrize("waits_in", ["send", "wait before it"])
def test_the_end_of_a_call_ends_its_writer(waits_in):
    """
    Who waits in `send` hears how the call ended, and so does whoever sends after.
    """
    ends = Streaming(window_bytes=20)
    waiting = ends.send("first")
    if waits_in == "wait before it":
        waiting.cancel()
        error(waiting)
        waiting = ends.send("second")
    machine_of(ends.far).cancel(1, "enough")
    flush(ends.far)
    ends.turn()

    assert "enough" == error(waiting).message
    assert "enough" == error(ends.send("later")).message


def test_a_writer_waits_for_the_socket():
    """
    `send` waits for the socket as well as for the reader.
    """
    ends = Streaming(window_bytes=1000)
    ends.near.pauseProducing()
    sent = ends.send("a")
    assert not sent.called
    ends.near.resumeProducing()

    assert sent.called


def test_a_message_that_is_none():
    """
    What cannot be written is refused, and the stream goes on.
    """
    ends = Streaming()
    refused = error(ends.send("é"))
    ends.send("e")
    ends.turn()

    assert isinstance(refused, InvalidMessage)
    assert "a message of type str cannot be written" in refused.message
    assert b"e" == body(ends.take())


def test_an_error_overtakes_what_waits():
    """
    When a call fails here, messages that nobody has taken yet are dropped.
    """
    ends = Streaming()
    ends.send("a")
    ends.turn()
    ends.mailbox.close(Cancelled("enough"))
    ends.mailbox.close()

    assert "enough" == error(ends.take()).message
    assert "enough" == error(ends.take()).message


def test_an_error_of_the_peers_does_not_overtake():
    """
    What the peer said before it failed is read first, then that it failed.
    """
    ends = Streaming()
    ends.send("a")
    ends.turn()
    ends.mailbox.close(error_from_status(Status.DATA_LOSS, "broken off"))

    assert b"a" == body(ends.take())
    assert "broken off" == error(ends.take()).message


def test_an_end_does_not_overtake():
    """
    A good end is told after the messages before it.
    """
    ends = Streaming()
    ends.send("a")
    ends.turn()
    ends.mailbox.close()

    assert [b"a", None] == [body(ends.take()), body(ends.take())]


def test_a_reader_that_stops_waiting():
    """
    A reader that gave up waiting loses no message.
    """
    ends = Streaming()
    waiting = ends.take()
    waiting.cancel()
    error(waiting)
    ends.send("a")
    ends.turn()

    assert b"a" == body(ends.take())


def test_one_reader_at_a_time():
    """
    A second reader is told that it is one, and the first goes on.
    """
    ends = Streaming()
    first = ends.take()
    second = error(ends.take())
    ends.send("a")
    ends.turn()

    assert isinstance(second, RuntimeError)
    assert "one reader at a time" in str(second)
    assert b"a" == body(first)


def test_credit_is_for_what_was_taken():
    """
    A message that only lies in the mailbox makes no room for its sender.
    """
    ends = Streaming(window_bytes=20)
    sent = ends.send("aaaa")
    ends.mailbox.put(MessageReceived(1, b"never taken", "", 99))
    ends.turn()

    assert not sent.called


def test_what_is_taken_behind_the_end_is_told_too():
    """
    A message that is taken after its sender's half-close is reported as consumed.

    On some wires the connection's window is given back by that, and would run dry.
    """
    ends = Streaming(window_bytes=1000)
    ends.send("a")
    ends.near.end(1)
    ends.turn()
    told = []
    machine_of(ends.far).consumed = lambda *given: told.append(given)

    assert b"a" == body(ends.take())
    assert [(1, 1 + MESSAGE_COST, 1)] == told
    assert None is body(ends.take())


def test_writers_go_on_until_the_socket_is_full_again():
    """
    Of many writers that wait for the socket, those go on whose messages it takes, in order.
    """
    ends = Streaming(window_bytes=1 << 20)
    ends.near.pauseProducing()
    went = []
    for number in range(4):
        waiting = spawn(ends.near.when_writable())

        def goes_on(_, number=number):
            went.append(number)
            if number % 2:
                ends.near.pauseProducing()

        waiting.addCallback(goes_on)
    ends.near.resumeProducing()
    assert [0, 1] == went
    ends.near.resumeProducing()

    assert [0, 1, 2, 3] == went


def test_a_writer_that_need_not_wait_lets_others_have_their_turns():
    """
    However large the window, one writer sends only so much in one turn of the reactor.
    """
    ends = Streaming(window_bytes=64 << 20)
    sent = []

    async def write():
        for number in range(100):
            await ends.outlet.send("x" * 10_000)
            sent.append(number)

    writing = spawn(write())
    counts = [0]

    def somebody_else() -> None:
        counts.append(len(sent))
        if not writing.called:
            ends.clock.callLater(0, somebody_else)

    somebody_else()
    ends.turn()
    assert 100 == len(sent)
    assert 7 >= max(after - before for before, after in pairwise(counts))


def test_messages_that_wait_cost_the_garbage_collector_nothing():
    """
    Tiny messages that nobody reads do not make collections long: it does not look at them.
    """
    ends = Streaming()
    for _ in range(3):
        ends.mailbox.put(MessageReceived(1, b"x", "", 1))

    gc.collect()

    waiting = ends.mailbox._messages  # noqa: SLF001  # what the collector would look at
    assert [] == [one for one in waiting if gc.is_tracked(one)]
