"""
The one driver of every wire protocol: events of its machine to the calls.

Theory of operation. A call that waits for something is a `Listener` in `listeners`,
under its id. It is removed here, just before it is told of an end, so it is told of
one end only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from rpcfw.errors import CallError, ConnectionLost, error_from_status
from rpcfw.spi.events import (
    CallCancelled,
    CallEnded,
    ConnectionFailed,
    GoAwayReceived,
    HalfClosed,
    HandshakeCompleted,
    MessageReceived,
    PingAnswered,
    PingReceived,
    RequestHead,
    RequestReceived,
    ResponseReceived,
    ResponseStarted,
    StreamWritable,
)
from rpcfw.spi.machine import Machine
from rpcfw.spi.runtime.clock import Clock
from rpcfw.status import Hint, Status
from rpcfw.transport.connection.call_listener import Listener, UnaryListener, error_of
from rpcfw.transport.connection.connection import Connection
from rpcfw.transport.connection.drain_socket import read_remains
from rpcfw.transport.connection.unsent import UnsentBytes

__all__ = ["Driver", "DriverObserver", "Listener", "UnaryListener", "error_of"]


class DriverObserver:
    """
    Who made the driver, and wants to know of these. All optional.
    """

    def connected(self, driver: Driver) -> None: ...

    def greeted(self, driver: Driver) -> None: ...

    def accept(self, driver: Driver, event: RequestReceived) -> None: ...

    def pinged(self, driver: Driver, event: PingReceived) -> None: ...

    def peer_leaving(self, driver: Driver, reason: str) -> None: ...

    def broken_off(self, driver: Driver, event: ConnectionFailed) -> None: ...

    def handshake_failed(self, peer: str, reason: str) -> None: ...

    def closed(self, driver: Driver, reason: str) -> None: ...

    def disconnected(self, driver: Driver) -> None:
        """
        Its socket is closed, which may be a while after `closed`.
        """


class Driver(Connection):
    """
    One connection.

    Args:
        machine: its protocol.
        owner: who is told of what concerns no single call.
        clock: to note when the peer was last heard.
        pause_reading: stop reading while the peer does not read: for servers,
            whose clients would else have them keep answers without bound.
        handshake_timeout_s: how long the peer may take to greet; None for ever.
        unsent: where bytes are counted that a full socket keeps; None for nowhere.
    """

    def __init__(
        self,
        machine: Machine,
        owner: DriverObserver,
        clock: Clock,
        pause_reading: bool = False,
        handshake_timeout_s: float | None = None,
        unsent: UnsentBytes | None = None,
    ) -> None:
        super().__init__(machine, clock, pause_reading, handshake_timeout_s, unsent)
        self.listeners: dict[int, Listener] = {}
        self.accepts: tuple[str, ...] = ()
        self.leaving = False
        #: The peer broke off because it was pinged too often.
        self.pinged_too_often = False
        #: For servers its protocol's name. Calls that were begun on it, and that failed.
        self.wire = ""
        self.begun = 0
        self.failed = 0
        self._owner = owner

    # What calls ask for.

    def request(self, head: RequestHead, body: bytes, encoding: str, listener: Listener) -> int:
        """
        Send a whole request; ``listener`` hears of the answer.
        """
        call_id = self.machine.call(head, body, encoding, True)
        self.listeners[call_id] = listener
        if not self._gathering:
            self.flush()
        return call_id

    def abandon(self, call_id: int, reason: str = "") -> None:
        """
        Give a call up: its listener hears nothing more and the peer is told.
        """
        if self.listeners.pop(call_id, None) is not None:
            self.machine.cancel(call_id, reason)
            self.flush()
            if self.on_progress is not None:
                self.on_progress()

    def close(self, reason: str) -> None:
        # What the peer has sent meanwhile is still heard: a ping is answered, and an
        # answer reaches its call. (A server has no use for requests that come now.)
        if not (self.over or self._gathering or self._pause_reading):
            read_remains(self.transport)
            self._last_events()
        super().close(reason)

    # What the connection tells.

    def stopProducing(self) -> None:
        """
        Take the answers that came before the connection broke.

        A server has no use for requests whose callers have gone.
        """
        if not self.over and not self._pause_reading:
            read_remains(self.transport)

    def connectionLost(self, reason: Failure = ConnectionDone) -> None:  # type: ignore[assignment]  # Twisted's own default
        try:
            super().connectionLost(reason)
        finally:
            self._owner.disconnected(self)

    def _connected(self) -> None:
        self._owner.connected(self)

    def _ended_with(self, reason: str) -> None:
        # The owner first: a call that is told may begin anew at once, and must not
        # come here again.
        self._owner.closed(self, reason)
        listeners, self.listeners = self.listeners, {}
        for listener in listeners.values():
            listener.lost(ConnectionLost(f"the connection to {self.peer} ended: {reason}"))

    # What the machine reports.

    def _responded(self, event: ResponseReceived) -> None:
        listener = self.listeners.pop(event.call_id, None)
        if listener is not None:
            try:
                listener.responded(event)
            except CallError as error:
                listener.lost(error)

    def _requested(self, event: RequestReceived) -> None:
        self._owner.accept(self, event)

    def _started(self, event: ResponseStarted) -> None:
        listener = self.listeners.get(event.call_id)
        if listener is not None:
            listener.started(event)

    def _message(self, event: MessageReceived) -> None:
        listener = self.listeners.get(event.call_id)
        if listener is not None:
            try:
                listener.message(event)
            except CallError as error:
                self.abandon(event.call_id, error.message)
                listener.lost(error)

    def _side_ended(self, event: HalfClosed) -> None:
        listener = self.listeners.get(event.call_id)
        if listener is not None:
            listener.side_ended()

    def _room_made(self, event: StreamWritable) -> None:
        listener = self.listeners.get(event.call_id)
        if listener is not None:
            listener.room_made()

    def _ended(self, event: CallEnded) -> None:
        listener = self.listeners.pop(event.call_id, None)
        if listener is not None:
            listener.ended(event)

    def _cancelled(self, event: CallCancelled) -> None:
        listener = self.listeners.pop(event.call_id, None)
        if listener is not None:
            text = event.reason or "the peer gave the call up"
            listener.lost(error_from_status(Status.CANCELLED, text))

    def _became_ready(self, event: HandshakeCompleted) -> None:
        self._greeted()
        self.accepts = event.accepts
        self._owner.greeted(self)

    def _answered(self, event: PingAnswered) -> None:
        """
        `heard_at` has noted it.
        """

    def _pinged(self, event: PingReceived) -> None:
        self._owner.pinged(self, event)

    def _peer_leaving(self, event: GoAwayReceived) -> None:
        self.leaving = True
        # The owner first, for the same reason as at the end.
        self._owner.peer_leaving(self, event.reason)
        for call_id in event.refused:
            listener = self.listeners.pop(call_id, None)
            if listener is not None:
                listener.lost(
                    error_from_status(Status.UNAVAILABLE, event.reason, hints=Hint.NOT_BEGUN)
                )

    def _connection_failed(self, event: ConnectionFailed) -> None:
        self._owner.broken_off(self, event)
        self.pinged_too_often = event.too_many_pings
        self.close(event.reason)

    _ACTIONS: ClassVar[dict[type, Callable[[Driver, Any], None]]] = {
        ResponseReceived: _responded,
        RequestReceived: _requested,
        ResponseStarted: _started,
        MessageReceived: _message,
        HalfClosed: _side_ended,
        StreamWritable: _room_made,
        CallEnded: _ended,
        CallCancelled: _cancelled,
        HandshakeCompleted: _became_ready,
        PingAnswered: _answered,
        PingReceived: _pinged,
        GoAwayReceived: _peer_leaving,
        ConnectionFailed: _connection_failed,
    }
