"""
Protobuf's binary form.
"""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2, message_factory, struct_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import BytesValue, StringValue

from rpcfw.spi.plugin import NoOptions
from rpcfw.testing.contracts.codec import CodecContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_codecs.protobuf import ProtobufCodec


def codec() -> ProtobufCodec:
    return ProtobufCodec(NoOptions(), plugin_context())


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


def test_reading_is_the_library_itself():
    """
    The reader is the library's own function: a call pays for no frame of ours.
    """
    assert codec().coder(StringValue).decode == StringValue.FromString


def test_another_message_is_refused():
    """
    A message is not sent for one of another type, whose fields its bytes might fit.
    """
    with pytest.raises(
        TypeError, match=r"expected a message google\.protobuf\.StringValue, got google.*BytesValue"
    ):
        codec().coder(StringValue).encode(BytesValue(value=b"x"))


@pytest.mark.skipif(
    not hasattr(message_factory, "GetMessageClass"),
    reason="services made at run time need protobuf 4.22; the package etcd3 has an older one",
)
def test_a_message_of_another_pool():
    """
    A message is sent for one of the same name: a file may be in the process twice.
    """
    pool = DescriptorPool()
    pool.AddSerializedFile(StringValue.DESCRIPTOR.file.serialized_pb)
    name = StringValue.DESCRIPTOR.full_name
    other = message_factory.GetMessageClass(pool.FindMessageTypeByName(name))

    written = codec().coder(StringValue).encode(other(value="x"))

    assert other is not StringValue
    assert StringValue(value="x") == StringValue.FromString(written)


@pytest.mark.parametrize("message", [None, {"value": "x"}, "x", b"x"])
def test_what_is_no_message_is_refused(message):
    """
    A result that is no Protobuf message at all is not sent.
    """
    with pytest.raises(TypeError, match="expected a message"):
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
