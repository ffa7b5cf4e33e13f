"""
The typed ways to call: what they do is what type checkers say of them.
"""

from __future__ import annotations

import inspect
import pydoc
from collections.abc import AsyncIterable, AsyncIterator, Coroutine, Iterable

import pytest

import rpcfw
from rpcfw.client.blocking import BlockingStream, BlockingStub, blocking_method, blocking_proxy
from rpcfw.errors import ContractError
from rpcfw.spi.service_class import offered
from rpcfw.spi.stream import Stream
from tests.typing.calls.service import Greeter


class Told(rpcfw.Service, name="demo.Told"):
    """
    Tells what came beside the request.
    """

    def __init__(self, clock):
        self.clock = clock

    @rpcfw.method
    async def options(self, name: str, more: list[int] = []) -> list[str]:  # noqa: B006
        """
        Tell the options.
        """
        limit_s = rpcfw.context().deadline - self.clock.seconds()
        return [str(round(limit_s)), str(rpcfw.context().metadata.get("tenant"))]


class ToldStub(BlockingStub):
    """
    As protoc-gen-rpcfw would write it.
    """

    service_name = "demo.Told"

    def options(self, name, *, timeout=None, metadata=None, compression=None):
        method = offered(Told)[0].method
        return self._call(method, method.request_type(name), timeout, metadata, compression)


class Mixed(rpcfw.Service):
    """
    Has no name, so its method is not of one service.
    """

    @rpcfw.method
    async def ping(self) -> str:
        return "pong"


class Inside:
    """
    Stands for the reactor's thread, in a lab that has none.
    """

    def __init__(self, lab):
        self.lab = lab

    def run(self, function, *arguments):
        return self.lab.run(function(*arguments))

    def run_coroutine(self, coroutine):
        return self.lab.run(coroutine)

    def run_plain(self, function, *arguments):
        return function(*arguments)


@pytest.fixture
def app(lab):
    lab.serve(Greeter())
    lab.serve(Told(lab.clock))
    return lab.consumer().application


async def every(stream):
    return [message async for message in stream]


async def talk(stream):
    async with stream:
        await stream.send("bob")
        first = await anext(stream)
        await stream.end()
        return [first, *await every(stream)]


def helped(asked):
    return pydoc.render_doc(asked, renderer=pydoc.plaintext)


def test_a_caller_calls_one_method_in_any_shape(app, lab):
    """
    What `caller` returns takes what the method takes, in all four shapes.
    """
    assert "hello bob" * 2 == lab.run(app.caller(Greeter.say)("bob", times=2))
    assert list("bob") == lab.run(every(app.caller(Greeter.letters)(name="bob")))
    assert 2 == lab.run(app.caller(Greeter.count)(["a", "b"]))
    assert [1, 2] == lab.run(every(app.caller(Greeter.chat)(["a", "bb"])))
    assert [3] == lab.run(talk(app.caller(Greeter.chat)()))


def test_messages_may_be_given_by_the_name_of_the_parameter(app, lab):
    """
    What type checkers accept of a client works: also the name of what is streamed.
    """
    greeter = app.client(Greeter)

    assert 2 == lab.run(greeter.count(names=iter(["a", "b"])))
    assert [1] == lab.run(every(greeter.chat(names=["a"])))
    with pytest.raises(TypeError, match="expected one argument, names; got 1 by position"):
        greeter.count(["a"], nams=["b"])
    with pytest.raises(TypeError, match="expected one argument, names; got 0 by position"):
        greeter.count()


@pytest.mark.parametrize("wrong", [Mixed.ping, Greeter.started, len, Greeter().say])
def test_a_caller_is_of_a_method_in_a_class(app, wrong):
    """
    What is no method of one service is refused, with an example of what is.
    """
    with pytest.raises(ContractError, match=r"is no method of a service.*as Greeter\.say"):
        app.caller(wrong)


def test_options_are_bound_to_clients_and_callers(app, lab):
    """
    A call made through options has their time limit and metadata; its own come first.
    """
    quick = rpcfw.with_options(app.client(Told), timeout="20s", metadata={"tenant": "blue"})
    later = rpcfw.with_options(quick, timeout=40)
    call = rpcfw.with_options(app.caller(Told.options), timeout="20s")

    assert ["20", "blue"] == lab.run(quick.options("bob"))
    assert ["40", "blue"] == lab.run(later.options("bob"))
    assert ["60", "blue"] == lab.run(quick.options("bob", timeout="60s"))
    assert ["20", "None"] == lab.run(call("bob"))
    assert ["20", "green"] == lab.run(rpcfw.with_options(call, metadata={"tenant": "green"})("bob"))


def test_clients_of_threads_return_what_type_checkers_say(app, lab):
    """
    A blocking client, caller and stub return results, and streams that are iterated.
    """
    thread = Inside(lab)
    greeter = blocking_proxy(app.client(Greeter), thread)
    chat = blocking_method(app.caller(Greeter.chat), thread)
    stub = ToldStub(app.channel("demo.Told"), thread)

    assert "hello bob" == greeter.say("bob")
    assert list("bob") == list(greeter.letters("bob"))
    with chat() as stream:
        stream.send("bob")
        assert 3 == next(stream)
    assert ["20", "None"] == stub.options("bob", timeout="20s")
    assert ["20", "None"] == rpcfw.with_options(stub, timeout="20s").options("bob")


def test_signatures_are_those_of_the_service(app, lab):
    """
    `inspect.signature` shows what a call takes and returns, here and in threads.
    """
    greeter = app.client(Greeter)
    blocking = blocking_proxy(greeter, Inside(lab))
    options = ["timeout", "metadata", "compression"]
    say, chat = inspect.signature(greeter.say), inspect.signature(greeter.chat)

    assert ["name", "times", *options] == list(say.parameters)
    assert (str, 1) == (say.parameters["name"].annotation, say.parameters["times"].default)
    assert say.return_annotation.__args__[-1] is str
    assert say.return_annotation.__origin__ is Coroutine
    assert Iterable[str] | AsyncIterable[str] == chat.parameters["names"].annotation
    assert chat.parameters["names"].default is None
    assert Stream[str, int] == chat.return_annotation
    assert inspect.signature(blocking.say).return_annotation is str
    assert BlockingStream[str, int] == inspect.signature(blocking.chat).return_annotation
    assert [] == inspect.signature(app.client(Told).options).parameters["more"].default
    assert say == inspect.signature(rpcfw.with_options(greeter, timeout=1).say)


def test_help_and_completion_know_the_methods(app, lab):
    """
    ``dir`` lists what can be called, and ``help`` says what it does and takes.
    """
    greeter = app.client(Greeter)
    blocking = blocking_proxy(greeter, Inside(lab))

    for client in (greeter, blocking, rpcfw.with_options(greeter, timeout=1)):
        assert {"say", "length", "letters", "count", "chat"} <= set(dir(client))
        assert client.say.__doc__ == "Say hello.\n\nCalls demo.Greeter/say (unary)."
    for client in (greeter, blocking):
        taken = "name: str, times: int = 1, *, timeout: float | str | None = None"
        # Newer Pythons write each parameter on a line of its own.
        assert taken in " ".join(helped(client.say).split())
        assert "Spell a name." in helped(client)


def test_a_stream_of_any_iterator_is_taken(app, lab):
    """
    A stream of one call may be the requests of another.
    """
    greeter = app.client(Greeter)
    letters: AsyncIterator[str] = greeter.letters("bob")

    assert 3 == lab.run(greeter.count(letters))
