"""
A member of etcd on our own gRPC.
"""

from __future__ import annotations

from typing import Any

from rpcfw.spi.channel import Channel
from rpcfw.spi.stream import Stream
from rpcfw.values.call_options import CallOptions
from rpcfw.values.method import Method
from rpcfw_registries.etcd.member import Changes, Member
from rpcfw_registries.etcd.messages import WATCH

__all__ = ["ChannelMember"]


class ChannelMember(Member):
    """
    Asks on a channel, which it owns.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def call(
        self, method: Method, request: Any, timeout_s: float, metadata: dict[str, str] | None = None
    ) -> Any:
        return await self._channel.call(method, request, CallOptions(timeout_s, metadata))

    def watch(self, request: Any, timeout_s: float, metadata: dict[str, str]) -> Changes:
        stream = self._channel.stream(WATCH, options=CallOptions(timeout_s, metadata))
        return _StreamedChanges(stream, request)

    async def close(self) -> None:
        await self._channel.close()


class _StreamedChanges:
    """
    What a stream brings once the request was sent on it.
    """

    def __init__(self, stream: Stream, request: Any) -> None:
        self._stream = stream
        self._request = request

    async def __anext__(self) -> Any:
        request, self._request = self._request, None
        if request is not None:
            await self._stream.send(request)
        return await anext(self._stream)

    def cancel(self) -> None:
        self._stream.cancel()
