"""
A channel for callers in plain threads: what they iterate over may block.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Coroutine, Iterable
from typing import Any

from rpcfw.spi.channel import Channel
from rpcfw.spi.runtime.clock import Threads
from rpcfw.spi.runtime.handover import iterated_in_a_thread
from rpcfw.spi.stream import Stream
from rpcfw.values.call_options import NO_CALL_OPTIONS, CallOptions
from rpcfw.values.method import Method

__all__ = ["ThreadChannel"]

#: Kinds of messages that are all there: iterating over them does not block.
_AT_HAND = (list, tuple, range, set, frozenset, dict)


class ThreadChannel(Channel):
    """
    Makes the calls of another channel, and has its callers' iterators run in threads.

    Args:
        channel: makes the calls.
        threads: the way to the reactor.
    """

    def __init__(self, channel: Channel, threads: Threads) -> None:
        self._channel = channel
        self._threads = threads

    def call(
        self,
        method: Method,
        request: Any,
        options: CallOptions = NO_CALL_OPTIONS,
    ) -> Coroutine[Any, Any, Any]:
        return self._channel.call(method, self._messages(method, request), options)

    def stream(
        self,
        method: Method,
        request: Any = None,
        options: CallOptions = NO_CALL_OPTIONS,
    ) -> Stream:
        return self._channel.stream(method, self._messages(method, request), options)

    async def close(self) -> None:
        await self._channel.close()

    def _messages(self, method: Method, request: Any) -> Any:
        if not method.shape.client_streams or type(request) in _AT_HAND:
            return request
        if isinstance(request, AsyncIterable) or not isinstance(request, Iterable):
            return request
        return iterated_in_a_thread(request, self._threads, f"requests of {method.path}")
