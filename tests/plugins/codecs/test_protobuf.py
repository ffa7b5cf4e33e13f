"""
Protobuf's binary form.
"""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2, struct_pb2
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import BytesValue, StringValue

from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.contracts.codec import CodecContract
from rpcfw.testing.surroundings import surroundings
from rpcfw_codecs.protobuf import ProtobufCodec


def codec() -> ProtobufCodec:
    return ProtobufCodec(NoOptions(), surroundings())


class TestProtobufContract(CodecContract):
    def make(self):
        return codec()

    def samples(self):
        return [
            (StringValue, StringValue(value="grüße")),
            (BytesValue, BytesValue(value=b"\x00" * 300)),
            (Timestamp, Timestamp(seconds=1, nanos=2)),
            (struct_pb2.Struct, struct_pb2.Struct(fields={"a": struct_pb2.Value(bool_value=True)})),
            (descriptor_pb2.FileDescriptorProto, descriptor_pb2.FileDescriptorProto(name="x")),
        ]

    def unfit(self):
        return [int, dict, object, "StringValue", None]


def test_nothing_stands_between():
    """
    The coder's functions are the library's own: a call pays for no frame of ours.
    """
    coder = codec().coder(StringValue)

    assert coder.encode is StringValue.SerializeToString
    assert coder.decode == StringValue.FromString


@pytest.mark.parametrize("message", [None, {"value": "x"}, "x", b"x"])
def test_what_is_no_message_is_refused(message):
    """
    A result that is no Protobuf message at all is not sent.
    """
    # The second is protobuf 3.20's word, which is written in Python.
    with pytest.raises((TypeError, AttributeError)):
        codec().coder(StringValue).encode(message)


def test_deep_messages_are_a_clean_error():
    """
    A message nested beyond the library's limit raises; the process lives on.
    """
    value = b""
    for _ in range(500):  # Value.list_value.values, around one another
        value = _field(1, value)
        value = _field(6, value)

    with pytest.raises((DecodeError, RecursionError)):
        codec().coder(struct_pb2.Value).decode(value)


def _field(number: int, value: bytes) -> bytes:
    length = len(value)
    head = bytearray([number << 3 | 2])
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    head.append(length)
    return bytes(head) + value
