"""
``python -m tests.interop.blocking_stubs FOLDER``: one program, before and after it moved.

A stub that grpcio's plugin wrote is used in every way, first with grpcio's own channel,
then with ours, against grpcio's own server; what was found is printed as JSON.
"""

from __future__ import annotations

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from rpcfw_grpc.adapters import BlockingChannel

LIMIT_S = 20
FIRST, LAST = (("first", "1"), ("first-bin", b"\x00")), (("last", "2"), ("last-bin", b"\xff"))
WHO = (("who", "me"), ("who-bin", b"\x01"))

INI = """
[app]
protocols = native, grpc
compressors = gzip, deflate
log_level = warn

[plugins]
protocols.grpc = rpcfw_grpc.protocol:GRPCProtocol

[client]
protocols = grpc

[registry]
plugin = static
instances = adapted.Echo = tcp:{target} protocols=grpc
"""


def echo(pb2, servicer):
    """
    Return a servicer for grpcio's own server.
    """

    class Echo(servicer):
        def Say(self, request, context):  # noqa: N802 - generated names
            context.send_initial_metadata(FIRST)
            context.set_trailing_metadata(LAST)
            if request.text == "abort":
                context.abort(grpc.StatusCode.NOT_FOUND, "no such")
            if request.text == "hang":
                ended = threading.Event()
                context.add_callback(ended.set)
                ended.wait(LIMIT_S)
            who = dict(context.invocation_metadata())
            return pb2.Told(text=f"{request.text} {who.get('who')} {who.get('who-bin')}")

        def Many(self, request, context):  # noqa: N802
            context.send_initial_metadata(FIRST)
            context.set_trailing_metadata(LAST)
            for number in range(request.count):
                yield pb2.Told(text=str(number))
            if request.text == "abort":
                context.abort(grpc.StatusCode.DATA_LOSS, "broken off")

        def Join(self, request_iterator, context):  # noqa: N802
            context.set_trailing_metadata(LAST)
            return pb2.Told(text=" ".join(each.text for each in request_iterator))

        def Chat(self, request_iterator, context):  # noqa: N802
            for each in request_iterator:
                yield pb2.Told(text=each.text.upper())

    return Echo()


