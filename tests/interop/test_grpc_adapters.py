"""
Servicers written for grpcio, in a process of this framework, called by grpcio's stubs.
"""

from __future__ import annotations

import threading

import grpc
import pytest

from tests.plugins.grpc_adapters.echo import generated, write_generated
from tests.real.commands import Running, address_in

PB2, PB2_GRPC = generated()

SERVED = """
from __future__ import annotations

import asyncio
import threading
import time

import adapted_pb2 as pb2
import adapted_pb2_grpc
import grpc
from rpcfw_grpc.adapters import Servicers


class Plain(adapted_pb2_grpc.EchoServicer):
    def Say(self, request, context):
        context.send_initial_metadata((("first", "1"),))
        context.set_trailing_metadata((("last", "1"),))
        if request.text == "abort":
            context.abort(grpc.StatusCode.NOT_FOUND, "no such")
        if request.text == "raise":
            raise ZeroDivisionError("a secret")
        if request.text == "cancel":
            context.cancel()
            assert not context.is_active()
        if request.text == "wait":
            gone = threading.Event()
            context.add_callback(gone.set)
            print("waiting", flush=True)
            print("gone" if gone.wait(20) and not context.is_active() else "here", flush=True)
        if request.text == "plain":
            context.set_compression(grpc.Compression.NoCompression)
            context.disable_next_message_compression()
        assert context.is_active() or request.text in ("cancel", "wait")
        who = dict(context.invocation_metadata()).get("who")
        return pb2.Told(text=f"{request.text} {who} {context.peer().split(':')[0]}")

    def Many(self, request, context):
        threads = set()
        context.add_callback(lambda: print("ended", flush=True))
        for number in range(request.count):
            threads.add(threading.get_ident())
            yield pb2.Told(text=f"{number} {len(threads)}")
            if request.text == "hang":
                threading.Event().wait()

    def Join(self, request_iterator, context):
        return pb2.Told(text=" ".join(each.text for each in request_iterator))

    def Chat(self, request_iterator, context):
        for each in request_iterator:
            yield pb2.Told(text=each.text.upper())


class Unwritten(adapted_pb2_grpc.EchoServicer):
    pass


class Aio(adapted_pb2_grpc.EchoServicer):
    async def Say(self, request, context):
        await asyncio.sleep(0)
        return pb2.Told(text=f"aio {request.text}")


class Gate(grpc.ServerInterceptor):
    def intercept_service(self, continuation, handler_call_details):
        who = dict(handler_call_details.invocation_metadata).get("who")
        print(handler_call_details.method, who, flush=True)
        if who == "nobody":
            return None
        if who == "me":
            return continuation(handler_call_details)

        def refuse(request, context):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, f"who asked for {request.text}?")

        return grpc.unary_unary_rpc_method_handler(refuse)


def served(servicer, **named):
    servicers = Servicers(**named)
    adapted_pb2_grpc.add_EchoServicer_to_server(servicer, servicers)
    return servicers


plain, unwritten, aio = served(Plain()), served(Unwritten()), served(Aio())
guarded = served(Plain(), interceptors=[Gate()])
"""
LIMIT_S = 20


@pytest.fixture
def serve(tmp_path):
    """
    Serves one of the above; gives the process and a stub of grpcio's for it.
    """
    write_generated(tmp_path)
    (tmp_path / "served.py").write_text(SERVED)
    opened = []

    def start(name, reactor="epoll", *further):
        sets = (
            f"app.python_path={tmp_path}",
            f"app.reactor={reactor}",
            "app.protocols=native, grpc",
            "server.protocols=native, grpc",
            f"server.services=served:{name}",
            "registry.plugin=memory",
            "plugins.protocols.grpc=rpcfw_grpc.protocol:GRPCProtocol",
            *further,
        )
        running = Running("serve", *(word for each in sets for word in ("--set", each)))
        channel = grpc.insecure_channel(address_in(running.line()))
        opened.extend((channel, running))
        return running, PB2_GRPC.EchoStub(channel)

    yield start
    for each in opened:
        each.__exit__(None, None, None)


def asks(*texts):
    return iter([PB2.Ask(text=text) for text in texts])


def test_plain_functions(serve):
    """
    A servicer of plain functions does as it did, in all four shapes.
    """
    running, stub = serve("plain")
    answer, call = stub.Say.with_call(
        PB2.Ask(text="hello"), timeout=LIMIT_S, metadata=(("who", "me"),)
    )
    assert "hello me ipv4" == answer.text
    assert ("first", "1") in [tuple(pair) for pair in call.initial_metadata()]
    assert ("last", "1") in [tuple(pair) for pair in call.trailing_metadata()]

    many = [each.text for each in stub.Many(PB2.Ask(count=100), timeout=LIMIT_S)]
    assert [f"{number} 1" for number in range(100)] == many
    assert "ended" == running.line()
    assert "a b c" == stub.Join(asks("a", "b", "c"), timeout=LIMIT_S).text
    assert ["A", "B"] == [each.text for each in stub.Chat(asks("a", "b"), timeout=LIMIT_S)]


