"""
The one driver of every wire protocol: what calls ask a connection for.

Each method asks the machine for something, writes the machine's output, and counts calls.
Nobody else uses the machine, writes or counts. What is done about the events that the machine
reports is in `actions`.
"""

from __future__ import annotations

from math import inf

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from rpcfw.errors import CallError, ConnectionLost, error_from_status
from rpcfw.spi.events import RequestHead
from rpcfw.spi.machine import Machine
from rpcfw.spi.runtime.clock import Clock
from rpcfw.status import Hint, Status
from rpcfw.transport.connection.actions import ACTIONS
from rpcfw.transport.connection.buffer_quota import BufferQuota
from rpcfw.transport.connection.call_listener import Listener, UnaryListener, error_of
from rpcfw.transport.connection.connection import Connection
from rpcfw.transport.connection.delivery import Delivery
from rpcfw.transport.connection.drain_socket import drain_socket
from rpcfw.transport.connection.observer import DriverObserver
from rpcfw.transport.connection.output import LARGE_BYTES
from rpcfw.values.caller_identity import ANONYMOUS, CallerIdentity
from rpcfw.values.load_report import LoadReport
from rpcfw.values.metadata import EMPTY, Metadata

__all__ = ["Driver", "DriverObserver", "Listener", "UnaryListener", "error_of"]