class Noting(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    """
    An interceptor of a channel: says who calls, and notes what was called and how it ended.
    """

    def __init__(self, name, log):
        self.name = name
        self.log = log

    def _intercept(self, proceed, details, request):
        metadata = [*(details.metadata or ()), ("who", self.name)]
        call = proceed(details._replace(metadata=metadata), request)
        self.log.append((self.name, details.method))
        return call

    intercept_unary_unary = intercept_unary_stream = _intercept
    intercept_stream_unary = intercept_stream_stream = _intercept


class Uses:
    """
    The ways to use a stub. Each method returns what it found.
    """

    def __init__(self, pb2, stub, through):
        self.pb2 = pb2
        self.stub = stub
        self.through = through

    def ask(self, text="hello", count=0):
        return self.pb2.Ask(text=text, count=count)

    def asks(self):
        return (self.ask(text) for text in ("a", "b", "c"))

    def call(self):
        return self.stub.Say(self.ask(), timeout=LIMIT_S, metadata=WHO, wait_for_ready=True).text

    def with_call(self):
        answer, call = self.stub.Say.with_call(self.ask(), LIMIT_S, WHO)
        return answer.text, call.code().name, call.details(), *beside(call), call.is_active()

    def by_name(self):
        named = {"timeout": LIMIT_S, "metadata": WHO, "compression": grpc.Compression.Gzip}
        join, chat = self.stub.Join, self.stub.Chat
        return (
            self.stub.Say(request=self.ask(), **named).text,
            self.stub.Say.with_call(request=self.ask(), **named)[0].text,
            [each.text for each in self.stub.Many(request=self.ask(count=2), **named)],
            join(request_iterator=self.asks(), **named).text,
            join.with_call(request_iterator=self.asks(), **named)[0].text,
            join.future(request_iterator=self.asks(), **named).result(LIMIT_S).text,
            [each.text for each in chat(request_iterator=self.asks(), **named)],
        )

    def compressed(self):
        ask = self.ask("x" * 10_000)
        return [
            self.stub.Say(ask, LIMIT_S, compression=each).text.count("x")
            for each in grpc.Compression
        ]

    def bytes_for_text(self):
        return self.stub.Say(self.ask(), LIMIT_S, metadata=(("who", b"me"),)).text

    def intercepted(self):
        stub, log = self.through
        answers = (
            stub.Say(self.ask(), LIMIT_S).text,
            stub.Say.future(self.ask(), LIMIT_S).result(LIMIT_S).text,
            [each.text for each in stub.Many(self.ask(count=2), LIMIT_S)],
            stub.Join(self.asks(), timeout=LIMIT_S).text,
            [each.text for each in stub.Chat(self.asks(), timeout=LIMIT_S)],
        )
        return answers, list(log)

    def intercepted_failure(self):
        stub, _ = self.through
        return self.failed(lambda: stub.Say(self.ask("abort"), timeout=LIMIT_S))

    def future(self):
        future = self.stub.Say.future(self.ask(), timeout=LIMIT_S)
        called, told = threading.Event(), []
        future.add_done_callback(lambda one: (told.append(one is future), called.set()))
        text = future.result(timeout=LIMIT_S).text
        called.wait(LIMIT_S)
        ended = future.done(), future.running(), future.cancelled(), future.exception()
        return text, told, ended, future.add_callback(print), *beside(future)

    def failure(self):
        return self.failed(lambda: self.stub.Say(self.ask("abort"), timeout=LIMIT_S))

    def failed_future(self):
        future = self.stub.Say.future(self.ask("abort"), timeout=LIMIT_S)
        error = future.exception(LIMIT_S)
        return isinstance(error, grpc.RpcError), error.code().name, future.code().name

    def late(self):
        return self.failed(lambda: self.stub.Say(self.ask("hang"), timeout=0.1))[:2]

    def not_yet(self):
        future = self.stub.Say.future(self.ask("hang"), timeout=LIMIT_S)
        try:
            future.result(timeout=0.05)
        except grpc.FutureTimeoutError:
            found = [0 < future.time_remaining() <= LIMIT_S, future.is_active(), future.cancel()]
        try:
            future.result()
        except grpc.FutureCancelledError:
            return [*found, future.cancelled(), future.code().name]

    def from_another_thread(self):
        with ThreadPoolExecutor(8) as pool:
            texts = (f"{number}" for number in range(100))
            found = pool.map(lambda text: self.stub.Say(self.ask(text)).text, texts)
            return [each.split()[0] for each in found]

    def in_a_callback(self):
        """
        A callback may call, and block.
        """
        found, called = [], threading.Event()

        def again(future):
            found.append(self.stub.Join(self.asks(), timeout=LIMIT_S).text)
            called.set()

        self.stub.Say.future(self.ask(), timeout=LIMIT_S).add_done_callback(again)
        called.wait(LIMIT_S)
        return found

    def many(self):
        call = self.stub.Many(self.ask(count=200), timeout=LIMIT_S)
        first = pairs(call.initial_metadata())
        texts = [each.text for each in call]
        return texts, first, pairs(call.trailing_metadata()), call.code().name, call.is_active()

    def many_that_break_off(self):
        call, texts = self.stub.Many(self.ask("abort", 2), timeout=LIMIT_S), []

        def read():
            texts.extend(each.text for each in call)

        return texts, self.failed(read), self.failed(lambda: next(call)), call.code().name

    def many_given_up(self):
        call = self.stub.Many(self.ask(count=1 << 30), timeout=LIMIT_S)
        called = threading.Event()
        call.add_callback(called.set)
        next(call)
        given_up = call.cancel(), called.wait(LIMIT_S), call.cancelled()
        return given_up, call.code().name, self.failed(lambda: list(call))[1]

    def many_dropped(self):
        return next(self.stub.Many(self.ask(count=1 << 30), timeout=LIMIT_S)).text

    def join(self):
        answer, call = self.stub.Join.with_call(self.asks(), timeout=LIMIT_S)
        text = self.stub.Join.future(self.asks(), timeout=LIMIT_S).result().text
        return answer.text, text, call.code().name, pairs(call.trailing_metadata())

    def bad_iterator(self):
        def asks():
            yield self.ask("a")
            raise ZeroDivisionError

        return self.failed(lambda: self.stub.Join(asks(), timeout=LIMIT_S))[:2]

    def chat(self):
        return [each.text for each in self.stub.Chat(self.asks(), timeout=LIMIT_S)]

    def dialogue(self):
        """
        Each question is asked when the answer before it is here.
        """
        turn, heard = threading.Semaphore(), []

        def asks():
            for text in ("a", "b"):
                turn.acquire()
                yield self.ask(text)

        for each in self.stub.Chat(asks(), timeout=LIMIT_S):
            heard.append(each.text)
            turn.release()
        return heard

    def failed(self, use):
        """
        Return how a use fails.
        """
        try:
            use()
        except grpc.RpcError as error:
            told = [isinstance(error, grpc.RpcError), error.code().name]
            if "iterator" in error.details() or error.code().name in ("CANCELLED", "UNKNOWN"):
                return told
            return [*told, error.details(), pairs(error.trailing_metadata())]


def beside(call):
    """
    Return what came beside an answer.
    """
    return pairs(call.initial_metadata()), pairs(call.trailing_metadata())


def pairs(metadata):
    """
    Return the pairs that the servicer sent, as JSON has them.
    """
    ours = [pair for pair in metadata if pair.key.startswith(("first", "last"))]
    return [(pair.key, repr(pair.value)) for pair in ours]


def every_use(pb2, channel, stub_class):
    """
    Return what each way to use a stub finds.
    """
    log = []
    through = grpc.intercept_channel(channel, Noting("outer", log), Noting("inner", log))
    uses = Uses(pb2, stub_class(channel), (stub_class(through), log))
    names = [
        name for name in vars(Uses) if name[0] != "_" and name not in ("ask", "asks", "failed")
    ]
    return {name: getattr(uses, name)() for name in names}


def main(folder):
    """
    Serve, call both ways, and print both findings.
    """
    sys.path.insert(0, str(folder))
    import adapted_pb2
    import adapted_pb2_grpc

    server = grpc.server(ThreadPoolExecutor(16))
    servicer = echo(adapted_pb2, adapted_pb2_grpc.EchoServicer)
    adapted_pb2_grpc.add_EchoServicer_to_server(servicer, server)
    target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    consumer = folder / "consumer.ini"
    consumer.write_text(INI.format(target=target))

    found = {}
    with grpc.insecure_channel(target) as channel:
        grpc.channel_ready_future(channel).result(LIMIT_S)
        found["before"] = every_use(adapted_pb2, channel, adapted_pb2_grpc.EchoStub)
    with BlockingChannel(str(consumer)) as channel:
        grpc.channel_ready_future(channel).result(LIMIT_S)
        found["after"] = every_use(adapted_pb2, channel, adapted_pb2_grpc.EchoStub)
    server.stop(None)
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
