"""
One connection's protocol as a machine without I/O, and its limits.

`Machine` has everything that the driver of a connection uses. A protocol has two subclasses, one
for each end: a `ClientSide` that calls and a `ServerSide` that answers. Here each refuses, once
for all protocols, what only the other end does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NoReturn

from attrs import field, frozen

from rpcfw.errors import LocalProtocolError
from rpcfw.spi.events import Event, RequestHead
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.spi.served import Served
from rpcfw.status import Hint, Status
from rpcfw.values.metadata import EMPTY, Metadata

__all__ = ["ClientSide", "Limits", "Machine", "ServerSide"]


@frozen
class Limits:
    """
    What one side accepts from the other, with the same names for every protocol.

    Each has the name of its option in `[limits]`, so that an error can name it.

    Args:
        max_receive_bytes: largest message accepted, compressed or decompressed.
        max_send_bytes: largest message sent.
        max_header_bytes: largest head of a call: path, metadata, trailers.
        max_calls: calls open at once on one connection.
        stream_window_bytes: flow-control window of a stream: bytes sent and not read yet.
        max_unread_bytes: memory of the messages that wait to be read, of all streams of
            one connection. Above it a machine makes its peer wait, or ends calls.
        max_resets: calls that a peer may begin and cancel at once, in addition to one for each
            call that has ended, before it counts as hostile.
        max_pings: pings in a short time, without other traffic, before the peer counts as
            hostile; the keepalive pings of an idle connection are not counted.
        pauses: times in which this process was paused and its peers were not.
    """

    max_receive_bytes: int = 4 << 20
    max_send_bytes: int = 64 << 20
    max_header_bytes: int = 16 << 10
    max_calls: int = 10_000
    stream_window_bytes: int = 2 << 20
    max_unread_bytes: int = 64 << 20
    max_resets: int = 200
    max_pings: int = 100
    pauses: Pauses = field(factory=Pauses, eq=False, repr=False)


class Machine(ABC):
    """
    One connection's protocol state: bytes in, events out, bytes to send out.

    No clock, no I/O, no logging, no Twisted. Its driver passes received bytes to `receive`, acts
    on the events, and writes `take_output` after anything that it asked for.

    Errors. `receive` raises nothing, whatever the bytes are. If a peer breaks the rules, the
    result is a `ConnectionFailed`, or the end of one call if the rest of the connection can still
    be trusted. A wrong use of the machine (a response from a client, a call id that never existed)
    raises `LocalProtocolError`.

    Calls end by themselves: after a `CallEnded`, `ResponseReceived` or `CallCancelled` event, and
    after `respond`, `finish` or `cancel`, the machine has forgotten the call. What arrives for it
    later is dropped. What is asked for it later is dropped, too: the driver may be acting on an
    earlier event of the same batch, and cannot know of the end yet.
    """

    #: Whether the calls that the machine reports after `drain` are served. True if the machine
    #: itself refuses calls that the peer sent after it received the GOAWAY. If False, the server
    #: refuses all calls that are reported after `drain`.
    accepts_during_drain: ClassVar[bool] = False
    #: Bytes of messages that wait for the peer's flow-control window. A server begins no
    #: further calls of a peer while too many wait.
    unsent_bytes: int = 0
    #: The status of a request whose message cannot be decoded, by the wire's specification.
    unreadable_status: ClassVar[Status] = Status.INVALID_ARGUMENT

    @abstractmethod
    def start(self) -> None:
        """
        Queue what this side sends first. Called once, before all other methods.
        """

    @abstractmethod
    def receive(self, data: bytes) -> list[Event]:
        """
        Read bytes, which may be split anywhere, and return the events.
        """

    @abstractmethod
    def take_output(self) -> bytes:
        """
        Return the bytes to write now, and forget them. Empty if there are none.
        """

    @property
    @abstractmethod
    def open_calls(self) -> int:
        """
        The number of calls that it has not forgotten.

        This includes calls whose response is complete but waits for the peer's window.
        """

    @property
    @abstractmethod
    def newest_call(self) -> int:
        """
        The id of the last call that was begun; 0 or below if there was none.
        """

    @property
    def held_bytes(self) -> int:
        """
        Memory of received data: unfinished frames, and messages not reported as consumed.
        """
        return 0

    @property
    def unread_bytes(self) -> int:
        """
        The part of `held_bytes` that complete messages take.
        """
        return 0

    def unread_calls(self) -> list[tuple[int, int]]:
        """
        Return (memory, call id) of each call whose messages wait to be consumed.
        """
        return []

    @property
    def unfinished_frame(self) -> int:
        """
        The number of a frame that has arrived in part, different for each frame; 0 for none.

        Frames that must follow each other directly, as the parts of a header block (RFC 9113
        section 6.10), count as one.
        """
        return 0

    # The caller's side.

    @abstractmethod
    def call(self, head: RequestHead, body: bytes | None, encoding: str, ended: bool) -> int:
        """
        Begin a call and return its id. Ids grow with each call.

        Args:
            head: what is called and how.
            body: the first message, if there is one already.
            encoding: compression of the body, empty for none. If messages follow later, the
                compression that they may have: some wires send it in the header.
            ended: no more messages follow. With a body: the fast path.

        Raises:
            MessageTooLarge: header or body is over a limit. Nothing was queued.
            Overloaded: the peer accepts no further open call. Nothing was queued.
            ConnectionLost: the connection has failed, which the driver may not know yet;
                `Hint.NEVER_SENT`, so that the call can go elsewhere. Nothing was queued.
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
        Send the one message of a unary response, and status OK: the fast path.

        Raises:
            MessageTooLarge: as for `send`. The call is still open.
        """

    @abstractmethod
    def start_response(self, call_id: int, metadata: Metadata, encoding: str = "") -> None:
        """
        Send the response header: the metadata before the first message of a streaming response.

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
        End the call with a status: a failure, or the end of a streaming response.

        A one-way call ends in this way, too, whatever its result. Nothing is sent, but until
        then it counts against `Limits.max_calls`.

        A part that is over the peer's header limit is shortened, never refused.
        """

    # Both.

    @abstractmethod
    def send(self, call_id: int, body: bytes, encoding: str = "") -> bool:
        """
        Queue one message of a stream; it is sent as soon as flow control allows.

        Returns:
            Whether more may be sent. If not, wait for `StreamWritable`. On a call that is
            over it is always false: otherwise a writer that only waits for the window would
            loop until it is notified of the end.

        Raises:
            MessageTooLarge: over `Limits.max_send_bytes`, or the limit of the peer.
        """

    @abstractmethod
    def end(self, call_id: int) -> None:
        """
        Half-close, as the caller: no more messages follow.
        """

    @abstractmethod
    def cancel(self, call_id: int, reason: str = "") -> None:
        """
        Cancel a call, from either end. What is queued for it is dropped.
        """

    @abstractmethod
    def consumed(self, call_id: int, cost: int, size: int = 0) -> None:
        """
        Report that the application has taken a message. ``cost`` is that of `MessageReceived`.

        Args:
            size: size of its body, which is no longer in memory.
        """

    def sent_path(self, path: str, codec: str) -> str:
        """
        Return the path of a call as this wire sends it: a signature can be of no more than that.

        Args:
            codec: of the call.
        """
        return path

    @abstractmethod
    def ping(self) -> None:
        """
        Send a keepalive ping.
        """

    def ask_load(self) -> bool:
        """
        Ask the server, as a client, how loaded it is. If it answers, `LoadReported` reports it.

        Returns:
            False if this wire has no such question, or it cannot be asked now.
        """
        return False

    @abstractmethod
    def drain(self, reason: str) -> None:
        """
        Send a GOAWAY: no new calls are accepted here. Open ones continue.
        """

    def closing(self, reason: str) -> None:  # noqa: B027 - optional
        """
        Queue what the wire sends before this side closes the connection gracefully.
        """

    @abstractmethod
    def fail(self, reason: str) -> None:
        """
        Queue what the wire sends before the connection is closed because of an error.
        """


class ClientSide(Machine):
    """
    The client's end: the machine of a connection that this side opened.
    """

    def respond(self, call_id: int, *args: Any, **kwargs: Any) -> NoReturn:
        raise _not_at_a_client("respond", call_id)

    def start_response(self, call_id: int, *args: Any, **kwargs: Any) -> NoReturn:
        raise _not_at_a_client("start_response", call_id)

    def finish(self, call_id: int, *args: Any, **kwargs: Any) -> NoReturn:
        raise _not_at_a_client("finish", call_id)


class ServerSide(Machine):
    """
    The server's end: the machine of a connection that this side accepted.
    """

    def serve(self, served: Served) -> None:
        """
        Get to know what is served at this end. Called once, before `start`, if at all.
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
