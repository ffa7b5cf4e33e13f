"""
Messages to bytes and back.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import ContractError, InvalidMessage, MessageTooLarge, Unimplemented
from rpcfw.kernel.settings import options_of
from rpcfw.spi.codec import Codec, Coder
from rpcfw.spi.compressor import uncompressed
from rpcfw.spi.plugin import NoOptions
from rpcfw.status import Status
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.transport.payload import Payload
from rpcfw_compression.deflate import DeflateCompressor
from rpcfw_compression.gzip import GzipCompressor
from rpcfw_compression.zstd import ZstdCompressor


class Upper(Codec):
    """
    Carries text, in capitals.
    """

    name = "upper"

    def coder(self, type):
        if type is not str:
            raise ContractError(f"upper carries str, not {type.__name__}")
        return Coder(lambda text: text.upper().encode("ascii"), lambda data: data.decode("ascii"))


def payload(encoding: str = "gzip", threshold_bytes: int = 10, limit_bytes: int = 1000) -> Payload:
    gzip = GzipCompressor(options_of(GzipCompressor.Options), plugin_context())
    upper = Upper(NoOptions(), plugin_context())
    return Payload({"upper": upper}, {"gzip": gzip}, encoding, threshold_bytes, limit_bytes)


def test_there_and_back():
    """
    A message is written and read by its codec.
    """
    known = payload()
    coder = known.coder("upper", str)

    assert b"ABC" == known.write(coder, "abc", "the request")
    assert "ABC" == known.read(coder, b"ABC", "", "the request")


def test_packed_there_and_back():
    """
    A large body is packed if the receiver can undo it, and comes back equal.
    """
    known = payload()
    body, encoding = known.compress(b"A" * 500, ("zstd", "gzip"))

    assert "gzip" == encoding
    assert len(body) < 100
    assert "A" * 500 == known.read(known.coder("upper", str), body, encoding, "the request")


@pytest.mark.parametrize("accepts", [(), ("zstd",)])
def test_a_receiver_that_cannot_undo_it(accepts):
    """
    A body is not packed for a receiver that does not accept the encoding.
    """
    assert (b"A" * 500, "") == payload().compress(b"A" * 500, accepts)


def test_what_packing_does_not_help():
    """
    A body that is no smaller packed is sent as it is.
    """
    body = bytes(range(256))

    assert (body, "") == payload().compress(body, ("gzip",))


def test_the_threshold():
    """
    Bodies up to the threshold are not packed; without an encoding none is.
    """
    assert 10 == payload().threshold_bytes
    assert payload(encoding="").threshold_bytes > 1 << 40


def test_what_is_accepted():
    """
    The compressions that can be undone are told to peers.
    """
    assert ("gzip",) == payload().accepts


def test_a_bomb():
    """
    The size limit holds for the unpacked size, and is named in the refusal.
    """
    known = payload()
    packed = known.compress(bytes(5000), ("gzip",))[0]

    with pytest.raises(MessageTooLarge, match=r"the 1000 bytes that max_receive_bytes"):
        known.decompress(packed, "gzip")


def test_an_unknown_compression():
    """
    What came with an unknown compression is refused with those that are known.
    """
    with pytest.raises(Unimplemented, match="'lzma' is not known here; known: gzip"):
        payload().decompress(b"", "lzma")


def test_an_unknown_codec():
    """
    An unknown codec is refused with those that are known.
    """
    with pytest.raises(Unimplemented, match="'thrift' is not known here; known are: upper"):
        payload().coder("thrift", str)


def test_a_type_that_a_codec_cannot_carry():
    """
    A codec that cannot carry the type says so to the caller.
    """
    with pytest.raises(Unimplemented, match="upper carries str, not int"):
        payload().coder("upper", int)


def test_a_message_of_another_type():
    """
    What cannot be written names the message, its type and why.
    """
    known = payload()
    with pytest.raises(InvalidMessage, match="the request of type int cannot be written: ") as e:
        known.write(known.coder("upper", str), 7, "the request")

    assert Status.INTERNAL is e.value.status


@pytest.mark.parametrize(("body", "encoding"), [(b"\xff", ""), (b"junk", "gzip")])
def test_what_cannot_be_read(body, encoding):
    """
    Bytes that are no message are refused, whatever the codec raises.
    """
    known = payload()
    with pytest.raises(InvalidMessage):
        known.read(known.coder("upper", str), body, encoding, "the response")


def test_marked_messages_are_not_packed():
    """
    A message that is marked as such is sent as it is, and is written like any other.
    """
    known = payload()
    coder = known.coder("upper", str)
    body = known.write(coder, uncompressed("a" * 500), "the request")

    assert (b"A" * 500, "") == known.compress(body, ("gzip",))
    with pytest.raises(InvalidMessage, match="of type int cannot"):
        known.write(coder, uncompressed(3), "the request")


class Marked(bytes):
    """
    A body that a machine knows by its class.
    """


def test_bodies_of_a_class_of_their_own_are_not_packed():
    """
    A machine finds them as its codec made them: not compressed, and of that class.
    """
    known, coder = payload(), Coder(Marked, bytes)
    for message in (b"a" * 500, uncompressed(b"a" * 500)):
        body = known.write(coder, message, "the request")

        assert Marked is type(body)
        assert (body, "") == known.compress(body, ("gzip",))
        assert (body, "") == known.compress_as(body, "gzip")


@pytest.mark.parametrize("compressor", [GzipCompressor, DeflateCompressor, ZstdCompressor])
def test_no_bytes_are_an_empty_message(compressor):
    """
    A message that is marked as compressed and has no byte is empty, in every compression.
    """
    made = compressor(options_of(compressor.Options), plugin_context())
    upper = Upper(NoOptions(), plugin_context())
    known = Payload({"upper": upper}, {made.name: made}, "", 10, 1000)

    assert "" == known.read(known.coder("upper", str), b"", made.name, "the request")
    with pytest.raises(Unimplemented, match="'br' is not known here"):
        known.read(known.coder("upper", str), b"", "br", "the request")