class Driver(Connection):
    """
    One connection.

    Args:
        machine: its protocol.
        observer: notified of what concerns no single call.
        clock: to note when bytes last arrived.
        serves: this is the server's end. It stops reading while the peer does not read;
            otherwise a client could make it keep responses without bound.
        handshake_timeout_s: how long the peer may take for its handshake; None: no limit.
        quota: counts the memory that the peer makes this side hold; None: no limit.
    """

    ACTIONS = ACTIONS
    #: For clients: what the server said last about its load, if it was asked.
    load: LoadReport | None = None

    def __init__(
        self,
        machine: Machine,
        observer: DriverObserver,
        clock: Clock,
        serves: bool = False,
        handshake_timeout_s: float | None = None,
        quota: BufferQuota | None = None,
    ) -> None:
        super().__init__(machine, clock, serves, handshake_timeout_s, quota)
        self.listeners: dict[int, Listener] = {}
        self.accepts: tuple[str, ...] = ()
        #: The peer broke off because it was pinged too often.
        self.pinged_too_often = False
        #: When `ping` last sent something.
        self._pinged_at = -inf
        #: For servers: its protocol's name.
        self.wire = ""
        #: For servers: who the client is, by its certificate.
        self.identity: CallerIdentity = ANONYMOUS
        #: Calls that were begun on it.
        self.begun = 0
        #: Of these, the calls that ended otherwise than with status OK.
        self.failed = 0
        self.observer = observer
        #: Gets requests. Looked up here once, not for each of them.
        self.accept = observer.accept

    @property
    def accepts_during_drain(self) -> bool:
        """
        See `rpcfw.spi.machine.Machine.accepts_during_drain`.
        """
        return self._machine.accepts_during_drain

    @property
    def unreadable_status(self) -> Status:
        """
        See `rpcfw.spi.machine.Machine.unreadable_status`.
        """
        return self._machine.unreadable_status

    def sent_path(self, path: str, codec: str) -> str:
        """
        See `rpcfw.spi.machine.Machine.sent_path`.
        """
        return self._machine.sent_path(path, codec)

    def ping(self) -> None:
        """
        Send a keepalive ping, unless the peer has sent nothing since the one before.

        Its answer says as much as that of a second one. Keepalive and heartbeats may be due at
        the same moment, and servers break off who pings too often.
        """
        if self._pinged_at <= self.received_at:
            self._pinged_at = self._clock.seconds()
            self._machine.ping()
            self._output.flush()

    # What a caller asks for.

    def request(self, head: RequestHead, body: bytes, encoding: str, listener: Listener) -> int:
        """
        Send a whole request; ``listener`` gets the response.

        Returns:
            The call's id on this connection.

        Raises:
            CallError: as `rpcfw.spi.machine.Machine.call`; nothing was sent.
        """
        call_id = self._machine.call(head, body, encoding, True)
        self.begun += 1
        self.listeners[call_id] = listener
        output = self._output
        if not output.gathering:
            output.emit(output.write)
        return call_id

    def open_stream(self, head: RequestHead, encoding: str, listener: Listener) -> int:
        """
        Begin a call whose messages are sent one by one, with `send` and `end`.

        Args:
            encoding: compression that they may have.

        Returns:
            The call's id on this connection.

        Raises:
            CallError: as `rpcfw.spi.machine.Machine.call`; nothing was sent.
        """
        call_id = self._machine.call(head, None, encoding, False)
        self.begun += 1
        self.listeners[call_id] = listener
        self._output.flush()
        return call_id

    def send_one_way(self, head: RequestHead, body: bytes, encoding: str) -> None:
        """
        Send a whole request that has no answer.

        Raises:
            CallError: as `rpcfw.spi.machine.Machine.call`; nothing was sent.
        """
        self._machine.call(head, body, encoding, True)
        self.begun += 1
        self._output.flush()

    def ask_load(self) -> None:
        """
        Ask the server how loaded it is, if the wire has such a question. It sets `load`.
        """
        if self._machine.ask_load():
            self._output.flush()

    def end(self, call_id: int) -> None:
        """
        Say that no more messages of the caller will come.
        """
        self._machine.end(call_id)
        self._output.flush()

    # What a server asks for.

    def respond(
        self,
        call_id: int,
        body: bytes,
        encoding: str = "",
        metadata: Metadata = EMPTY,
        trailers: Metadata = EMPTY,
    ) -> None:
        """
        Send the one message of a unary response, and status OK.

        Raises:
            MessageTooLarge: the call is still open.
        """
        self._machine.respond(call_id, body, encoding, metadata, trailers)
        # The fast path: `Output.flush`, written out to save a call.
        output = self._output
        if not output.gathering:
            output.emit(output.write)
        elif len(body) > LARGE_BYTES:
            output.flush(len(body))

    def start_response(self, call_id: int, metadata: Metadata, encoding: str = "") -> None:
        """
        Send the response header. It is written with the first message, or with the end.

        Args:
            encoding: compression that the messages may have.
        """
        self._machine.start_response(call_id, metadata, encoding)

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
        End a call with a status: a failure, or the end of a streaming response.
        """
        if status is not Status.OK:
            self.failed += 1
        self._machine.finish(call_id, status, message, details, trailers, hints, retry_after_s)
        self._output.flush()

    def finish_one_way(self, call_id: int) -> None:
        """
        End a one-way call, whatever its result: nothing is sent.
        """
        self._machine.finish(call_id, Status.OK)

    def end_call(self, call_id: int, status: Status, reason: str) -> None:
        listener = self.listeners.pop(call_id, None)
        self.finish(call_id, status, reason)
        if listener is not None:
            listener.lost(error_from_status(status, reason))

    # What both ask for.

    def send(self, call_id: int, body: bytes, encoding: str = "") -> bool:
        """
        Send one message of a stream, as soon as flow control lets it.

        Returns:
            Whether the next one may be sent; if not, wait for `Listener.writable`.

        Raises:
            MessageTooLarge: nothing was sent.
        """
        takes_more = self._machine.send(call_id, body, encoding)
        self._output.flush(len(body))
        return takes_more

    def consumed(self, call_id: int, cost: int, size: int) -> None:
        """
        Let the peer send as much again as a message cost that the application has taken.

        Args:
            size: of the message.
        """
        self._machine.consumed(call_id, cost, size)
        self._output.flush()

    def cancel(self, call_id: int, reason: str = "") -> None:
        """
        Cancel a call, here and at the peer. Its listener is not notified.
        """
        if self.listeners.pop(call_id, None) is not None:
            self.failed += 1
            self._machine.cancel(call_id, reason)
            self._output.flush()
            if self.on_progress is not None:
                self.on_progress()

    def delivery(self) -> Delivery:
        """
        Return how far what was written until now has come.
        """
        return Delivery(self.transport, self.full, self._output.queued_bytes)

    def close(self, reason: str) -> None:
        # What the peer has sent in the meantime is still read: a ping is answered, and a
        # response reaches its call. (A server ignores requests that arrive now.)
        if not (self.over or self._output.gathering or self.serves):
            drain_socket(self.transport)
            self._turns.last_events()
        super().close(reason)

    # Called by Twisted and by `Connection`.

    def stopProducing(self) -> None:
        """
        Read the responses that arrived before the connection broke.

        A server ignores requests whose callers are gone.
        """
        if not self.over and not self.serves:
            drain_socket(self.transport)

    def connectionLost(self, reason: Failure = ConnectionDone) -> None:  # type: ignore[assignment]  # Twisted's own default
        try:
            super().connectionLost(reason)
        finally:
            self.observer.disconnected(self)

    def _connected(self) -> None:
        self._received, self._output.sent = self.observer.bytes_of(self.wire)
        self.observer.connected(self)

    def _ended_with(self, reason: str) -> None:
        # The observer first: a call that is notified may be repeated at once, and must not
        # choose this connection again.
        self.observer.closed(self, reason)
        listeners, self.listeners = self.listeners, {}
        further = False
        for listener in listeners.values():
            error = ConnectionLost(f"the connection to {self.peer} ended: {reason}")
            error.further, further = further, True
            self.lose(listener, error)

    def lose(self, listener: Listener, error: CallError) -> None:
        """
        Fail a call that was removed from `listeners`.
        """
        self.failed += 1
        listener.lost(error)
