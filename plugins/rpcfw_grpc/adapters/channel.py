"""
What a stub of grpcio's generated code takes for an asyncio channel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Any
from weakref import WeakSet

from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.spi.call_details import call_details
from rpcfw.spi.channel import Channel
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.values.call_options import CallOptions
from rpcfw.values.method import Method
from rpcfw_grpc.adapters.aio_stubs import CALLABLES, AioCallable, MakeCall
from rpcfw_grpc.adapters.call_options import call_options
from rpcfw_grpc.adapters.calls import AnswerCall, StreamCall, Written
from rpcfw_grpc.adapters.generated import called_method
from rpcfw_grpc.adapters.grpcio_values import pairs_of
from rpcfw_grpc.adapters.stub_methods import StubMethods

__all__ = ["AioChannel"]


class AioChannel(StubMethods):
    """
    Takes the calls of generated stubs through this framework.

    For example::

        stub = greeter_pb2_grpc.GreeterStub(AioChannel(application))
        answer = await stub.Say(greeter_pb2.Ask(text="hello"))

    Each service goes where the application's own clients of it would go: found,
    balanced, repeated and limited as the INI says.

    Args:
        application: an `rpcfw.Application`.
        interceptors: of `grpc.aio`, the first outermost.
    """

    log = Logger()

    def __init__(self, application: Any, interceptors: Iterable[Any] | None = None) -> None:
        self._open: Callable[[str], Channel] = application.channel
        self._clock: Clock = application.runtime.plugin_context.clock
        self._owned: Any = None
        self._closed = False
        self._changed = Event()
        self._calls: WeakSet[Any] = WeakSet()
        self._interceptors: dict[str, list[Any]] = {}
        if interceptors:
            from rpcfw_grpc.adapters.intercepted import by_kind

            self._interceptors = by_kind(interceptors)

    @classmethod
    def owning(cls, application: Any, interceptors: Iterable[Any] | None = None) -> AioChannel:
        """
        Begin to start an application; it stops when the channel is closed.

        Calls made meanwhile wait for it.
        """

        def failed(failure: Failure) -> None:
            cls.log.failure("the application of a channel did not start", failure=failure)

        channel = cls(application, interceptors)
        channel._owned = application
        spawn(application.start()).addErrback(failed)
        return channel

    def _callable(self, method: Method, kind: str) -> AioCallable:
        make = self._maker(method, kind)
        return CALLABLES[kind](make)

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

        Args:
            grace: how long calls that are open may take to end, in seconds; those that
                are left fail as cancelled.
        """
        owned, self._owned = self._owned, None
        if owned is not None:
            if grace:
                await self._ended(grace)
            await owned.stop()
        self._closed = True
        self._changed.set()

    async def _ended(self, limit_s: float) -> None:
        """
        Wait until no call is open, as long as that is allowed.
        """
        over = Event()

        def look(_: Any = None) -> None:
            if all(call.done() for call in self._calls):
                over.set()

        for call in tuple(self._calls):
            call.add_done_callback(look)
        look()
        await over.wait_until(self._clock, self._clock.seconds() + limit_s)

    def get_state(self, try_to_connect: bool = False) -> Any:
        """
        Return that it is ready, until it is closed: a call waits for a connection by itself.
        """
        import grpc

        state = grpc.ChannelConnectivity
        return state.SHUTDOWN if self._closed else state.READY

    async def wait_for_state_change(self, last_observed_state: Any) -> None:
        """
        Wait until the state is another one.
        """
        if self.get_state() == last_observed_state:
            # No other state follows the second, so who waits for one waits for ever.
            await (Event() if self._closed else self._changed).wait()

    async def channel_ready(self) -> None:
        """
        Likewise: a call waits for one by itself.
        """

    def _maker(self, method: Method, kind: str) -> MakeCall:
        """
        Return what makes the calls of a method.
        """
        make = self._last_maker(method)
        interceptors = self._interceptors.get(kind)
        return partial(self._intercepted, method, kind, make) if interceptors else make

    def _last_maker(self, method: Method) -> MakeCall:
        """
        Return the same for calls that have passed all interceptors.
        """
        channel = self._open(method.service)
        begin = self._streaming if method.server_streams else self._answered

        def make(request: Any, *options: Any) -> Any:
            call = begin(channel, method, request, call_options(*options))
            self._calls.add(call)
            return call

        return make

    def _intercepted(
        self,
        method: Method,
        kind: str,
        make: MakeCall,
        request: Any,
        *options: Any,
    ) -> Any:
        """
        Have interceptors make a call; they see no compression, as in grpcio.
        """
        import grpc.aio

        from rpcfw_grpc.adapters.intercepted import InterceptedCall, chain

        timeout, metadata, credentials, wait_for_ready, compression = options
        written = None
        if method.shape.client_streams and request is None:
            request = written = Written()
        path = f"/{method.path}".encode()
        pairs = grpc.aio.Metadata(*(pairs_of(metadata) or ()))
        details = grpc.aio.ClientCallDetails(path, timeout, pairs, credentials, wait_for_ready)

        def last(client_details: Any, request: Any) -> Any:
            made = make
            if client_details.method not in (path, path.decode()):
                name = (
                    client_details.method.decode()
                    if isinstance(client_details.method, bytes)
                    else client_details.method
                )
                made = self._last_maker(called_method(name, kind, None, None))
            asked = (
                client_details.timeout,
                client_details.metadata,
                client_details.credentials,
                client_details.wait_for_ready,
            )
            return made(request, *asked, compression)

        return InterceptedCall(
            chain(kind, self._interceptors[kind], last, details, request), written
        )

    def _answered(
        self, channel: Channel, method: Method, request: Any, options: CallOptions
    ) -> AnswerCall:
        written = None
        if method.shape.client_streams and request is None:
            request = written = Written()
        details = call_details()

        async def calling() -> Any:
            with details:
                return await channel.call(method, request, options)

        return AnswerCall(calling(), details, self._clock, options.timeout_s, written)

    def _streaming(
        self, channel: Channel, method: Method, request: Any, options: CallOptions
    ) -> StreamCall:
        writes = method.shape.client_streams and request is None
        stream = channel.stream(method, request, options)
        return StreamCall(stream, self._clock, options.timeout_s, writes=writes)
