"""
One method, several codecs: the request says which.
"""

from __future__ import annotations

import msgspec
import pytest

from rpcfw.errors import CallError, ContractError
from rpcfw.spi.codec import Codec, Coder
from rpcfw.spi.service import Service, method
from rpcfw.status import Hint, Status


class MsgpackCodec(Codec):
    """
    Another codec that carries plain Python types. It notes what it was used for.
    """

    name = "msgpack"

    def coder(self, type):
        try:
            msgspec.json.schema(type)
        except TypeError as error:
            raise ContractError(str(error)) from error
        encoder = msgspec.msgpack.Encoder()

        def encode(message):
            encoded.append(message)
            return encoder.encode(message)

        return Coder(encode, msgspec.msgpack.Decoder(type).decode)


encoded: list[object] = []


class Both(Service, name="demo.Codecs"):
    """
    Takes JSON and MessagePack; its clients send JSON.
    """

    @method(codec=("json", "msgpack"))
    async def double(self, number: int) -> int:
        return number * 2

    @method(codec=("json",))
    async def halve(self, number: int) -> int:
        return number // 2


class Packed(Service, name="demo.Codecs"):
    """
    The same service to a client that sends MessagePack.
    """

    @method(codec="msgpack")
    async def double(self, number: int) -> int: ...

    @method(codec="msgpack")
    async def halve(self, number: int) -> int: ...


SETS = (
    "plugins.codecs.msgpack=tests.lab.test_codecs:MsgpackCodec",
    "app.codecs=json, msgpack",
)


@pytest.fixture(params=["native", "grpc"])
def wire(request):
    return (f"server.protocols={request.param}", f"client.protocols={request.param}")


def test_the_request_says_which(lab, wire):
    """
    Each client is answered in the codec that it asked in.
    """
    lab.serve(Both(), sets=(*SETS, *wire))
    application = lab.consumer(*SETS, *wire).application
    encoded.clear()
    assert 10 == lab.run(application.client(Both).double(5))
    assert [] == encoded
    assert 14 == lab.run(application.client(Packed).double(7))
    # The request at the client, and the response at the server.
    assert 2 == len(encoded)
    assert 14 == encoded[1]


def test_a_codec_that_the_method_lacks(lab, wire):
    """
    It is refused as not implemented, before anything was begun, and the error says what is.
    """
    lab.serve(Both(), sets=(*SETS, *wire))
    packed = lab.consumer(*SETS, *wire).application.client(Packed)
    with pytest.raises(CallError) as raised:
        lab.run(packed.halve(8))

    assert Status.UNIMPLEMENTED is raised.value.status
    assert raised.value.hints & Hint.NOT_BEGUN
    assert "'msgpack'; it is in: json" in raised.value.message
