"""
What is done about each event that a connection's machine reports.

Theory of operation. A call that waits for something is a `Listener` in the driver's
`listeners`, under its id. It is removed here, just before it is notified of its end, so it
gets one end only. What concerns no single call goes to the driver's observer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from attrs import evolve

from rpcfw.errors import CallError, error_from_status
from rpcfw.spi.events import (
    CallCancelled,
    CallEnded,
    ConnectionFailed,
    GoAwayReceived,
    HalfClosed,
    HandshakeCompleted,
    LoadReported,
    MessageReceived,
    PingAnswered,
    PingReceived,
    RequestReceived,
    ResponseReceived,
    ResponseStarted,
    StreamWritable,
)
from rpcfw.status import Hint, Status

if TYPE_CHECKING:
    from rpcfw.transport.connection.driver import Driver

__all__ = ["ACTIONS"]


def _responded(driver: Driver, event: ResponseReceived) -> None:
    listener = driver.listeners.pop(event.call_id, None)
    if listener is not None:
        try:
            listener.responded(event)
        except CallError as error:
            driver.lose(listener, error)


def _requested(driver: Driver, event: RequestReceived) -> None:
    driver.begun += 1
    driver.accept(driver, event)


def _started(driver: Driver, event: ResponseStarted) -> None:
    listener = driver.listeners.get(event.call_id)
    if listener is not None:
        listener.started(event)


def _message(driver: Driver, event: MessageReceived) -> None:
    listener = driver.listeners.get(event.call_id)
    if listener is not None:
        try:
            listener.message(event)
        except CallError as error:
            driver.cancel(event.call_id, error.message)
            listener.lost(error)


def _half_closed(driver: Driver, event: HalfClosed) -> None:
    listener = driver.listeners.get(event.call_id)
    if listener is not None:
        listener.half_closed()


def _writable(driver: Driver, event: StreamWritable) -> None:
    listener = driver.listeners.get(event.call_id)
    if listener is not None:
        listener.writable()


def _ended(driver: Driver, event: CallEnded) -> None:
    listener = driver.listeners.pop(event.call_id, None)
    if listener is None:
        return
    if event.status is not Status.OK:
        driver.failed += 1
    try:
        listener.ended(event)
    except CallError as error:
        driver.lose(listener, error)


def _cancelled(driver: Driver, event: CallCancelled) -> None:
    listener = driver.listeners.pop(event.call_id, None)
    if listener is not None:
        text = event.reason or "the peer gave the call up"
        driver.lose(listener, error_from_status(Status.CANCELLED, text))


def _handshake_completed(driver: Driver, event: HandshakeCompleted) -> None:
    driver.handshake_completed()
    driver.accepts = event.accepts
    driver.observer.handshake_completed(driver)


def _answered(driver: Driver, event: PingAnswered) -> None:
    """
    Nothing more: `Connection.received_at` is set for all bytes that arrive.
    """


def _load_reported(driver: Driver, event: LoadReported) -> None:
    driver.load = evolve(event.report, received_at=driver.received_at)


def _pinged(driver: Driver, event: PingReceived) -> None:
    driver.observer.pinged(driver, event)


def _goaway_received(driver: Driver, event: GoAwayReceived) -> None:
    # The observer first, for the same reason as in `Driver._ended_with`.
    driver.observer.goaway_received(driver, event.reason)
    for call_id in event.refused:
        listener = driver.listeners.pop(call_id, None)
        if listener is not None:
            text, hints = event.reason, Hint.NOT_BEGUN
            driver.lose(listener, error_from_status(Status.UNAVAILABLE, text, hints=hints))


def _connection_failed(driver: Driver, event: ConnectionFailed) -> None:
    driver.observer.broken_off(driver, event)
    driver.pinged_too_often = event.too_many_pings
    driver.close(event.reason)


#: One for each class of event that a machine can report.
ACTIONS: dict[type, Callable[[Driver, Any], None]] = {
    ResponseReceived: _responded,
    RequestReceived: _requested,
    ResponseStarted: _started,
    MessageReceived: _message,
    HalfClosed: _half_closed,
    StreamWritable: _writable,
    CallEnded: _ended,
    CallCancelled: _cancelled,
    HandshakeCompleted: _handshake_completed,
    PingAnswered: _answered,
    PingReceived: _pinged,
    LoadReported: _load_reported,
    GoAwayReceived: _goaway_received,
    ConnectionFailed: _connection_failed,
}
