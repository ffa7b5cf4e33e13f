"""
The one driver of every wire protocol: bytes to a machine, its events to the calls.

Theory of operation. All that a connection reads in one turn of the reactor is one
`dataReceived`. What the calls it wakes say to the machine meanwhile is gathered and
written once, at its end; what is said at other times is written at once, and
Twisted gathers that until the socket is next writable.

A call that waits for something is a `Listener` in `listeners`, under its id. It is
removed here, just before it is told of an end, so it is told of one end only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, cast

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IPushProducer, ITCPTransport, ITransport
from twisted.internet.protocol import Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from rpcfw.errors import CallError, ConnectionLost, LocalProtocolError, error_from_status
from rpcfw.spi.clock import Clock
from rpcfw.spi.events import (
    CallCancelled,
    CallEnded,
    ConnectionFailed,
    MessageReceived,
    PeerLeaving,
    PingAnswered,
    Ready,
    RequestHead,
    RequestReceived,
    ResponseReceived,
    ResponseStarted,
    RoomMade,
    SideEnded,
)
from rpcfw.spi.protocol import Machine
from rpcfw.spi.waiting import Waiter
from rpcfw.status import Hint, Status

__all__ = ["Driver", "Listener", "Owner", "error_of"]


class Listener(ABC):
    """
    One call's ear on a connection. Every method is optional but `lost`.
    """

    def responded(self, event: ResponseReceived) -> None:
        raise LocalProtocolError("a whole response where none was awaited")

    def started(self, event: ResponseStarted) -> None: ...

    def message(self, event: MessageReceived) -> None:
        raise LocalProtocolError("a message where none was awaited")

    def side_ended(self) -> None: ...

    def room_made(self) -> None: ...

    @abstractmethod
    def lost(self, error: CallError) -> None:
        """
        The call is over, and how: the peer ended or cancelled it, or is gone.
        """

    def ended(self, event: CallEnded) -> None:
        """
        The server ended the call with a status.
        """
        self.lost(error_of(event))


class Owner:
    """
    Who made the driver, and wants to know of these. All optional.
    """

    def connected(self, driver: Driver) -> None: ...

    def greeted(self, driver: Driver) -> None: ...

    def accept(self, driver: Driver, event: RequestReceived) -> None: ...

    def peer_leaving(self, driver: Driver, reason: str) -> None: ...

    def closed(self, driver: Driver, reason: str) -> None: ...


def error_of(event: CallEnded) -> CallError:
    """
    Return the error that a caller catches for the end of a call.
    """
    return error_from_status(
        event.status,
        event.message,
        hints=event.hints,
        details=event.details,
        trailers=event.trailers.pairs,
        retry_after_s=event.retry_after_s,
    )


@implementer(IPushProducer)
class Driver(Protocol):
    """
    One connection.

    Args:
        machine: its protocol.
        owner: who is told of what concerns no single call.
        clock: to note when the peer was last heard.
        pause_reading: stop reading while the peer does not read: for servers,
            whose clients would else have them keep answers without bound.
    """

    log = Logger()
    transport: ITransport

    def __init__(
        self, machine: Machine, owner: Owner, clock: Clock, pause_reading: bool = False
    ) -> None:
        self.machine = machine
        self.listeners: dict[int, Listener] = {}
        self.accepts: tuple[str, ...] = ()
        self.peer = ""
        self.heard_at = 0.0
        self.leaving = False
        self._owner = owner
        self._seconds = clock.seconds
        self._pause_reading = pause_reading
        self._gathering = False
        self._full = False
        self._writable: Waiter[None] | None = None
        self._failed = ""
        self._lost = False

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
        if self.listeners.pop(call_id, None) is not None and not self._lost:
            self.machine.cancel(call_id, reason)
            self.flush()

    def flush(self) -> None:
        """
        Write what the machine has to say, now or at the end of this turn's reading.
        """
        if not self._gathering:
            data = self.machine.take_output()
            if data and not self._lost:
                self.transport.write(data)

    async def when_writable(self) -> None:
        """
        Return once the socket takes more: what slows a stream down to its reader.
        """
        while self._full and not self._lost:
            waiter = self._writable
            if waiter is None:
                waiter = self._writable = Waiter()
            shared: Waiter[None] = Waiter()
            waiter.addCallback(_pass_on, shared)
            await shared

    def leave(self, reason: str) -> None:
        """
        Tell the peer that no new calls are taken on this connection.
        """
        if not self._lost:
            self.machine.leave(reason)
            self.flush()

    def close(self, reason: str) -> None:
        """
        Close the connection once what was written has left.
        """
        if not self._lost:
            self._failed = self._failed or reason
            self._lose()

    def _lose(self) -> None:
        # Over TLS nothing is closed as long as a producer is registered, and nothing
        # is written after: so the last word goes first.
        data = self.machine.take_output()
        if data:
            self.transport.write(data)
        self.transport.unregisterProducer()  # type: ignore[attr-defined]  # IConsumer, too
        self.transport.loseConnection()

    def abort(self, reason: str) -> None:
        """
        Close the connection at once; what was not yet sent is dropped.
        """
        if not self._lost:
            self._failed = self._failed or reason
            abort = getattr(self.transport, "abortConnection", self.transport.loseConnection)
            abort()

    # What Twisted tells.

    def connectionMade(self) -> None:
        transport = self.transport
        self.peer = _peer_text(transport)
        self.heard_at = self._seconds()
        if ITCPTransport.providedBy(transport):
            cast(ITCPTransport, transport).setTcpNoDelay(True)
        transport.registerProducer(self, True)  # type: ignore[attr-defined]  # IConsumer, too
        self._owner.connected(self)
        self.machine.start()
        self.flush()

    def dataReceived(self, data: bytes) -> None:
        self.heard_at = self._seconds()
        self._gathering = True
        try:
            for event in self.machine.receive(data):
                self._ACTIONS[event.__class__](self, event)
        finally:
            self._gathering = False
            data = self.machine.take_output()
            if data:
                self.transport.write(data)

    def connectionLost(self, reason: Failure = ConnectionDone) -> None:  # type: ignore[assignment]
        self._lost = True
        self._resume_writers()
        text = self._failed or reason.getErrorMessage()
        # The owner first: a call that is told may begin anew at once, and must not
        # come here again, where nobody would tell it anything.
        self._owner.closed(self, text)
        listeners, self.listeners = self.listeners, {}
        for listener in listeners.values():
            listener.lost(ConnectionLost(f"the connection to {self.peer} ended: {text}"))

    def pauseProducing(self) -> None:
        self._full = True
        if self._pause_reading:
            self.transport.pauseProducing()  # type: ignore[attr-defined]  # IPushProducer, too

    def resumeProducing(self) -> None:
        self._full = False
        if self._pause_reading:
            self.transport.resumeProducing()  # type: ignore[attr-defined]  # IPushProducer, too
        self._resume_writers()

    def stopProducing(self) -> None:
        """
        The transport is going away; `connectionLost` says so.
        """

    def _resume_writers(self) -> None:
        waiter, self._writable = self._writable, None
        if waiter is not None:
            waiter.callback(None)

    # What the machine reports.

    def _responded(self, event: ResponseReceived) -> None:
        listener = self.listeners.pop(event.call_id, None)
        if listener is not None:
            listener.responded(event)

    def _requested(self, event: RequestReceived) -> None:
        self._owner.accept(self, event)

    def _started(self, event: ResponseStarted) -> None:
        listener = self.listeners.get(event.call_id)
        if listener is not None:
            listener.started(event)

    def _message(self, event: MessageReceived) -> None:
        listener = self.listeners.get(event.call_id)
        if listener is not None:
            listener.message(event)

    def _side_ended(self, event: SideEnded) -> None:
        listener = self.listeners.get(event.call_id)
        if listener is not None:
            listener.side_ended()

    def _room_made(self, event: RoomMade) -> None:
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

    def _became_ready(self, event: Ready) -> None:
        self.accepts = event.accepts
        self._owner.greeted(self)

    def _answered(self, event: PingAnswered) -> None:
        """
        `heard_at` has noted it.
        """

    def _peer_leaving(self, event: PeerLeaving) -> None:
        self.leaving = True
        for call_id in event.refused:
            listener = self.listeners.pop(call_id, None)
            if listener is not None:
                listener.lost(
                    error_from_status(Status.UNAVAILABLE, event.reason, hints=Hint.NOT_BEGUN)
                )
        self._owner.peer_leaving(self, event.reason)

    def _connection_failed(self, event: ConnectionFailed) -> None:
        self._failed = event.reason
        self.log.warn(
            "connection with {peer} broken off by {who}: {reason}",
            peer=self.peer,
            who="the peer" if event.by_peer else "this side",
            reason=event.reason,
        )
        self._lose()

    _ACTIONS: ClassVar[dict[type, Callable[[Driver, Any], None]]] = {
        ResponseReceived: _responded,
        RequestReceived: _requested,
        ResponseStarted: _started,
        MessageReceived: _message,
        SideEnded: _side_ended,
        RoomMade: _room_made,
        CallEnded: _ended,
        CallCancelled: _cancelled,
        Ready: _became_ready,
        PingAnswered: _answered,
        PeerLeaving: _peer_leaving,
        ConnectionFailed: _connection_failed,
    }


def _pass_on(result: None, waiter: Waiter[None]) -> None:
    if not waiter.called:
        waiter.callback(None)


def _peer_text(transport: ITransport) -> str:
    peer = transport.getPeer()
    host, port = getattr(peer, "host", None), getattr(peer, "port", None)
    if host is None:
        return "a local peer"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
