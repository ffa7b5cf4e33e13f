"""
How a call hears what its connection reports.
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
    One call's ear on a connection. Every method is optional but `lost`.

    What raises a `CallError` here ends the call with it: the peer said what the
    method's shape has no place for.
    """

    def responded(self, event: ResponseReceived) -> None:
        raise Unimplemented("the method answered with one whole message, none was awaited")

    def started(self, event: ResponseStarted) -> None:  # noqa: B027 - optional
        """
        The server has begun to answer.
        """

    def message(self, event: MessageReceived) -> None:
        raise Unimplemented("a message came where none was awaited")

    def half_closed(self) -> None:  # noqa: B027 - optional
        """
        The caller will send no more.
        """

    def writable(self) -> None:  # noqa: B027 - optional
        """
        The peer takes more again.
        """

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


class UnaryListener(Listener):
    """
    The ear of a call with one answer, in however many events its wire reports that.

    A wire that hears the answer at once reports it whole, and then nothing is kept
    here; else begin, message and good end are put together.
    """

    _metadata: Metadata = EMPTY
    _message: MessageReceived | None = None

    @abstractmethod
    def responded(self, event: ResponseReceived) -> None:
        """
        The answer is whole.
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
