"""
What is compressed, and who may ask for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from rpcfw import CallError, Service, Status, context, method
from rpcfw.errors import SettingsError
from rpcfw_compression.gzip import GzipCompressor

NOTING = "plugins.compressors.gzip=tests.lab.test_compression:Noting"


class Noting(GzipCompressor):
    """
    gzip that notes what was to be packed and unpacked.
    """

    packed: list[bytes] = []  # noqa: RUF012 - plugins are made where no test can reach them
    unpacked: list[bytes] = []  # noqa: RUF012

    def compress(self, data):
        self.packed.append(data)
        return super().compress(data)

    def decompress(self, data, limit_bytes):
        unpacked = super().decompress(data, limit_bytes)
        self.unpacked.append(unpacked)
        return unpacked


class Echo(Service, name="demo.Echo"):
    """
    Says what it is told, compressed as it is told.
    """

    @method
    async def unary(self, text: str, answer: str) -> str:
        context().set_compression(answer)
        return text

    @method
    async def plain(self, text: str) -> str:
        return text

    @method
    async def down(self, text: str, answer: str) -> AsyncIterator[str]:
        context().set_compression(answer)
        yield text
        yield text

    @method
    async def up(self, texts: AsyncIterator[str]) -> str:
        return "".join([text async for text in texts])

    @method(one_way=True)
    async def note(self, text: str) -> None:
        return None


@pytest.fixture(params=["native", "grpc"])
def wire(request):
    """
    Each wire.
    """
    return request.param


@pytest.fixture(autouse=True)
def _nothing_noted():
    """
    Noted anew for each test.
    """
    Noting.packed.clear()
    Noting.unpacked.clear()


def world(lab, wire, *sets, server=()):
    base = (f"app.protocols={wire}", NOTING)
    lab.serve(Echo(), sets=[*base, f"server.protocols={wire}", *server])
    return lab.consumer(*base, f"client.protocols={wire}", *sets).application.client(Echo)


def test_nothing_is_compressed_unless_asked(lab, wire):
    """
    By default no message is, in either direction.
    """
    client = world(lab, wire)
    assert "a" * 5000 == lab.run(client.plain("a" * 5000))
    assert [] == Noting.packed


@pytest.mark.parametrize("where", ["call", "client", "service"])
def test_a_client_may_have_the_first_call_compressed(lab, wire, where):
    """
    Before the server has said what it takes, and however small the message is.
    """
    sets = {"client": ["client.compression=gzip"], "service": ["client demo.Echo.compression=gzip"]}
    client = world(lab, wire, *sets.get(where, ()))
    named = {"compression": "gzip"} if where == "call" else {}
    assert "a" == lab.run(client.plain("a", **named))
    assert [b'{"text":"a"}'] == Noting.packed == Noting.unpacked


def test_a_client_may_have_a_stream_compressed(lab, wire):
    """
    All messages of it, from the first on.
    """
    client = world(lab, wire)
    assert "ab" == lab.run(client.up(["a", "b"], compression="gzip"))
    assert [b'"a"', b'"b"'] == Noting.packed == Noting.unpacked


def test_a_request_before_a_stream_is_compressed(lab, wire):
    """
    Likewise the one request of a call whose server streams, and one that nobody answers.
    """
    client = world(lab, wire)

    async def read():
        return [each async for each in client.down("a", "none", compression="gzip")]

    assert ["a", "a"] == lab.run(read())
    assert 1 == len(Noting.packed) == len(Noting.unpacked)


def test_a_call_that_nobody_answers_is_compressed(lab):
    """
    So is a one-way call's message.
    """
    client = world(lab, "native")
    lab.run(client.note("a", compression="gzip"))
    lab.until(lambda: Noting.unpacked)
    assert [b'{"text":"a"}'] == Noting.packed == Noting.unpacked


def test_a_call_may_be_left_uncompressed(lab, wire):
    """
    A call that says none is sent as it is, whatever the INI says.
    """
    client = world(lab, wire, "compression.plugin=gzip", "client.compression=gzip")
    assert "a" * 5000 == lab.run(client.plain("a" * 5000, compression="none"))
    assert [] == Noting.packed


def test_a_method_may_have_its_answer_compressed(lab, wire):
    """
    However small it is; a stream's messages all.
    """
    client = world(lab, wire)
    assert "a" == lab.run(client.unary("a", "gzip"))
    assert [b'"a"'] == Noting.packed == Noting.unpacked

    async def read():
        return [each async for each in client.down("b", "gzip")]

    assert ["b", "b"] == lab.run(read())
    assert [b'"a"', b'"b"', b'"b"'] == Noting.packed == Noting.unpacked


def test_a_method_may_have_its_answer_left_uncompressed(lab, wire):
    """
    Whatever the server's INI says.
    """
    client = world(lab, wire, server=["compression.plugin=gzip"])
    assert "a" * 5000 == lab.run(client.unary("a" * 5000, "none"))
    assert [] == Noting.packed
    assert "a" * 5000 == lab.run(client.plain("a" * 5000))
    assert 1 == len(Noting.packed)


def test_an_answer_that_its_caller_cannot_unpack_is_sent_as_it_is(lab, wire):
    """
    A server compresses nothing for a caller that has not said that it takes it.
    """
    client = world(lab, wire, "app.compressors=zstd")
    assert "a" == lab.run(client.unary("a", "gzip"))

    async def read():
        return [each async for each in client.down("b", "gzip")]

    assert ["b", "b"] == lab.run(read())
    assert [] == Noting.packed


def test_a_server_that_cannot_unpack_it_says_so(lab, wire):
    """
    A client that is told to compress does so; UNIMPLEMENTED names what the server takes.
    """
    client = world(lab, wire, server=["app.compressors=zstd"])
    with pytest.raises(CallError, match="zstd") as caught:
        lab.run(client.plain("a", compression="gzip"))
    assert Status.UNIMPLEMENTED is caught.value.status


def test_a_compression_that_nobody_has(lab, wire):
    """
    A name that is not known fails the call at the client, and the start if the INI has it.
    """
    client = world(lab, wire)
    for call in (client.plain("a", compression="br"), client.up(["a"], compression="br")):
        with pytest.raises(CallError, match="'br' is not known here; known: gzip"):
            lab.run(call)
    with pytest.raises(SettingsError, match="'br' is not among"):
        lab.consumer("client.compression=br")
