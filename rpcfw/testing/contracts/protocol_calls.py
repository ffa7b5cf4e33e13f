"""
What a wire protocol promises of calls with one message each way, and of their ends.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.errors import MessageTooLarge
from rpcfw.spi.events import HeadInBody, RequestHead, RequestReceived
from rpcfw.spi.machine import Limits
from rpcfw.status import Hint, Status
from rpcfw.testing.contracts.protocol_case import (
    NOT_BEGUN,
    PAIRS,
    SPLITS,
    TRAILERS,
    ProtocolCase,
    hints_of_refusal,
    raised,
    status_of,
    status_of_call,
)
from rpcfw.testing.conversation import Conversation, Received
from rpcfw.values.metadata import Metadata

__all__ = ["CallPromises"]


class CallPromises(ProtocolCase):
    """
    One message in each direction, or a failure.
    """

    # Unary calls.

    def test_a_unary_call(self) -> None:
        """
        Request and response arrive completely, with their metadata.
        """
        for split in SPLITS:
            talk = self.talk(split)
            head = self.head(timeout_s=2.5, metadata=PAIRS)
            call_id = talk.client.machine.call(head, b"request", "", ended=True)
            talk.settle()
            _assert_request(talk.server[call_id], head)

            talk.server.machine.respond(call_id, b"answer", "", PAIRS, TRAILERS)
            talk.settle()
            answer = talk.client[call_id]
            assert answer.messages == [(b"answer", "")]
            assert answer.metadata == PAIRS
            assert answer.end is not None
            assert Status.OK is answer.end.status
            assert answer.end.trailers == TRAILERS

    def test_a_whole_request_is_one_event(self) -> None:
        """
        The fast path: a request whose bytes come together is reported at once.
        """
        talk = self.talk()
        self.begin(talk)
        before = len(talk.server.events)
        self.begin(talk)

        assert before + 1 == len(talk.server.events)

    def test_empty_messages(self) -> None:
        """
        A message of no bytes is a message.
        """
        talk = self.talk()
        call_id = self.begin(talk, b"")
        talk.server.machine.respond(call_id, b"")
        talk.settle()

        assert talk.server[call_id].bodies == [b""]
        assert talk.client[call_id].bodies == [b""]

    def test_compressed_messages(self) -> None:
        """
        The compression of each message is reported with it; the bytes are unchanged.
        """
        if not self.compresses:
            return
        talk = self.talk()
        call_id = talk.client.machine.call(self.head(), b"packed", "gzip", ended=True)
        talk.settle()
        assert talk.server[call_id].messages == [(b"packed", "gzip")]
        head = talk.server[call_id].head
        assert head is not None
        assert "gzip" in head.accepts

        talk.server.machine.respond(call_id, b"too", "gzip")
        talk.settle()
        assert talk.client[call_id].messages == [(b"too", "gzip")]

    def test_many_calls_at_once(self) -> None:
        """
        Responses arrive in any order, each at its own call, and ids grow.
        """
        talk = self.talk()
        ids = [self.begin(talk, b"%d" % number) for number in range(50)]
        for call_id in reversed(ids):
            talk.server.machine.respond(call_id, talk.server[call_id].bodies[0] * 2)
        talk.settle()

        assert sorted(set(ids)) == ids
        answers = [talk.client[call_id].bodies for call_id in ids]
        assert [[b"%d" % number * 2] for number in range(50)] == answers

    def test_time_left_is_never_cut_short(self) -> None:
        """
        The server gets at least the time that is left, and hardly more.
        """
        talk = self.talk()
        for timeout_s in (0.0001, 0.001, 0.3333, 1.0, 59.9999, 7200.0, 1e6):
            head = self.head(timeout_s=timeout_s)
            call_id = talk.client.machine.call(head, b"", "", ended=True)
            talk.settle()
            arrived = talk.server[call_id].head

            assert arrived is not None
            assert arrived.timeout_s is not None
            assert timeout_s * 0.999999 <= arrived.timeout_s <= timeout_s * 1.001 + 0.0011

    def test_time_that_is_over_or_has_no_end(self) -> None:
        """
        A deadline that has passed is sent as the shortest one; without a deadline, none is sent.
        """
        talk = self.talk()
        arrived = []
        for timeout_s in (0.0, -1.0, float("inf")):
            head = self.head(timeout_s=timeout_s)
            call_id = talk.client.machine.call(head, b"", "", ended=True)
            talk.settle()
            arrived.append(talk.server[call_id].head)

        for over in arrived[:2]:
            assert over is not None
            assert over.timeout_s is not None
            assert over.timeout_s <= 0.001
        endless = arrived[2]
        assert endless is not None
        assert endless.timeout_s is None or endless.timeout_s > 3600

    # A head in the body.

    def test_a_head_in_the_body(self) -> None:
        """
        Such a request comes whole. The server decodes it, perhaps when the connection has failed.
        """
        talk = self.talk()
        call_id = talk.client.machine.call(self.head(metadata=PAIRS), b"request", "", ended=True)
        talk.settle()
        (event,) = talk.server.of(RequestReceived)
        assert isinstance(event, RequestReceived)
        head = event.head
        if not isinstance(head, HeadInBody):
            return
        assert event.ended
        assert event.body is not None
        first = head.decode(event.body)
        talk.server.machine.fail("enough")
        second = head.decode(event.body)
        assert first.head.metadata.pairs == second.head.metadata.pairs
        assert (first.body, first.encoding) == (second.body, second.encoding)
        for decoded in (first, second):
            assert decoded.head.path == "demo.Greeter/say"
            assert not isinstance(decoded.head, HeadInBody)
            assert (head.one_way, head.accepts) == (decoded.head.one_way, decoded.head.accepts)
        assert talk.server[call_id].bodies == [b"request"]

    def test_a_body_that_cannot_be_decoded(self) -> None:
        """
        The machine reports the request; its `decode` raises when the server calls it.
        """
        talk = self.talk()
        call_id = self.begin(talk)
        (event,) = talk.server.of(RequestReceived)
        assert isinstance(event, RequestReceived)
        head, body = event.head, event.body
        if not isinstance(head, HeadInBody):
            return
        assert body is not None
        for size in range(len(body)):
            assert raised(lambda cut=body[:size]: head.decode(cut)) is not None  # type: ignore[misc]
        talk.server.machine.finish(call_id, Status.INVALID_ARGUMENT, "unreadable")
        talk.settle()
        assert Status.INVALID_ARGUMENT is status_of(talk.client[call_id])

    # Ends.

    def test_everything_at_the_end(self) -> None:
        """
        Status, text, details, trailers, hints and pushback (`retry_after_s`) arrive.
        """
        for status in Status:
            talk = self.talk()
            call_id = self.begin(talk)
            hints = Hint.NOT_BEGUN | Hint.SAFE_TO_REPEAT | Hint.NEVER_SENT
            text = "é is % fine\nand so on"
            talk.server.machine.finish(call_id, status, text, b"\x08\x05", TRAILERS, hints, 1.5)
            talk.settle()
            end = talk.client[call_id].end

            assert end is not None
            assert status is end.status
            if status is not Status.OK:
                assert (text, b"\x08\x05") == (end.message, end.details)
                assert end.hints == Hint.NOT_BEGUN | Hint.SAFE_TO_REPEAT
                assert end.retry_after_s == 1.5
            assert end.trailers == TRAILERS

    def test_negative_pushback(self) -> None:
        """
        A negative pushback, never to retry, arrives as a negative one.
        """
        talk = self.talk()
        call_id = self.begin(talk)
        talk.server.machine.finish(call_id, Status.UNAVAILABLE, retry_after_s=-1.0)
        talk.settle()
        end = talk.client[call_id].end

        assert end is not None
        assert end.retry_after_s is not None
        assert end.retry_after_s < 0

    def test_an_end_that_is_too_long(self) -> None:
        """
        Trailers over the peer's header limit are shortened, and the status arrives.
        """
        talk = self.talk(max_header_bytes=4096)
        call_id = self.begin(talk)
        many = Metadata.of(tuple((f"name-{number}", "x" * 100) for number in range(200)))
        talk.server.machine.finish(
            call_id, Status.ABORTED, "why " * 20_000, bytes(50_000), many, Hint.FINAL
        )
        talk.settle()
        end = talk.client[call_id].end

        assert end is not None
        assert Status.ABORTED is end.status
        assert end.message.startswith("why ")
        assert not talk.client.failed

    # Limits.

    def test_too_large_to_send(self) -> None:
        """
        A message over max_send_bytes is refused with name, limit and size. The call is open.
        """
        talk = self.talk(max_send_bytes=1000)
        near, far = talk.client.machine, talk.server.machine
        _assert_too_large(lambda: near.call(self.head(), bytes(1001), "", ended=True))
        if self.streams:
            call_id = self.begin(talk, None, ended=False)
            _assert_too_large(lambda: near.send(call_id, bytes(1001)))
        else:
            call_id = self.begin(talk)
        _assert_too_large(lambda: far.respond(call_id, bytes(1001)))
        far.respond(call_id, bytes(1000))
        talk.settle()

        assert [bytes(1000)] == talk.client[call_id].bodies

    def test_too_large_to_receive(self) -> None:
        """
        A message over the peer's limit ends its call, not the connection.
        """
        protocol, small = self.make(), Limits(max_receive_bytes=1000)
        client, server = protocol.client(small, ()), protocol.server(small, ())
        talk = Conversation(client, server)
        talk.settle()
        status = status_of_call(talk, self.head(), bytes(1001))
        assert Status.RESOURCE_EXHAUSTED is status

        call_id = self.begin(talk)
        try:
            server.respond(call_id, bytes(1001))
        except MessageTooLarge:
            server.finish(call_id, Status.RESOURCE_EXHAUSTED)
        talk.settle()
        assert Status.RESOURCE_EXHAUSTED is status_of(talk.client[call_id])
        assert not talk.client.failed
        assert not talk.server.failed
        call_id = self.begin(talk)
        server.respond(call_id, bytes(1000))
        talk.settle()
        assert [bytes(1000)] == talk.client[call_id].bodies

    def test_a_head_too_large(self) -> None:
        """
        A head over the peer's limit ends its call, not the connection.
        """
        talk = self.talk(max_header_bytes=2048)
        large = self.head(metadata=Metadata.of({"large": "x" * 4000}))
        status = status_of_call(talk, large, b"")

        assert Status.RESOURCE_EXHAUSTED is status
        assert not talk.server.failed
        self.begin(talk)

    def test_one_call_too_many(self) -> None:
        """
        A call above the server's limit is not begun. After an end, another one is accepted.
        """
        talk = self.talk(max_calls=2)
        first, _ = self.begin(talk), self.begin(talk)
        hints = hints_of_refusal(talk, self.head())
        assert hints & NOT_BEGUN
        assert len(talk.server.calls) == 2

        talk.server.machine.respond(first, b"")
        talk.settle()
        self.begin(talk)


def _assert_request(received: Received, sent: RequestHead) -> None:
    head = received.head
    assert head is not None
    assert (sent.path, sent.codec) == (head.path, head.codec)
    # A wire may add what its own field has there, such as the agent's name.
    names = {name for name, _ in sent.metadata}
    assert sent.metadata.pairs == tuple(pair for pair in head.metadata if pair[0] in names)
    assert not head.one_way
    assert head.timeout_s is not None
    assert sent.timeout_s is not None
    assert abs(head.timeout_s - sent.timeout_s) < 0.01
    assert received.messages == [(b"request", "")]
    assert received.half_closed


def _assert_too_large(ask: Callable[[], object]) -> None:
    error = raised(ask)
    assert isinstance(error, MessageTooLarge)
    for word in ("max_send_bytes", "1000", "1001"):
        assert word in error.message
