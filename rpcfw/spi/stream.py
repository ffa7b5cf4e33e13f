"""
Streams: a streaming call as the application sees it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic

from rpcfw.values.metadata import Metadata

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    # A stream that nobody says more of carries anything.
    Sent = TypeVar("Sent", default=Any)
    Received = TypeVar("Received", default=Any)
else:
    from typing import TypeVar

    Sent = TypeVar("Sent")
    Received = TypeVar("Received")

__all__ = ["Stream"]


class Stream(ABC, Generic[Sent, Received]):
    """
    The caller's side of a streaming call: what it sends, what it receives.

    Reading: ``async for message in stream``. The server is slowed down to the
    speed of that loop. The loop ends when the server ends with OK and raises the
    `CallError` otherwise.

    Writing, if the client streams and gave no messages when it began: `send`
    each and `end`. `send` waits while the server, or the network, is behind.

    Leaving a ``with`` block, or `cancel`, gives up what has not ended. So does dropping
    the last reference, as ``break`` in a loop over a stream without a name does.
    """

    @abstractmethod
    def __aiter__(self) -> Stream[Sent, Received]: ...

    @abstractmethod
    async def __anext__(self) -> Received: ...

    @abstractmethod
    async def send(self, message: Sent) -> None:
        """
        Send one message.

        Raises:
            CallError: the call has ended; the same error that reading gives.
        """

    @abstractmethod
    async def end(self) -> None:
        """
        Say that no more messages will be sent.
        """

    @abstractmethod
    def cancel(self) -> None:
        """
        Give the call up, here and at the server. May be repeated.
        """

    @abstractmethod
    async def metadata(self) -> Metadata:
        """
        Return what the server sent before its first message, once it is here.
        """

    @property
    @abstractmethod
    def trailers(self) -> Metadata:
        """
        What the server sent after its last message; empty before.
        """

    async def __aenter__(self) -> Stream[Sent, Received]:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cancel()
