"""
One connection's rules as a machine without I/O, and the limits that it keeps.

`Machine` is all that a connection's driver asks. A wire has two classes of it, one for each
end: a `ClientSide` that calls and a `ServerSide` that answers. Each refuses here, once for
all wires, what only the other end does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NoReturn

from attrs import field, frozen

from rpcfw.errors import LocalProtocolError
from rpcfw.spi.events import Event, RequestHead
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata

__all__ = ["ClientSide", "Limits", "Machine", "ServerSide"]


@frozen
class Limits:
    """
    What one side takes from the other, the same words for every protocol.

    Each is named as its option in the INI is, so that an error can name it.

    Args:
        max_receive_bytes: largest message taken, packed or unpacked.
        max_send_bytes: largest message sent.
        max_header_bytes: largest head of a call: path, metadata, trailers.
        max_calls: calls open at once on one connection.
        stream_window_bytes: what a stream's sender may have on its way, unread.
        max_unread_bytes: memory of the messages that wait to be read, of all streams of
            one connection. Beyond it a wire holds its peer back, or ends calls.
        max_resets: calls begun and cancelled at once that a peer may make, beside
            as many as ran to their end, before it counts as hostile.
        max_pings: pings at once, without other traffic, before the peer counts as
            hostile; those of a peer that keeps an idle connection are not counted.
        pauses: the time that this process lost, in which peers went on.
    """

    max_receive_bytes: int = 4 << 20
    max_send_bytes: int = 64 << 20
    max_header_bytes: int = 16 << 10
    max_calls: int = 10_000
    stream_window_bytes: int = 1 << 20
    max_unread_bytes: int = 64 << 20
    max_resets: int = 200
    max_pings: int = 100
    pauses: Pauses = field(factory=Pauses, eq=False, repr=False)


class Machine(ABC):
    """
    One connection's protocol state: bytes in, events out, bytes to send out.

    No clock, no I/O, no logging, no Twisted. Whoever drives it feeds `receive`,
    acts on the events, and after anything it asked of the machine writes
    `take_output`.

    Guilt. Whatever bytes come, `receive` raises nothing: a peer that breaks the
    rules makes a `ConnectionFailed`, or an end of that one call if the rest of
    the connection can still be trusted. Asking for what makes no sense (an answer
    from a client, a call id never seen) raises `LocalProtocolError`.

    Calls end by themselves: after a `CallEnded`, `ResponseReceived` or
    `CallCancelled` event, and after `respond`, `finish` or `cancel`, the machine
    has forgotten the call. What still comes for it is dropped; and so is what is
    still asked for it, since the driver may be acting on an earlier event of the
    same batch and cannot know yet.
    """

    #: After `leave` the machine tells the peer itself which calls come too late; those
    #: that it still reports were sent in good faith, and are to be served.
    accepts_during_drain: ClassVar[bool] = False
    #: Bytes of messages that were handed over to be sent, and that the peer's flow control
    #: keeps here. A server begins no further calls of a peer that lets many of them wait.
    unsent_bytes: int = 0
    #: What the wire's specification calls a request whose message cannot be read.
    unreadable_status: ClassVar[Status] = Status.INVALID_ARGUMENT

    @abstractmethod
    def start(self) -> None:
        """
        Queue whatever this side says first. Asked once, before all else.
        """

    @abstractmethod
    def receive(self, data: bytes) -> list[Event]:
        """
        Take bytes, split in whatever way, and return what happened.
        """

    @abstractmethod
    def take_output(self) -> bytes:
        """
        Return what must be written now, and forget it. Empty if nothing.
        """

    @property
    @abstractmethod
    def open_calls(self) -> int:
        """
        How many calls it has not forgotten.

        Those too whose answer is whole, and waits for the peer to take it.
        """

    @property
    @abstractmethod
    def newest_call(self) -> int:
        """
        The id of the last call that was begun; not above 0 if there was none.
        """

    @property
    def held_bytes(self) -> int:
        """
        Memory of what came: unfinished frames, and messages not reported as consumed.
        """
        return 0

    @property
    def unread_bytes(self) -> int:
        """
        The part of `held_bytes` that is of whole messages.
        """
        return 0

    def unread_calls(self) -> list[tuple[int, int]]:
        """
        Return the calls of which messages wait to be consumed: their memory, and the call.
        """
        return []

    @property
    def unfinished_frame(self) -> int:
        """
        Which frame has come in part: a number that is another one for each; 0 for none.

        What must come without anything between, as the parts of a header, is one frame.
        """
        return 0

    # The caller's side.

    @abstractmethod
    def call(self, head: RequestHead, body: bytes | None, encoding: str, ended: bool) -> int:
        """
        Begin a call and return its id, growing with each call.

        Args:
            head: what is called and how.
            body: the first message if there is one already.
            encoding: compression of the body, empty for none. If messages are still to
                come, the one that they may have: some wires say it in the head.
            ended: no more messages will be sent. With a body: the fast path.

        Raises:
            MessageTooLarge: head or body is over a limit. Nothing was queued.
            Overloaded: the peer has as many open calls as it takes. Likewise.
            ConnectionLost: the connection has failed, which the driver may not know
                yet; `Hint.NEVER_SENT`, so that the call can go elsewhere. Likewise.
        """

    # The server's side.

    @abstractmethod
    def respond(
        self,
        call_id: int,
        body: bytes,
        encoding: str = "",
        metadata: Metadata = EMPTY,
        trailers: Metadata = EMPTY,
    ) -> None:
        """
        Answer a unary call with one message and status OK: the fast path.

        Raises:
            MessageTooLarge: as for `send`. The call is still open.
        """

    @abstractmethod
    def start_response(self, call_id: int, metadata: Metadata, encoding: str = "") -> None:
        """
        Send the pairs that stand before the first message of a streaming answer.

        Args:
            encoding: compression that its messages may have; as for `call`.
        """

    @abstractmethod
    def finish(
        self,
        call_id: int,
        status: Status,
        message: str = "",
        details: bytes = b"",
        trailers: Metadata = EMPTY,
        hints: Hint = Hint.NONE,
        retry_after_s: float | None = None,
    ) -> None:
        """
        End the call with a status: a failure, or the end of a streaming answer.

        A one-way call ends so too, however it went. Nothing is sent of it, but until
        then it counts against `Limits.max_calls`.

        What is over the peer's header limit is shortened, never refused.
        """

    # Both.

    @abstractmethod
    def send(self, call_id: int, body: bytes, encoding: str = "") -> bool:
        """
        Queue one message of a stream; it leaves as soon as flow control lets it.

        Returns:
            Whether there is room for more. If not, send no more before `StreamWritable`.
            A call that is over has none: else a writer that waits for nothing but
            room would spin until it hears of the end.

        Raises:
            MessageTooLarge: over `Limits.max_send_bytes`, or what the peer takes.
        """

    @abstractmethod
    def end(self, call_id: int) -> None:
        """
        As the caller: say that no more messages will be sent.
        """

    @abstractmethod
    def cancel(self, call_id: int, reason: str = "") -> None:
        """
        Give a call up, from either side. What is queued for it is dropped.
        """

    @abstractmethod
    def consumed(self, call_id: int, cost: int, size: int = 0) -> None:
        """
        Tell that the application has taken what a `MessageReceived` cost.

        Args:
            size: of its body, which is held no longer.
        """

    @abstractmethod
    def ping(self) -> None:
        """
        Ask the peer for a sign of life.
        """

    @abstractmethod
    def leave(self, reason: str) -> None:
        """
        Tell the peer that no new calls are taken here. Open ones go on.
        """

    def closing(self, reason: str) -> None:  # noqa: B027 - optional
        """
        Queue what the wire says before this side closes the connection in good order.
        """

    @abstractmethod
    def fail(self, reason: str) -> None:
        """
        Queue the last word before the connection is closed because of ``reason``.
        """


class ClientSide(Machine):
    """
    The machine of a connection that this side opened.
    """

    def respond(self, call_id: int, *args: Any, **kwargs: Any) -> NoReturn:
        raise _not_at_a_client("respond", call_id)

    def start_response(self, call_id: int, *args: Any, **kwargs: Any) -> NoReturn:
        raise _not_at_a_client("start_response", call_id)

    def finish(self, call_id: int, *args: Any, **kwargs: Any) -> NoReturn:
        raise _not_at_a_client("finish", call_id)


class ServerSide(Machine):
    """
    The machine of a connection that this side accepted.
    """

    def call(self, head: RequestHead, *args: Any, **kwargs: Any) -> NoReturn:
        raise LocalProtocolError(
            f"call: {head.path} was asked for at the server's end of a connection; only the "
            "client's end makes calls"
        )

    def end(self, call_id: int) -> NoReturn:
        raise LocalProtocolError(
            f"end: call {call_id} is at the server's end of a connection; a server ends a call "
            "with `respond` or `finish`"
        )


def _not_at_a_client(name: str, call_id: int) -> LocalProtocolError:
    return LocalProtocolError(
        f"{name}: call {call_id} is at the client's end of a connection; only the server's end "
        "answers. A client ends its messages with `end` and gives up with `cancel`"
    )
