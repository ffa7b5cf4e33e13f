"""
One stream: its state, its windows, and what waits to be sent on it (RFC 9113, section 5.1).

Theory of operation. A stream is open as long as either side may send; each side
ends its own half with END_STREAM, and either side ends both with RST_STREAM. What
may happen in which state is in one table; a step that is not in it is a fault
of whoever made it (STREAM_CLOSED). A stream that is idle or closed is no object:
ids that were not reached yet are idle, all others are closed.
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from typing import Final, Generic, TypeVar

from rpcfw_grpc.http2.flow_control import ReceiveWindow
from rpcfw_grpc.http2.frames import ErrorCode, StreamFault

__all__ = ["Outgoing", "State", "Step", "Stream"]

C = TypeVar("C")

Piece = bytes | memoryview


class State(Enum):
    """
    Who may still send on a stream.
    """

    OPEN = "both sides"
    HALF_CLOSED_REMOTE = "only this side"
    HALF_CLOSED_LOCAL = "only the peer"
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
    (State.OPEN, Step.RECEIVED_END): State.HALF_CLOSED_REMOTE,
    (State.OPEN, Step.SENT_END): State.HALF_CLOSED_LOCAL,
    (State.HALF_CLOSED_REMOTE, Step.SENT_END): State.CLOSED,
    (State.HALF_CLOSED_LOCAL, Step.RECEIVED): State.HALF_CLOSED_LOCAL,
    (State.HALF_CLOSED_LOCAL, Step.RECEIVED_END): State.CLOSED,
}

#: How much larger a message may be than the rest of it that waits, before that is copied.
_MAX_KEPT = 4

_PEER_MAY_SEND: Final = (State.OPEN, State.HALF_CLOSED_LOCAL)


class Outgoing:
    """
    Bytes that wait for flow control.
    """

    __slots__ = ("_pieces", "size")

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque()
        self.size = 0

    def add(self, data: bytes) -> None:
        """
        Queue some bytes.
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

    def trim(self) -> None:
        """
        Copy a small rest of a large message. A view of it would keep all of the message.

        A peer that leaves one byte of each response waiting would hold what nobody counts. Now it
        is four times what is counted, at most. A message is copied by a third, at most.
        """
        first = self._pieces[0] if self._pieces else b""
        if isinstance(first, memoryview) and len(first) * _MAX_KEPT < memoryview(first.obj).nbytes:
            self._pieces[0] = bytes(first)

    def clear(self) -> None:
        """
        Drop the queued bytes.
        """
        self._pieces.clear()
        self.size = 0


class Stream(Generic[C]):
    """
    One stream that is not over in a single step.

    Args:
        id: its number.
        state: where it begins.
        window_bytes: what the peer may send before it is given more.

    Attributes:
        call: what the user of the connection keeps with it; see `Callbacks.attach`.
        granted: what WINDOW_UPDATE frames have added to the peer's initial window, less what
            was sent. The window itself is added where it is needed: a peer may change it
            for all streams at once (section 6.9.2), and that costs nothing here.
        outgoing: what waits to be sent.
        trailers_block: what follows behind it: a block of trailers, or nothing but
            END_STREAM if it is empty, or None if this side has not ended.
        content_length: bytes that ``content-length`` still promises, -1 for no promise.
        headers_received: the peer's HEADERS came, and were not informational.
        headers_sent: this side's HEADERS left.
        blocked: the user waits until it is writable.
        app_closed: the user has nothing to do with it any more.
    """

    __slots__ = (
        "app_closed",
        "blocked",
        "call",
        "content_length",
        "granted",
        "headers_received",
        "headers_sent",
        "id",
        "outgoing",
        "receive_window",
        "state",
        "trailers_block",
    )

    call: C

    def __init__(self, id: int, state: State, window_bytes: int) -> None:
        self.id = id
        self.state = state
        self.receive_window = ReceiveWindow(window_bytes)
        self.granted = 0
        self.outgoing = Outgoing()
        self.trailers_block: bytes | None = None
        self.content_length = -1
        self.headers_received = False
        self.headers_sent = False
        self.blocked = False
        self.app_closed = False

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
        Hold the bytes that came against what ``content-length`` promised (section 8.1.1).
        """
        if self.content_length < 0:
            return
        self.content_length -= size
        if self.content_length < 0 or (ended and self.content_length):
            raise StreamFault(
                self.id,
                "the body has not the size that content-length gave",
                ErrorCode.PROTOCOL_ERROR,
            )
