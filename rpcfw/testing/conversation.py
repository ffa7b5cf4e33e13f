"""
Two wire machines that talk to each other, and what each call has received from the other.

Wires use different numbers of events for the same thing: one reports a response as a whole,
another its header, its message and its end. `Received` puts together what they mean.
"""

from __future__ import annotations

from attrs import define, field

from rpcfw.spi.events import (
    CallCancelled,
    CallEnded,
    ConnectionFailed,
    Event,
    GoAwayReceived,
    HalfClosed,
    HeadInBody,
    MessageReceived,
    RequestHead,
    RequestReceived,
    ResponseReceived,
    ResponseStarted,
    StreamWritable,
)
from rpcfw.spi.machine import Machine
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata

__all__ = ["Conversation", "Received", "Side"]

#: A conversation with more rounds than this does not end.
_MAX_ROUNDS = 1000


@define(eq=False)
class Received:
    """
    Everything that one side has received of one call.

    Args:
        head: of the request, at the server.
        metadata: before the first message of the response, at the client.
        messages: bodies with the names of their compressions.
        half_closed: the client has sent its last message.
        end: how the server ended the call; a whole response ends with OK.
        cancelled: the reason why the peer cancelled it.
        writable: how often the flow-control window was reported as open again.
    """

    head: RequestHead | None = None
    metadata: Metadata = EMPTY
    messages: list[tuple[bytes, str]] = field(factory=list)
    half_closed: bool = False
    end: CallEnded | None = None
    cancelled: str | None = None
    writable: int = 0

    @property
    def bodies(self) -> list[bytes]:
        """
        The messages without their compressions.
        """
        return [body for body, _ in self.messages]

    @property
    def over(self) -> bool:
        """
        Whether the peer has ended or cancelled the call.
        """
        return self.end is not None or self.cancelled is not None


class Side:
    """
    One machine and the events that it has reported.

    Args:
        machine: the machine.
        reads: take each message at once, so that its sender's window opens again.
    """

    def __init__(self, machine: Machine, *, reads: bool = True) -> None:
        self.machine = machine
        self.reads = reads
        self.events: list[Event] = []
        self.calls: dict[int, Received] = {}
        self.unread: list[MessageReceived] = []

    def __getitem__(self, call_id: int) -> Received:
        return self.calls.setdefault(call_id, Received())

    def of(self, kind: type) -> list[Event]:
        """
        Return the events of one kind.
        """
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def failed(self) -> bool:
        """
        Whether the machine has reported that the connection failed.
        """
        return bool(self.of(ConnectionFailed))

    def receive(self, data: bytes) -> None:
        """
        Let the machine read bytes, and act on its events.
        """
        for event in self.machine.receive(data):
            self.events.append(event)
            self._note(event)

    def read(self) -> None:
        """
        Take the messages that were not taken yet.
        """
        unread, self.unread = self.unread, []
        for event in unread:
            self.machine.consumed(event.call_id, event.cost, len(event.body))

    def _note(self, event: Event) -> None:
        if isinstance(event, MessageReceived):
            self[event.call_id].messages.append((event.body, event.encoding))
            self.unread.append(event)
            if self.reads:
                self.read()
        elif isinstance(event, RequestReceived):
            self._note_request(event)
        elif isinstance(event, HalfClosed):
            self[event.call_id].half_closed = True
        elif isinstance(event, StreamWritable):
            self[event.call_id].writable += 1
        else:
            self._note_answer(event)

    def _note_request(self, event: RequestReceived) -> None:
        received = self[event.call_id]
        assert received.head is None, "a call began twice"
        head, body, encoding = event.head, event.body, event.encoding
        if isinstance(head, HeadInBody):
            assert body is not None, "a request with its head in the body comes whole"
            decoded = head.decode(body)
            head, body, encoding = decoded.head, decoded.body, decoded.encoding
        received.head = head
        received.half_closed = event.ended
        if body is not None:
            received.messages.append((body, encoding))

    def _note_answer(self, event: Event) -> None:
        if isinstance(event, ResponseStarted):
            self[event.call_id].metadata = event.metadata
        elif isinstance(event, ResponseReceived):
            received = self[event.call_id]
            received.metadata = event.metadata
            received.messages.append((event.body, event.encoding))
            self._end(CallEnded(event.call_id, Status.OK, trailers=event.trailers))
        elif isinstance(event, CallEnded):
            if event.metadata.pairs:
                self[event.call_id].metadata = event.metadata
            self._end(event)
        elif isinstance(event, CallCancelled):
            assert not self[event.call_id].over, "a call ended twice"
            self[event.call_id].cancelled = event.reason
        elif isinstance(event, GoAwayReceived):
            for call_id in event.refused:
                status = Status.UNAVAILABLE
                self._end(CallEnded(call_id, status, event.reason, hints=Hint.NOT_BEGUN))

    def _end(self, event: CallEnded) -> None:
        received = self[event.call_id]
        assert not received.over, "a call ended twice"
        received.end = event


class Conversation:
    """
    A client's and a server's machine, joined by a wire that splits bytes as it likes.

    Args:
        client: the machine that makes calls.
        server: the machine that answers them.
        piece_bytes: maximum number of bytes that arrive at once.
        reads: whether both sides take messages as they arrive.
    """

    def __init__(
        self, client: Machine, server: Machine, piece_bytes: int = 1 << 30, *, reads: bool = True
    ) -> None:
        self.client = Side(client, reads=reads)
        self.server = Side(server, reads=reads)
        self.piece_bytes = piece_bytes
        client.start()
        server.start()

    def settle(self) -> None:
        """
        Deliver all output of both sides, until neither has any.
        """
        for _ in range(_MAX_ROUNDS):
            outputs = self.client.machine.take_output(), self.server.machine.take_output()
            if not any(outputs):
                return
            self._carry(outputs[0], self.server)
            self._carry(outputs[1], self.client)
        raise AssertionError("the two sides go on talking without an end")

    def _carry(self, data: bytes, to: Side) -> None:
        for start in range(0, len(data), self.piece_bytes):
            to.receive(data[start : start + self.piece_bytes])
