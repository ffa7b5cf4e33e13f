"""
How a call is notified of what its connection reports.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from rpcfw.errors import CallError, Unimplemented, error_from_status
from rpcfw.spi.events import CallEnded, MessageReceived, ResponseReceived, ResponseStarted
from rpcfw.status import Status
from rpcfw.values.metadata import EMPTY, Metadata

__all__ = ["Listener", "UnaryListener", "error_of"]


class Listener(ABC):
    """
    Receives the events of one call. Every method but `lost` is optional.

    A method that raises a `CallError` ends the call with it: the peer sent something that a
    method of this shape does not expect.
    """

    def responded(self, event: ResponseReceived) -> None:
        raise Unimplemented("the method answered with one whole message, none was expected")

    def started(self, event: ResponseStarted) -> None:  # noqa: B027 - optional
        """
        The server sent its response header.
        """

    def message(self, event: MessageReceived) -> None:
        raise Unimplemented("a message came where none was expected")

    def half_closed(self) -> None:  # noqa: B027 - optional
        """
        The caller has sent its last message.
        """

    def writable(self) -> None:  # noqa: B027 - optional
        """
        Flow control lets this side send again.
        """

    @abstractmethod
    def lost(self, error: CallError) -> None:
        """
        The call has failed: the peer ended or cancelled it, or the connection is closed.
        """

    def ended(self, event: CallEnded) -> None:
        """
        The server ended the call with a status.
        """
        self.lost(error_of(event))


class UnaryListener(Listener):
    """
    Receives the one response of a call, whether its wire reports that in one event or several.

    If the whole response arrives at once, the wire reports it in one event and nothing is kept
    here. Otherwise header, message and trailers are put together.
    """

    _metadata: Metadata = EMPTY
    _message: MessageReceived | None = None

    @abstractmethod
    def responded(self, event: ResponseReceived) -> None:
        """
        The response is complete.
        """

    def started(self, event: ResponseStarted) -> None:
        self._metadata = event.metadata

    def message(self, event: MessageReceived) -> None:
        if self._message is not None:
            raise Unimplemented("the method answers with a stream; call it as one that streams")
        self._message = event

    def ended(self, event: CallEnded) -> None:
        message = self._message
        metadata = event.metadata if event.metadata.pairs else self._metadata
        if event.status is not Status.OK:
            error = error_of(event)
            error.metadata = metadata.pairs
            self.lost(error)
        elif message is None:
            raise Unimplemented("the method answered with no message")
        else:
            self.responded(
                ResponseReceived(
                    event.call_id, message.body, message.encoding, metadata, event.trailers
                )
            )


def error_of(event: CallEnded) -> CallError:
    """
    Return the error that the caller of a call with this end catches.
    """
    return error_from_status(
        event.status,
        event.message,
        hints=event.hints,
        details=event.details,
        trailers=event.trailers.pairs,
        retry_after_s=event.retry_after_s,
    )
