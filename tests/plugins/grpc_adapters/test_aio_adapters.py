"""
Servicers of coroutines and stubs for them, in memory, over gRPC.
"""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import grpc
import pytest
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from rpcfw.app.application import Application
from rpcfw.app.plan import read_plan
from rpcfw.errors import ContractError, PermissionDenied
from rpcfw.kernel.settings import Sources
from rpcfw.spi.filter import Filter
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.network.memory import MemoryNetwork
from rpcfw_grpc.adapters import AioChannel, Servicers
from tests.plugins.grpc_adapters.echo import generated

PB2, PB2_GRPC = generated()

SETS = (
    "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol",
    "app.protocols=native, grpc",
    "server.protocols=grpc",
    "client.protocols=grpc",
)


class Echo(PB2_GRPC.EchoServicer):
    """
    Written as for grpcio's asyncio server.
    """

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.begun = 0

    async def Say(self, request: Any, context: Any) -> Any:  # noqa: N802
        if request.text == "callback":
            context.add_done_callback(lambda _: 1 / 0)
        context.add_done_callback(lambda _: self.ended.append(request.text))
        seen = dict(context.invocation_metadata())
        await context.send_initial_metadata((("first", "1"),))
        if request.text == "abort":
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such", (("why", "gone"),))
        if request.text == "code":
            context.set_code(grpc.StatusCode.ABORTED)
            context.set_details("set before")
        if request.text == "hang":
            never: Waiter[None] = Waiter()
            await never
        context.set_trailing_metadata((("last", "1"),))
        left = "limited" if context.time_remaining() else "free"
        return PB2.Told(text=f"{request.text} {seen.get('who')} {left} {context.peer()[:5]}")

    async def Many(self, request: Any, context: Any) -> Any:  # noqa: N802
        await context.send_initial_metadata((("first", "1"),))
        for number in range(request.count):
            yield PB2.Told(text=f"{request.text} {number}")
        context.set_trailing_metadata((("last", "1"),))
        if request.text == "bad":
            context.set_code(grpc.StatusCode.DATA_LOSS)

    async def Join(self, request_iterator: Any, context: Any) -> Any:  # noqa: N802
        return PB2.Told(text=" ".join([each.text async for each in request_iterator]))

    async def Chat(self, request_iterator: Any, context: Any) -> None:  # noqa: N802
        self.begun += 1
        while (each := await context.read()) is not grpc.aio.EOF:
            await context.write(PB2.Told(text=each.text.upper()))
            if each.text == "stop":
                await context.abort(grpc.StatusCode.CANCELLED, "stopped")


class EchoTest(SynchronousTestCase):
    """
    A stub, and a servicer that it reaches.
    """

    #: Of the provider.
    sets: tuple[str, ...] = ()

    def setUp(self) -> None:
        self.clock = Clock()
        self.memory = MemoryNetwork(self.clock)
        self.echo = Echo()
        servicers = self.servicers()
        PB2_GRPC.add_EchoServicer_to_server(self.echo, servicers)
        sets = ("registry.plugin=memory", "server.listen=memory:a", *self.sets)
        self.provider = self.application(*sets, services=servicers)
        places = "registry.instances=adapted.Echo = memory:a protocols=grpc"
        self.consumer = self.application("registry.plugin=static", places)
        for each in (self.provider, self.consumer):
            self.ended(each.start())
        self.stub = PB2_GRPC.EchoStub(AioChannel(self.consumer))

    def servicers(self) -> Servicers:
        return Servicers()

    def tearDown(self) -> None:
        for each in (self.consumer, self.provider):
            self.ended(each.stop())

    def application(self, *sets: str, services: Any = ()) -> Application:
        plan = read_plan(Sources.load(sets=[*SETS, *sets]))
        network = Network(self.clock, self.memory)
        return Application(plan, self.clock, Random(1), network, services)

    def ended(self, awaitable: Any) -> Any:
        async def whole() -> Any:
            return await awaitable

        running = spawn(whole())
        for _ in range(500):
            if running.called:
                break
            self.clock.advance(0.001)
        return self.successResultOf(running)

    def failed(self, awaitable: Any) -> grpc.aio.AioRpcError:
        async def whole() -> Any:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await awaitable
            return caught.value

        error: grpc.aio.AioRpcError = self.ended(whole())
        return error

    def collect(self, stream: Any) -> list[str]:
        async def whole() -> list[str]:
            return [each.text async for each in stream]

        texts: list[str] = self.ended(whole())
        return texts