def test_interceptors(serve):
    """
    Interceptors of a server of threads decide for each call, in all four shapes.
    """
    _, stub = serve("guarded")

    def calls(**named):
        named["timeout"] = LIMIT_S
        yield lambda: stub.Say(PB2.Ask(text="a"), **named).text
        yield lambda: [each.text for each in stub.Many(PB2.Ask(text="a", count=2), **named)]
        yield lambda: stub.Join(asks("a", "b"), **named).text
        yield lambda: [each.text for each in stub.Chat(asks("a", "b"), **named)]

    wanted = ["a me ipv4", ["0 1", "1 1"], "a b", ["A", "B"]]
    assert wanted == [call() for call in calls(metadata=(("who", "me"),))]
    for who, code in (("nobody", "UNIMPLEMENTED"), ("you", "UNAUTHENTICATED")):
        for call in calls(metadata=(("who", who),)):
            with pytest.raises(grpc.RpcError) as caught:
                call()
            assert code == caught.value.code().name
            if who == "you":
                assert "who asked for a?" == caught.value.details()


def test_failures(serve):
    """
    An abort is told as it was said; of a bug the caller learns no more than its name.
    """
    _, stub = serve("plain")
    with pytest.raises(grpc.RpcError) as aborted:
        stub.Say(PB2.Ask(text="abort"), timeout=LIMIT_S)
    assert grpc.StatusCode.NOT_FOUND is aborted.value.code()
    assert "no such" == aborted.value.details()
    assert ("last", "1") in [tuple(pair) for pair in aborted.value.trailing_metadata()]

    with pytest.raises(grpc.RpcError) as raised:
        stub.Say(PB2.Ask(text="raise"), timeout=LIMIT_S)
    assert grpc.StatusCode.UNKNOWN is raised.value.code()
    assert "secret" not in raised.value.details()


def test_a_servicer_that_gives_up(serve):
    """
    A servicer may cancel its own call, and say that an answer is not to be compressed.
    """
    _, stub = serve("plain")
    with pytest.raises(grpc.RpcError) as cancelled:
        stub.Say(PB2.Ask(text="cancel"), timeout=LIMIT_S)
    assert grpc.StatusCode.CANCELLED is cancelled.value.code()
    assert "plain" == stub.Say(PB2.Ask(text="plain"), timeout=LIMIT_S).text.split()[0]


def test_a_caller_that_leaves_a_servicer_waiting(serve):
    """
    A servicer that blocks is woken by its callback when its caller gives up.
    """
    running, stub = serve("plain")
    future = stub.Say.future(PB2.Ask(text="wait"), timeout=LIMIT_S)
    assert "waiting" == running.line()
    future.cancel()
    assert "gone" == running.line()


def test_what_nobody_wrote(serve):
    """
    The methods of a bare servicer are UNIMPLEMENTED.
    """
    _, stub = serve("unwritten")
    for call in (
        lambda: stub.Say(PB2.Ask(), timeout=LIMIT_S),
        lambda: list(stub.Many(PB2.Ask(), timeout=LIMIT_S)),
        lambda: stub.Join(asks("a"), timeout=LIMIT_S),
        lambda: list(stub.Chat(asks("a"), timeout=LIMIT_S)),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            call()
        assert grpc.StatusCode.UNIMPLEMENTED is refused.value.code()


def test_a_caller_that_leaves_amid_a_stream(serve):
    """
    A thread that streams to nobody ends, and so does one that waits for a message.
    """
    running, stub = serve("plain")
    streaming = stub.Many(PB2.Ask(count=1 << 30), timeout=LIMIT_S)
    next(streaming)
    streaming.cancel()
    assert "ended" == running.line()

    silence = threading.Event()

    def questions():
        yield PB2.Ask(text="a")
        silence.wait(LIMIT_S)

    talking = stub.Chat(questions(), timeout=LIMIT_S)
    assert "A" == next(talking).text
    talking.cancel()
    silence.set()
    assert 0 == running.end()[0]


def test_a_servicer_that_never_returns(serve):
    """
    A thread that streams and hangs does not keep the process from ending.
    """
    running, stub = serve(
        "plain", "epoll", "server.drain_timeout=100ms", "server.cleanup_timeout=100ms"
    )
    streaming = stub.Many(PB2.Ask(text="hang", count=2), timeout=LIMIT_S)
    assert "0 1" == next(streaming).text
    assert 3 == running.end()[0]


@pytest.mark.parametrize("reactor", ["asyncio", "uvloop"])
def test_coroutines(serve, reactor):
    """
    A servicer of coroutines awaits asyncio's things.
    """
    _, stub = serve("aio", reactor)

    assert "aio hello" == stub.Say(PB2.Ask(text="hello"), timeout=LIMIT_S).text
