"""
What a stub of grpcio's generated code takes for an asyncio channel.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.spi.channel import Channel
from rpcfw.spi.clock import Clock
from rpcfw.spi.hearing import hearing
from rpcfw.spi.waiting import spawn
from rpcfw.values.method import Method
from rpcfw_grpc.adapters.calls import AnswerCall, StreamCall, Written
from rpcfw_grpc.adapters.generated import SHAPES, method_of
from rpcfw_grpc.adapters.words import pairs_of

__all__ = ["AioChannel"]


class AioChannel:
    """
    Takes the calls of generated stubs through this framework.

    For example::

        stub = greeter_pb2_grpc.GreeterStub(AioChannel(application))
        answer = await stub.Say(greeter_pb2.Ask(text="hello"))

    Each service goes where the application's own clients of it would go: found,
    balanced, repeated and limited as the INI says.

    Args:
        application: an `rpcfw.Application`.
    """

    log = Logger()

    def __init__(self, application: Any) -> None:
        self._open: Callable[[str], Channel] = application.channel
        self._clock: Clock = application.ground.surroundings.clock
        self._owned: Any = None

    @classmethod
    def owning(cls, application: Any) -> AioChannel:
        """
        Begin to start an application; it stops when the channel is closed.

        Calls made meanwhile wait for it.
        """

        def failed(failure: Failure) -> None:
            cls.log.failure("the application of a channel did not start", failure=failure)

        channel = cls(application)
        channel._owned = application
        spawn(application.start()).addErrback(failed)
        return channel

    def unary_unary(self, method: str, *serializers: Any, **named: Any) -> Callable[..., Any]:
        return self._callable(method, "unary_unary")

    def unary_stream(self, method: str, *serializers: Any, **named: Any) -> Callable[..., Any]:
        return self._callable(method, "unary_stream")

    def stream_unary(self, method: str, *serializers: Any, **named: Any) -> Callable[..., Any]:
        return self._callable(method, "stream_unary")

    def stream_stream(self, method: str, *serializers: Any, **named: Any) -> Callable[..., Any]:
        return self._callable(method, "stream_stream")

    async def __aenter__(self) -> AioChannel:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """
        Stop the application if it is the channel's own; else connections end with that.

        Calls that are still open fail as cancelled, without grace.
        """
        owned, self._owned = self._owned, None
        if owned is not None:
            await owned.stop()

    async def channel_ready(self) -> None:
        """
        Likewise: a call waits for one by itself.
        """

    def _callable(self, path: str, kind: str) -> Callable[..., Any]:
        """
        Return what a stub has as a method.
        """
        method = method_of(path, SHAPES[kind])
        channel = self._open(method.service)
        make = self._streaming if method.server_streams else self._answered

        def call(
            request: Any = None,
            *,
            timeout: float | None = None,
            metadata: Any = None,
            **unused: Any,
        ) -> Any:
            """
            Credentials, compression and waiting for a connection are the INI's.
            """
            return make(channel, method, request, timeout, pairs_of(metadata))

        call.__name__ = call.__qualname__ = method.name
        return call

    def _answered(
        self, channel: Channel, method: Method, request: Any, timeout_s: float | None, pairs: Any
    ) -> AnswerCall:
        written = None
        if method.shape.client_streams and request is None:
            request = written = Written()
        heard = hearing()

        async def calling() -> Any:
            with heard:
                return await channel.call(method, request, timeout_s, pairs)

        return AnswerCall(calling(), heard, self._clock, timeout_s, written)

    def _streaming(
        self, channel: Channel, method: Method, request: Any, timeout_s: float | None, pairs: Any
    ) -> StreamCall:
        writes = method.shape.client_streams and request is None
        stream = channel.stream(method, request, timeout_s, pairs)
        return StreamCall(stream, self._clock, timeout_s, writes=writes)
