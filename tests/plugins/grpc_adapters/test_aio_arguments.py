"""
Arguments of grpcio's asyncio API, interceptors above all, in memory over gRPC.
"""

from __future__ import annotations

import gc
from typing import Any

import grpc
import grpc.aio
import pytest

from rpcfw.errors import ContractError
from rpcfw.spi.runtime.waiting import Waiter, spawn
from rpcfw_grpc.adapters import AioChannel, Servicers
from tests.plugins.grpc_adapters.echo import generated
from tests.plugins.grpc_adapters.test_aio_adapters import Echo, EchoTest

PB2, PB2_GRPC = generated()


def waiters() -> int:
    gc.collect()
    return sum(isinstance(each, Waiter) for each in gc.get_objects())


class Named(
    grpc.aio.UnaryUnaryClientInterceptor,
    grpc.aio.UnaryStreamClientInterceptor,
    grpc.aio.StreamUnaryClientInterceptor,
    grpc.aio.StreamStreamClientInterceptor,
):
    """
    Adds metadata to each call and notes what passes.
    """

    def __init__(self, name: str, passed: list[str]) -> None:
        self.name = name
        self.passed = passed

    async def _intercept(self, proceed: Any, details: Any, request: Any) -> Any:
        self.passed.append(f"{self.name} {details.method.decode()}")
        details.metadata.add("who", self.name)
        call = await proceed(details, request)
        assert isinstance(call, grpc.aio.Call)
        return call

    intercept_unary_unary = _intercept
    intercept_unary_stream = _intercept
    intercept_stream_unary = _intercept
    intercept_stream_stream = _intercept


class Instead(grpc.aio.UnaryUnaryClientInterceptor, grpc.aio.UnaryStreamClientInterceptor):
    """
    Answers itself, or as it is asked.
    """

    async def intercept_unary_unary(self, proceed: Any, details: Any, request: Any) -> Any:
        if request.text == "here":
            return PB2.Told(text="answered here")
        if request.text == "many":
            return await proceed(details._replace(timeout=1), PB2.Ask(text="changed"))
        raise RuntimeError("nothing of the kind")

    async def intercept_unary_stream(self, proceed: Any, details: Any, request: Any) -> Any:
        answers = await proceed(details, request)

        async def loud() -> Any:
            async for each in answers:
                yield PB2.Told(text=each.text.upper())

        return loud()


class Gate(grpc.aio.ServerInterceptor):
    """
    Refuses whom it does not know, with one handler for methods of all shapes.
    """

    def __init__(self, passed: list[str]) -> None:
        self.passed = passed

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        self.passed.append(handler_call_details.method)
        who = dict(handler_call_details.invocation_metadata).get("who")
        if who == "nobody":
            return None
        if who is not None:
            return await continuation(handler_call_details)

        async def refuse(request: Any, context: Any) -> None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")

        return grpc.unary_unary_rpc_method_handler(refuse)