class AioTest(EchoTest):
    def test_one_for_one(self) -> None:
        """
        Message, metadata and time go across, and the call knows how it ended.
        """
        call = self.stub.Say(PB2.Ask(text="hello"), timeout=2, metadata=(("who", "me"),))
        assert 0 < call.time_remaining() <= 2
        assert ["hello me limited unix:"] * 2 == [self.ended(call).text for _ in range(2)]
        assert call.done()
        assert (grpc.StatusCode.OK, "") == (self.ended(call.code()), self.ended(call.details()))
        assert "1" == self.ended(call.initial_metadata())["first"]
        assert "1" == self.ended(call.trailing_metadata())["last"]
        assert ["hello"] == self.echo.ended

    def test_an_abort(self) -> None:
        """
        Status, text and trailers of an abort are those of the exception.
        """
        call = self.stub.Say(PB2.Ask(text="abort"))
        error = self.failed(call)

        assert grpc.StatusCode.NOT_FOUND is error.code()
        assert "no such" == error.details()
        assert (("why", "gone"),) == tuple(error.trailing_metadata())
        assert grpc.StatusCode.NOT_FOUND is self.ended(call.code())
        assert "no such" == self.ended(call.details())
        assert "gone" == self.ended(call.trailing_metadata())["why"]

    def test_what_came_before_a_failure(self) -> None:
        """
        A stream that fails has told its metadata, to the call and in the exception.
        """
        call = self.stub.Many(PB2.Ask(text="bad", count=1))
        assert "bad 0" == self.ended(call.read()).text
        error = self.failed(call.read())

        assert "1" == error.initial_metadata()["first"]
        assert "1" == self.ended(call.initial_metadata())["first"]
        assert "1" == self.ended(call.trailing_metadata())["last"]

    def test_a_code_that_was_set(self) -> None:
        """
        A servicer may fail by words alone.
        """
        error = self.failed(self.stub.Say(PB2.Ask(text="code")))

        assert (grpc.StatusCode.ABORTED, "set before") == (error.code(), error.details())

    def test_giving_up(self) -> None:
        """
        A call that is cancelled is so for both: the servicer's coroutine too.
        """
        call = self.stub.Say(PB2.Ask(text="hang"))
        self.clock.pump([0.001] * 10)
        assert call.cancel()
        assert not call.cancel()
        assert call.cancelled()
        self.clock.pump([0.001] * 10)

        async def whole() -> None:
            with pytest.raises(asyncio.CancelledError):
                await call

        self.ended(whole())
        assert ["hang"] == self.echo.ended

    def test_many_answers(self) -> None:
        """
        A stream is iterated over, with metadata before and after.
        """
        call = self.stub.Many(PB2.Ask(text="n", count=3))

        assert ["n 0", "n 1", "n 2"] == self.collect(call)
        assert "1" == self.ended(call.initial_metadata())["first"]
        assert "1" == self.ended(call.trailing_metadata())["last"]
        assert grpc.StatusCode.OK is self.ended(call.code())

    def test_a_stream_that_ends_badly(self) -> None:
        """
        What came before the failure is read first.
        """
        call = self.stub.Many(PB2.Ask(text="bad", count=1))
        assert "bad 0" == self.ended(call.read()).text
        assert grpc.StatusCode.DATA_LOSS is self.failed(call.read()).code()

    def test_reading_past_the_end(self) -> None:
        """
        Once the stream has ended, reading says so, however often.
        """
        call = self.stub.Many(PB2.Ask(count=0))

        assert [grpc.aio.EOF] * 2 == [self.ended(call.read()) for _ in range(2)]

    def test_many_questions(self) -> None:
        """
        Messages from any iterable, or written one by one.
        """
        asks = [PB2.Ask(text=text) for text in "abc"]
        assert "a b c" == self.ended(self.stub.Join(asks)).text

        async def write() -> Any:
            call = self.stub.Join()
            for each in asks:
                await call.write(each)
            await call.done_writing()
            return await call

        assert "a b c" == self.ended(write()).text

    def test_a_dialogue(self) -> None:
        """
        Reading and writing in turn, over a servicer that reads and writes itself.
        """

        async def talk() -> list[Any]:
            call = self.stub.Chat()
            said = []
            for text in ("a", "b"):
                await call.write(PB2.Ask(text=text))
                said.append((await call.read()).text)
            await call.done_writing()
            said.append(await call.read())
            return said

        assert ["A", "B", grpc.aio.EOF] == self.ended(talk())

    def test_a_dialogue_that_is_broken_off(self) -> None:
        """
        An abort amid a stream is the end of it.
        """
        call = self.stub.Chat([PB2.Ask(text="stop"), PB2.Ask(text="more")])
        assert "STOP" == self.ended(call.read()).text
        assert "stopped" == self.failed(call.read()).details()

    def test_writing_where_nothing_is_written(self) -> None:
        """
        Writing to a call that was given its messages is a mistake that is told.
        """

        async def whole() -> None:
            for call in (self.stub.Say(PB2.Ask()), self.stub.Many(PB2.Ask())):
                with pytest.raises(TypeError, match=r"write\(\) is for"):
                    await call.write(PB2.Ask())
                call.cancel()

        self.ended(whole())


class TestWhatCannotBeAdapted:
    def test_unknown_services(self) -> None:
        """
        A service that no generated module defines is refused, with the reason.
        """
        with pytest.raises(ContractError, match=r"no imported _pb2 module defines"):
            Servicers().add_generic_rpc_handlers(
                [grpc.method_handlers_generic_handler("not.There", {})]
            )

    def test_nameless_tables(self) -> None:
        """
        So is what does not say which service it is for.
        """
        with pytest.raises(ContractError, match="does not say which service"):
            Servicers().add_generic_rpc_handlers([object()])

    def test_another_shape(self) -> None:
        """
        A method that streams elsewhere than its module says is refused.
        """
        servicers = Servicers()
        wrong = grpc.unary_stream_rpc_method_handler(lambda request, context: iter(()))
        servicers.add_registered_method_handlers("adapted.Echo", {"Say": wrong})
        with pytest.raises(ContractError, match="is not server-stream"):
            servicers(plugin_context())


class Refusing(Filter):
    """
    Refuses a call once its method has been called.
    """

    async def apply(self, call: Any, proceed: Any) -> Any:
        await proceed(call)
        raise PermissionDenied("not this one")


class RefusedTest(EchoTest):
    """
    A stream whose answers nobody asks for.
    """

    sets = (
        f"plugins.filters.refusing={__name__}:Refusing",
        "server.insert=refusing after AUTH",
    )

    def test_a_servicer_that_nobody_hears_is_not_begun(self) -> None:
        """
        A call that fails before its first answer leaves no servicer behind that writes.
        """
        call = self.stub.Chat()
        error = self.failed(call.read())

        assert grpc.StatusCode.PERMISSION_DENIED is error.code()
        assert 0 == self.echo.begun
