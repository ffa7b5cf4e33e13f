"""
What a stub of grpcio's generated code takes for a channel of plain threads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rpcfw.errors import CallError, ContractError
from rpcfw.spi.call_details import call_details
from rpcfw.spi.channel import Channel
from rpcfw.spi.runtime.handover import Handover
from rpcfw.status import Status
from rpcfw.values.call_options import CallOptions
from rpcfw.values.method import Method
from rpcfw_grpc.adapters.blocking_stubs import CALLABLES
from rpcfw_grpc.adapters.stub_methods import StubMethods

if TYPE_CHECKING:
    from rpcfw_grpc.adapters.blocking_calls import BlockingAnswer, BlockingStream

__all__ = ["BlockingChannel"]


class BlockingChannel(StubMethods):
    """
    Takes the calls of generated stubs, made from any thread, through this framework.

    For example::

        stub = greeter_pb2_grpc.GreeterStub(BlockingChannel("consumer.ini"))
        answer = stub.Say(greeter_pb2.Ask(text="hello"))

    Each service goes where the application's own clients of it would go: found,
    balanced, repeated and limited as the INI says.

    Args:
        application: what `rpcfw.blocking` made; or INI files, of which the channel then
            makes, starts and, when it is closed, stops an application of its own.
    """

    def __init__(self, *application: Any) -> None:
        self._owned: Any = None
        if application and all(isinstance(each, (str, PathLike)) for each in application):
            # Found by name: nothing of the framework's upper floors is known here.
            self._owned = import_module("rpcfw").blocking(*application)
            self._owned.start()
            application = (self._owned,)
        if len(application) != 1 or not hasattr(application[0], "begin"):
            raise ContractError(
                "a BlockingChannel takes INI files, or what rpcfw.blocking(...) made; "
                "where a reactor or an asyncio loop runs, use AioChannel(application)"
            )
        self._facade: Any = application[0]
        plugin_context = self._facade.application.runtime.plugin_context
        self._clock, self._threads = plugin_context.clock, plugin_context.threads

    @classmethod
    def owning(cls, application: Any) -> BlockingChannel:
        """
        Start what `rpcfw.blocking` made; it stops when the channel is closed.
        """
        application.start()
        channel = cls(application)
        channel._owned = application
        return channel

    def _callable(self, method: Method, kind: str) -> Any:
        return CALLABLES[kind](self, method, self._channel_of(method))

    def subscribe(self, callback: Callable[[Any], Any], try_to_connect: bool = False) -> None:
        """
        Tell that it is ready, at once: a call waits for a connection by itself.
        """
        import grpc

        callback(grpc.ChannelConnectivity.READY)

    def unsubscribe(self, callback: Callable[[Any], Any]) -> None:
        """
        Nothing more is reported in any case.
        """

    def close(self) -> None:
        """
        Stop the application if it is the channel's own; else it ends with that.
        """
        owned, self._owned = self._owned, None
        if owned is not None:
            owned.stop()

    def __enter__(self) -> BlockingChannel:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _channel_of(self, method: Method) -> Channel:
        channel: Channel = self._facade.run(self._open, method.service)
        return channel

    async def _open(self, service: str) -> Channel:
        channel: Channel = self._facade.application.channel(service)
        return channel

    # What the methods of stubs do.

    def answer(
        self, method: Method, channel: Channel, request: Any, options: CallOptions
    ) -> BlockingAnswer:
        """
        Begin a call with one answer.
        """
        from rpcfw_grpc.adapters.blocking_calls import BlockingAnswer

        handover = self._handover(method)
        details = call_details()

        async def calling() -> Any:
            sent = request if handover is None else handover
            with details:
                return await channel.call(method, sent, options)

        answer = self._facade.begin(calling)
        if handover is not None:
            _iterate(method, request, handover)
            close = handover.close
            answer.add_done_callback(lambda _: self._threads.post(close))
        return BlockingAnswer(answer, details, self._clock, self._threads, options.timeout_s)

    def stream(
        self, method: Method, channel: Channel, request: Any, options: CallOptions
    ) -> BlockingStream:
        """
        Begin a call with a stream of answers.
        """
        from rpcfw_grpc.adapters.blocking_calls import BlockingStream

        handover = self._handover(method)
        sent = request if handover is None else handover
        close = None if handover is None else handover.close
        limit_s = options.timeout_s
        stream = channel.stream(method, sent, options)
        if handover is not None:
            _iterate(method, request, handover)
        return BlockingStream(stream, self._facade, self._clock, self._threads, limit_s, close)

    def _handover(self, method: Method) -> Handover | None:
        """
        Return what takes the caller's messages to the reactor, if it streams.
        """
        return Handover(self._threads) if method.shape.client_streams else None


def _iterate(method: Method, requests: Iterable[Any], handover: Handover) -> None:
    """
    Have a thread iterate over the caller's messages, which may block.

    Only once the call is made: else nobody would end a thread whose call cannot be.
    """
    threading.Thread(
        target=handover.run,
        args=(lambda: _each(requests),),
        name=f"requests of {method.path}",
        daemon=True,
    ).start()


def _each(requests: Iterable[Any]) -> Iterator[Any]:
    """
    Give the caller's messages; where its iterator fails, say so.
    """
    try:
        yield from requests
    except Exception as error:
        text = f"{type(error).__name__} in the iterator of requests: {error}"
        raise CallError(text, status=Status.UNKNOWN) from error