class ClientInterceptors(EchoTest):
    def stub_through(self, *interceptors: Any) -> Any:
        return PB2_GRPC.EchoStub(AioChannel(self.consumer, interceptors))

    def test_all_shapes(self) -> None:
        """
        Interceptors are passed in their order, whatever streams, and see each call whole.
        """
        passed: list[str] = []
        stub = self.stub_through(Named("outer", passed), Named("inner", passed))
        call = stub.Say(PB2.Ask(text="hello"))
        assert "hello inner" in self.ended(call).text
        assert "1" == self.ended(call.trailing_metadata())["last"]
        assert grpc.StatusCode.OK == self.ended(call.code())
        assert ["a 0", "a 1"] == self.collect(stub.Many(PB2.Ask(text="a", count=2)))
        asks = [PB2.Ask(text="x"), PB2.Ask(text="y")]
        assert "x y" == self.ended(stub.Join(request_iterator=iter(asks))).text
        assert ["X", "Y"] == self.collect(stub.Chat(iter(asks)))
        names = ["Say", "Many", "Join", "Chat"]
        wanted = [f"{who} /adapted.Echo/{name}" for name in names for who in ("outer", "inner")]
        assert wanted == passed

    def test_writing(self) -> None:
        """
        A caller may write to a call that interceptors make, as to any other.
        """
        stub = self.stub_through(Named("one", []))

        async def talk() -> list[str]:
            call = stub.Chat()
            heard = []
            for text in ("a", "b"):
                await call.write(PB2.Ask(text=text))
                heard.append((await call.read()).text)
            await call.done_writing()
            assert await call.read() is grpc.aio.EOF
            return heard

        assert ["A", "B"] == self.ended(talk())

    def test_answers_of_their_own(self) -> None:
        """
        What an interceptor returns or raises is what the caller gets.
        """
        stub = self.stub_through(Instead())
        call = stub.Say(PB2.Ask(text="here"))
        assert "answered here" == self.ended(call).text
        assert grpc.StatusCode.OK == self.ended(call.code())
        assert self.ended(stub.Say(PB2.Ask(text="many"))).text.startswith("changed")
        assert ["A 0"] == self.collect(stub.Many(PB2.Ask(text="a", count=1)))

        async def broken() -> None:
            with pytest.raises(RuntimeError, match="of the kind"):
                await stub.Say(PB2.Ask(text="other"))

        self.ended(broken())

    def test_failures_and_cancelling(self) -> None:
        """
        A call that fails, or is given up, tells the same as without interceptors.
        """
        stub = self.stub_through(Named("one", []))
        told: list[Any] = []
        call = stub.Say(PB2.Ask(text="abort"))
        call.add_done_callback(told.append)
        assert grpc.StatusCode.NOT_FOUND == self.failed(call).code()
        assert [call] == told
        assert (grpc.StatusCode.NOT_FOUND, "no such") == (
            self.ended(call.code()),
            self.ended(call.details()),
        )
        hanging = stub.Say(PB2.Ask(text="hang"))
        self.clock.advance(0.1)
        assert hanging.cancel()
        assert hanging.done()
        assert grpc.StatusCode.CANCELLED == self.ended(hanging.code())

    def test_what_is_none(self) -> None:
        """
        An interceptor of no kind is refused where it is given.
        """
        with pytest.raises(ContractError, match=r"none of grpc\.aio's"):
            AioChannel(self.consumer, [object()])
        with pytest.raises(ContractError, match="intercept_service"):
            Servicers(interceptors=[object()])


class ServerInterceptors(EchoTest):
    def servicers(self) -> Servicers:
        self.passed: list[str] = []
        return Servicers(interceptors=[Gate(self.passed)])

    def test_passing(self) -> None:
        """
        Calls go through in all shapes, as without interceptors.
        """
        known = {"metadata": (("who", "me"),)}
        assert self.ended(self.stub.Say(PB2.Ask(text="a"), **known)).text.startswith("a me")
        assert ["a 0"] == self.collect(self.stub.Many(PB2.Ask(text="a", count=1), **known))
        asks = [PB2.Ask(text="x"), PB2.Ask(text="y")]
        assert "x y" == self.ended(self.stub.Join(iter(asks), **known)).text
        assert ["X", "Y"] == self.collect(self.stub.Chat(iter(asks), **known))
        assert ["Say", "Many", "Join", "Chat"] == [one.rpartition("/")[2] for one in self.passed]

    def test_refusing(self) -> None:
        """
        A handler of the interceptor's own serves a method of any shape; without one there is none.
        """
        asks = [PB2.Ask(text="x")]

        def codes(**options: Any) -> list[Any]:
            stub = self.stub
            calls = (
                stub.Say(asks[0], **options),
                stub.Many(asks[0], **options).read(),
                stub.Join(iter(asks), **options),
                stub.Chat(iter(asks), **options).read(),
            )
            return [self.failed(call).code() for call in calls]

        assert [grpc.StatusCode.UNAUTHENTICATED] * 4 == codes()
        assert [grpc.StatusCode.UNIMPLEMENTED] * 4 == codes(metadata=(("who", "nobody"),))

    def test_the_other_api(self) -> None:
        """
        Interceptors of threads cannot stand before coroutines, and the start says so.
        """

        class OfThreads(grpc.ServerInterceptor):
            def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
                return continuation(handler_call_details)

        servicers = Servicers(interceptors=[OfThreads()])
        PB2_GRPC.add_EchoServicer_to_server(Echo(), servicers)
        with pytest.raises(ContractError, match=r"cannot serve adapted\.Echo/"):
            self.application("registry.plugin=memory", services=servicers)


