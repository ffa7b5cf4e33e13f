"""
Servicers of grpcio's generated code, served as services of this framework.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any

from attrs import frozen

from rpcfw.errors import ContractError
from rpcfw.spi.context import context
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.handover import Handover
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.spi.service import Service, blocking, method
from rpcfw.spi.service_source import ServiceSource
from rpcfw.values.method import Method
from rpcfw_grpc.adapters.context import AioContext, CallContext, ThreadContext
from rpcfw_grpc.adapters.generated import SHAPES, method_of, service_descriptor
from rpcfw_grpc.adapters.interception import Asked, Interception
from rpcfw_grpc.adapters.stream_threads import StreamThreads
from rpcfw_grpc.adapters.threads import ThreadMessages

__all__ = ["Servicers"]

#: A method, and what serves it.
_Function = tuple[Method, Callable[[Any, Any], Any]]


class Servicers(ServiceSource):
    """
    Stands where generated code expects a server, and gathers what it adds.

    For example::

        servicers = Servicers()
        greeter_pb2_grpc.add_GreeterServicer_to_server(Greeter(), servicers)
        application = rpcfw.Application.from_ini("provider.ini", services=servicers)

    A servicer's plain functions run in threads: those with one answer in the server's
    own pool (``[server] threads``), those that stream answers in one made here.

    Args:
        stream_threads: how many calls may stream their answers from threads at once;
            further ones wait.
        interceptors: of `grpc` for servicers of plain functions, of `grpc.aio` for those
            of coroutines; the first outermost.
        handlers: generic ones, as `grpc.server` takes them.

    Raises:
        ContractError: an interceptor is none.
    """

    def __init__(
        self,
        stream_threads: int = 32,
        *,
        interceptors: Iterable[Any] | None = None,
        handlers: Iterable[Any] | None = None,
    ) -> None:
        self._stream_threads = stream_threads
        self._added: dict[str, dict[str, Any]] = {}
        self._interception = Interception(tuple(interceptors or ()), self._added)
        for each in self._interception.interceptors:
            if not callable(getattr(each, "intercept_service", None)):
                raise ContractError(f"the interceptor {each!r} has no method intercept_service")
        self.add_generic_rpc_handlers(handlers or ())

    # What generated code calls.

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Iterable[Any]) -> None:
        for each in generic_rpc_handlers:
            named = getattr(each, "service_name", None)
            if named is None:
                raise ContractError(
                    f"{each!r} does not say which service it is for; "
                    "only what protoc generated can be adapted"
                )
            name = named()
            methods = service_descriptor(name).methods_by_name
            found = {one: each.service(Asked(f"/{name}/{one}")) for one in methods}
            self.add_registered_method_handlers(name, found)

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, Any]
    ) -> None:
        served = {name: each for name, each in method_handlers.items() if each is not None}
        self._added.setdefault(service_name, {}).update(served)

    # What the application calls.

    def __call__(self, plugin_context: PluginContext) -> Sequence[Service]:
        return [
            _service(name, self._functions(name, added), plugin_context, self._stream_threads)
            for name, added in self._added.items()
        ]

    def _functions(self, name: str, added: Mapping[str, Any]) -> list[_Function]:
        """
        Return what serves each method of a service, behind the interceptors if there are any.
        """
        found = []
        for called, each in sorted(added.items()):
            kind = ("unary", "stream")
            word = f"{kind[each.request_streaming]}_{kind[each.response_streaming]}"
            known, function = method_of(f"/{name}/{called}", SHAPES[word]), getattr(each, word)
            if self._interception.interceptors:
                function = self._interception.around(known, function)
            found.append((known, function))
        return found


@frozen(eq=False)
class _Behaviour:
    """
    One method of a servicer.
    """

    method: Method
    function: Callable[[Any, Any], Any]
    plugin_context: PluginContext
    threads: StreamThreads


class _Adapted(Service):
    """
    A servicer's methods are added to subclasses of it.
    """

    def __init__(self, threads: StreamThreads) -> None:
        self._threads = threads

    async def started(self) -> None:
        self._threads.start()

    async def stopped(self) -> None:
        self._threads.stop()


def _service(
    name: str, functions: list[_Function], plugin_context: PluginContext, stream_threads: int
) -> Service:
    threads = StreamThreads(stream_threads, f"streams of {name}")
    namespace: dict[str, Any] = {"__doc__": f"The service {name}, by a servicer of grpcio's."}
    for number, (known, function) in enumerate(functions):
        adapted = _adapted(_Behaviour(known, function, plugin_context, threads))
        # The names on the wire are the user's, and could be those of our own methods.
        namespace[f"method_{number}"] = method(
            name=known.name,
            idempotent=known.idempotent,
            shape=known.shape,
            request_type=known.request_type,
            response_type=known.response_type,
            codec=known.codec,
        )(adapted)
    made = type(name.rpartition(".")[2], (_Adapted,), namespace)
    made.service_name = name  # type: ignore[attr-defined]  # a Service has it
    service: Service = made(threads)
    return service


def _adapted(behaviour: _Behaviour) -> Callable[[Any, Any], Any]:
    """
    Return the function of our service for one of the servicer's.
    """
    streams = behaviour.method.shape.server_streams
    function = behaviour.function
    if inspect.isasyncgenfunction(function):
        return _async_generator(behaviour)
    if inspect.iscoroutinefunction(function):
        return _writing_coroutine(behaviour) if streams else _coroutine(behaviour)
    return _thread_stream(behaviour) if streams else blocking(_thread(behaviour))


def _aio_context(behaviour: _Behaviour, request: Any, write: Any = None) -> AioContext:
    messages = request if behaviour.method.shape.client_streams else None
    return AioContext(context(), behaviour.plugin_context.clock, messages, write)


def _coroutine(behaviour: _Behaviour) -> Callable[[Any, Any], Any]:
    async def run(self: Any, request: Any) -> Any:
        its = _aio_context(behaviour, request)
        try:
            answer = await behaviour.function(request, its)
        except BaseException as error:
            its.settle(error)
            raise
        its.settle()
        return its.compressed(answer)

    return run


def _async_generator(behaviour: _Behaviour) -> Callable[[Any, Any], Any]:
    def run(self: Any, request: Any) -> AsyncIterator[Any]:
        its = _aio_context(behaviour, request)
        answers = behaviour.function(request, its)
        return _settled(answers, its)

    return run


def _writing_coroutine(behaviour: _Behaviour) -> Callable[[Any, Any], Any]:
    def run(self: Any, request: Any) -> AsyncIterator[Any]:
        written = _Written()
        its = _aio_context(behaviour, request, written.write)

        # Begun with the first answer that is asked for: nobody would end it if none is.
        async def written_answers() -> AsyncGenerator[Any, None]:
            running = spawn(behaviour.function(request, its))
            running.addCallbacks(lambda _: written.end(None), lambda f: written.end(f.value))
            try:
                async for answer in written:
                    yield answer
            finally:
                running.cancel()

        answers = written_answers()
        return _settled(answers, its)

    return run


def _thread(behaviour: _Behaviour) -> Callable[[Any, Any], Any]:
    def run(self: Any, request: Any) -> Any:
        around = behaviour.plugin_context
        its = ThreadContext(context(), around.clock, around.threads)
        if behaviour.method.shape.client_streams:
            request = ThreadMessages(request, around.threads)
        try:
            answer = behaviour.function(request, its)
        except BaseException as error:
            its.settle(error)
            raise
        its.settle()
        return its.compressed(answer)

    return run


def _thread_stream(behaviour: _Behaviour) -> Callable[[Any, Any], Any]:
    def run(self: Any, request: Any) -> AsyncIterator[Any]:
        around = behaviour.plugin_context
        its = ThreadContext(context(), around.clock, around.threads)
        if behaviour.method.shape.client_streams:
            request = ThreadMessages(request, around.threads)
        handover = Handover(around.threads)

        # Begun with the first answer that is asked for, likewise.
        async def handed_over() -> AsyncGenerator[Any, None]:
            behaviour.threads.run(
                handover.run, lambda: _wanted(behaviour.function(request, its), its)
            )
            try:
                async for answer in handover:
                    yield answer
            finally:
                handover.close()

        answers = handed_over()
        return _settled(answers, its)

    return run


def _wanted(answers: Iterable[Any], its: ThreadContext) -> Iterable[Any]:
    """
    Give the answers until the servicer ends the call itself.
    """
    for answer in answers:
        if its.given_up:
            return
        yield answer


async def _settled(
    answers: AsyncGenerator[Any, None], its: CallContext
) -> AsyncGenerator[Any, None]:
    """
    Yield the responses, and end with the status that the servicer has set.
    """
    try:
        async for answer in answers:
            yield its.compressed(answer)
    except BaseException as error:
        its.settle(error)
        raise
    finally:
        await answers.aclose()
    its.settle()


class _Written(AsyncIterator[Any]):
    """
    What a coroutine writes, one by one: a write returns when the message has left.
    """

    def __init__(self) -> None:
        self._message: list[Any] = []
        self._taken = Event()
        #: There is a message, or the end.
        self._written = Event()
        self._ended = False
        self._error: BaseException | None = None

    async def write(self, message: Any) -> None:
        self._message.append(message)
        # First: whoever is woken may have taken it before this goes on.
        self._taken.clear()
        self._written.set()
        await self._taken.wait()

    def end(self, error: BaseException | None) -> None:
        self._ended, self._error = True, error
        self._written.set()

    async def __anext__(self) -> Any:
        self._taken.set()
        if not self._message and not self._ended:
            self._written.clear()
            await self._written.wait()
        if self._message:
            return self._message.pop()
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration
