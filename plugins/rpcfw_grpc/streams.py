"""
Streams: the state of each, what waits to be sent on it, what has come.

Theory of operation. A stream is open as long as either side may send; each side
ends its own half with END_STREAM, and either side ends both with RST_STREAM. What
may happen in which state stands in one table; a step that is not in it is a fault
of whoever made it (STREAM_CLOSED). A stream that is idle or closed is no object:
ids that were not reached yet are idle, all others are closed.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final

from rpcfw.spi.events import Event, MessageReceived
from rpcfw_grpc.framing import PREFIX, MessageReader
from rpcfw_grpc.http2.flow_control import Inbound
from rpcfw_grpc.http2.frames import ErrorCode, StreamFault
from rpcfw_grpc.request_headers import Refusal
from rpcfw_grpc.response_encoder import Reply
from rpcfw_grpc.response_headers import Answer

__all__ = ["Outgoing", "State", "Step", "Stream"]

Piece = bytes | memoryview


class State(Enum):
    """
    Who may still send on a stream.
    """

    OPEN = "both sides"
    REMOTE_ENDED = "only this side"
    LOCAL_ENDED = "only the peer"
    CLOSED = "nobody"


class Step(Enum):
    """
    What moves a stream from one state to the next.
    """

    RECEIVED = "a HEADERS or DATA frame came"
    RECEIVED_END = "the peer ended its half"
    SENT_END = "this side ended its half"


_NEXT: Final = {
    (State.OPEN, Step.RECEIVED): State.OPEN,
    (State.OPEN, Step.RECEIVED_END): State.REMOTE_ENDED,
    (State.OPEN, Step.SENT_END): State.LOCAL_ENDED,
    (State.REMOTE_ENDED, Step.SENT_END): State.CLOSED,
    (State.LOCAL_ENDED, Step.RECEIVED): State.LOCAL_ENDED,
    (State.LOCAL_ENDED, Step.RECEIVED_END): State.CLOSED,
}

_PEER_MAY_SEND: Final = (State.OPEN, State.LOCAL_ENDED)


class Outgoing:
    """
    Bytes of messages that wait for flow control.
    """

    __slots__ = ("_pieces", "size")

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque()
        self.size = 0

    def add(self, body: bytes, flag: int) -> None:
        """
        Queue one message behind its prefix.
        """
        self._pieces.append(PREFIX.pack(flag, len(body)))
        self._pieces.append(body)
        self.size += len(body) + PREFIX.size

    def add_raw(self, data: bytes) -> None:
        """
        Queue bytes that are no message.
        """
        self._pieces.append(data)
        self.size += len(data)

    def take(self, count: int) -> list[Piece]:
        """
        Return the next ``count`` bytes in pieces, without copying them.
        """
        self.size -= count
        taken: list[Piece] = []
        while count:
            piece = self._pieces.popleft()
            if len(piece) > count:
                view = memoryview(piece)
                self._pieces.appendleft(view[count:])
                piece = view[:count]
            taken.append(piece)
            count -= len(piece)
        return taken

    def clear(self) -> None:
        """
        Drop all.
        """
        self._pieces.clear()
        self.size = 0


class Stream:
    """
    One call that is not over in a single step.

    Args:
        id: its number.
        state: where it begins.
        inbound: what may still come.
        granted: what may be sent beyond the first window that the peer gives each stream.
        limit_bytes: the largest message taken.

    Attributes:
        granted: what WINDOW_UPDATE frames have added to the peer's first window, less what
            was sent. The window itself is added where it is needed: a peer may change it
            for all streams at once (RFC 9113, section 6.9.2), and that costs nothing here.
        outgoing: what waits to be sent.
        tail: what follows behind it: a block of trailers, or nothing but
            END_STREAM if it is empty, or None if this side has not ended.
        full: the application was told to wait.
        done: the application has nothing to do with it any more.
        encoding: compression of messages that came with the mark.
        length: bytes that ``content-length`` still promises, -1 for no promise.
        unread: bytes of messages handed out and not reported as consumed.
        held: the memory that these take: each message costs some, however small it is.
        messages: how many came.
        turn: the turn in which it was announced to the application; only within
            that may what was announced still be made one event.
        began: the event that announced it.
        began_at: its place among the events of that turn.
        message: the event of its first message.
        message_at: its place likewise.
        announced: compression that this side's head names; None before the head.
        reply: at a server: how it is answered.
        refusal: at a server: why it is no call.
        dropped: bytes of the body of such a request.
        answer: at a client: the head of the answer.
    """

    __slots__ = (
        "announced",
        "answer",
        "began",
        "began_at",
        "done",
        "dropped",
        "encoding",
        "full",
        "granted",
        "held",
        "id",
        "inbound",
        "length",
        "message",
        "message_at",
        "messages",
        "outgoing",
        "reader",
        "refusal",
        "reply",
        "state",
        "tail",
        "turn",
        "unread",
    )

    def __init__(
        self, id: int, state: State, inbound: Inbound, granted: int, limit_bytes: int
    ) -> None:
        self.id = id
        self.state = state
        self.inbound = inbound
        self.granted = granted
        self.reader = MessageReader(limit_bytes)
        self.outgoing = Outgoing()
        self.tail: bytes | None = None
        self.full = False
        self.done = False
        self.encoding = ""
        self.length = -1
        self.unread = 0
        self.held = 0
        self.messages = 0
        self.turn = -1
        self.began: Event | None = None
        self.began_at = -1
        self.message: MessageReceived | None = None
        self.message_at = -1
        self.announced: str | None = None
        self.reply: Reply | None = None
        self.refusal: Refusal | None = None
        self.dropped = 0
        self.answer: Answer | None = None

    @property
    def may_receive(self) -> bool:
        """
        Whether the peer's half is open.
        """
        return self.state in _PEER_MAY_SEND

    def step(self, step: Step) -> None:
        """
        Go to the next state.
        """
        following = _NEXT.get((self.state, step))
        if following is None:
            raise StreamFault(
                self.id,
                f"{step.value} on stream {self.id}, where {self.state.value} may send",
                ErrorCode.STREAM_CLOSED,
            )
        self.state = following

    def count(self, size: int, *, ended: bool) -> None:
        """
        Hold the bytes that came against what ``content-length`` promised.
        """
        if self.length < 0:
            return
        self.length -= size
        if self.length < 0 or (ended and self.length):
            raise StreamFault(
                self.id,
                "the body has not the size that content-length gave",
                ErrorCode.PROTOCOL_ERROR,
            )
