"""
Channels: a way to make calls, as stubs and plugins see it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, Coroutine, Iterable
from typing import Any, Protocol

from rpcfw.spi.stream import Stream
from rpcfw.values.address import Address
from rpcfw.values.call_options import NO_CALL_OPTIONS, CallOptions
from rpcfw.values.method import Method
from rpcfw.values.tls_files import TLSFiles

__all__ = ["Channel", "Messages", "OpenChannel"]

#: What a client that streams may hand in at once.
Messages = Iterable[Any] | AsyncIterable[Any]


class Channel(ABC):
    """
    A way to make calls to a service or an address.
    """

    @abstractmethod
    def call(
        self,
        method: Method,
        request: Any,
        options: CallOptions = NO_CALL_OPTIONS,
    ) -> Coroutine[Any, Any, Any]:
        """
        Make a call that has one response, and return it.

        Args:
            request: the message; `Messages` if the client streams.
            options: its time limit, its metadata and so on.

        Raises:
            CallError: it failed.
        """

    @abstractmethod
    def stream(
        self,
        method: Method,
        request: Any = None,
        options: CallOptions = NO_CALL_OPTIONS,
    ) -> Stream:
        """
        Make a call that has a stream of responses.

        Args:
            request: the message; for a bidirectional call `Messages`, or None to
                write with `Stream.send`.
            options: as for `call`.
        """

    @abstractmethod
    async def close(self) -> None:
        """
        Close the connections. Calls still open fail as cancelled.
        """


class OpenChannel(Protocol):
    """
    The way of a plugin to a channel of its own.
    """

    def __call__(
        self,
        address: Address,
        protocol: str,
        tls: TLSFiles | None = None,
        /,
        *,
        service: str = "",
        max_silence_s: float = math.inf,
        max_attempts: int | None = None,
    ) -> Channel:
        """
        Return a channel to one address, which the plugin closes.

        It has the default policies, whatever the configuration says of those for services.

        Args:
            protocol: name of the wire; see `rpcfw.spi.plugin.Plugin.channel_protocols`.
            tls: for a ``tls:`` address, the files to use instead of those of ``[tls]``.
            service: what is called there, if the credentials for it are to be sent:
                ``[credentials SERVICE]``, else ``[credentials]``. Empty: none are sent.
            max_silence_s: a connection that is silent for this time, although it was pinged, is
                closed; sooner if ``[connection] keepalive`` says so.
            max_attempts: of one call, with the first; None: as many as services get by default.
                1 is for a question that has the same answer again, as what a server serves.
        """