class Options(EchoTest):
    def test_waiting_for_a_server(self) -> None:
        """
        A call may wait for somebody who serves; it ends with its time.
        """
        nobody = self.application(
            "registry.plugin=static",
            "retry.plugin=never",
            "registry.instances=adapted.Echo = memory:later protocols=grpc",
        )
        self.ended(nobody.start())
        self.addCleanup(lambda: self.ended(nobody.stop()))
        stub = PB2_GRPC.EchoStub(AioChannel(nobody))
        ask = PB2.Ask(text="a")
        assert grpc.StatusCode.UNAVAILABLE == self.failed(stub.Say(ask)).code()
        late = stub.Say(ask, timeout=0.2, wait_for_ready=True)
        assert grpc.StatusCode.DEADLINE_EXCEEDED == self.failed(late).code()
        waiting = stub.Say(ask, timeout=5, wait_for_ready=True)
        streaming = stub.Many(PB2.Ask(text="b", count=1), timeout=5, wait_for_ready=True)
        servicers = Servicers()
        PB2_GRPC.add_EchoServicer_to_server(Echo(), servicers)
        sets = ("registry.plugin=memory", "server.listen=memory:later")
        later = self.application(*sets, services=servicers)
        self.ended(later.start())
        self.addCleanup(lambda: self.ended(later.stop()))
        for _ in range(30):  # for a connection to be tried again
            self.clock.advance(0.1)
        assert self.ended(waiting).text.startswith("a ")
        assert ["b 0"] == self.collect(streaming)

    def test_the_state_of_a_channel(self) -> None:
        """
        It is ready until it is closed, and whoever waits for that is told.
        """
        channel = AioChannel(self.consumer)
        assert grpc.ChannelConnectivity.READY == channel.get_state()

        async def closed() -> Any:
            change = spawn(channel.wait_for_state_change(grpc.ChannelConnectivity.READY))
            await channel.close()
            await change
            return channel.get_state()

        assert grpc.ChannelConnectivity.SHUTDOWN == self.ended(closed())

    def test_callbacks_that_fail(self) -> None:
        """
        What a callback raises is logged, and changes nothing of the call or of the others.
        """
        told = []

        def fail(_: Any) -> None:
            raise ZeroDivisionError

        asked = self.stub.Say(PB2.Ask(text="callback"))
        talk = self.stub.Chat()
        for call in (asked, talk):
            call.add_done_callback(fail)
            call.add_done_callback(told.append)
        assert self.ended(asked).text.startswith("callback")
        self.ended(talk.write(PB2.Ask(text="a")))
        talk.cancel()
        self.clock.advance(0.1)
        assert [asked, talk] == told
        assert self.provider.server is not None
        assert 0 == self.provider.server.in_flight
        assert ["callback"] == self.echo.ended
        assert 3 == len(self.flushLoggedErrors(ZeroDivisionError))

    def test_waits_that_are_given_up_leave_nothing(self) -> None:
        """
        Whoever asks again and again, each time with a limit, fills nothing.
        """
        channel = AioChannel(self.consumer)
        call = self.stub.Say(PB2.Ask(text="hang"), timeout=100)
        talk = self.stub.Chat()
        self.ended(talk.write(PB2.Ask(text="a")))
        self.ended(talk.read())
        before = waiters()
        for _ in range(20):
            for waiting in (
                channel.wait_for_state_change(grpc.ChannelConnectivity.READY),
                call.code(),
                talk.code(),
            ):
                given_up = spawn(waiting)
                given_up.addErrback(lambda _: None)
                given_up.cancel()
        assert before == waiters()
        for each in (call, talk):
            each.cancel()
        self.clock.advance(0.1)

    def test_a_close_with_grace(self) -> None:
        """
        Calls that are open may end before the channel does, for as long as the grace is.
        """
        for ends in (True, False):
            owned = Owned(self.consumer)
            channel = AioChannel.owning(owned)
            call = PB2_GRPC.EchoStub(channel).Say(PB2.Ask(text="hang"))
            closing = spawn(channel.close(grace=0.2))
            self.clock.advance(0.1)
            assert not owned.stopped
            if ends:
                call.cancel()
            else:
                self.clock.advance(0.11)
            assert owned.stopped
            self.successResultOf(closing)
            call.cancel()


class Owned:
    """
    An application of a channel's own, which notes that it was stopped.
    """

    def __init__(self, application: Any) -> None:
        self.channel, self.runtime = application.channel, application.runtime
        self.stopped = False

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        self.stopped = True
