"""
Channels: a way to make calls, as stubs and plugins see it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Coroutine, Iterable
from typing import Any, Protocol

from rpcfw.spi.stream import Stream
from rpcfw.values.address import Address
from rpcfw.values.metadata import MetadataLike
from rpcfw.values.method import Method
from rpcfw.values.tls_files import TLSFiles

__all__ = ["Channel", "Messages", "OpenChannel"]

#: What a client that streams may hand in at once.
Messages = Iterable[Any] | AsyncIterable[Any]


class Channel(ABC):
    """
    A way to make calls to a service or an address.

    ``timeout_s`` is the limit of the whole call, all attempts in it; None takes
    the method's own, else the configured default. `math.inf` is no limit: the call
    then ends when its server ends it, its connection is lost, or it is cancelled.

    ``compression`` names the compression of all its request messages, small ones too,
    whether or not the server has said that it takes it; ``none`` sends them as they
    are. None takes what is configured.

    With ``wait_for_ready`` the call waits, as long as it has time, for somebody who
    serves, instead of failing as unavailable.
    """

    @abstractmethod
    def call(
        self,
        method: Method,
        request: Any,
        timeout_s: float | None = None,
        metadata: MetadataLike | None = None,
        compression: str | None = None,
        wait_for_ready: bool = False,
    ) -> Coroutine[Any, Any, Any]:
        """
        Make a call that has one response, and return it.

        Args:
            request: the message; `Messages` if the client streams.

        Raises:
            CallError: it failed.
        """

    @abstractmethod
    def stream(
        self,
        method: Method,
        request: Any = None,
        timeout_s: float | None = None,
        metadata: MetadataLike | None = None,
        compression: str | None = None,
        wait_for_ready: bool = False,
    ) -> Stream:
        """
        Make a call that has a stream of responses.

        Args:
            request: the message; for a bidirectional call `Messages`, or None to
                write with `Stream.send`.
        """

    @abstractmethod
    async def close(self) -> None:
        """
        Let go of the connections. Calls still open fail as cancelled.
        """


class OpenChannel(Protocol):
    """
    The way of a plugin to a channel of its own.
    """

    def __call__(self, address: Address, protocol: str, tls: TLSFiles | None = None, /) -> Channel:
        """
        Return a channel to one address, which the plugin closes.

        Args:
            protocol: name of the wire; see `rpcfw.spi.plugin.Plugin.channel_protocols`.
            tls: for a ``tls:`` address, the files to use instead of those of ``[tls]``.
        """
