"""
JSON as users meet it.
"""

from __future__ import annotations

import enum
import json
import uuid
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Optional

import attrs
import msgspec
import pytest
from google.protobuf import any_pb2, descriptor_pb2, json_format, message_factory, struct_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.wrappers_pb2 import Int64Value

from rpcfw.errors import ContractError, MessageTooLarge
from rpcfw.kernel.settings import options_of
from rpcfw.spi.codec import READ_AT_ONCE
from rpcfw.testing.contracts.codec import CodecContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_codecs.json import JSONCodec


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Line:
    article: str
    count: int = 1


@attrs.define
class Order:
    number: int
    lines: list[Line]
    colour: Colour | None = None


class Node(msgspec.Struct):
    name: str
    child: Optional[Node] = None  # noqa: UP045 - read at run time, on 3.10 too


class Foreign:
    """
    A class of no kind that JSON could carry.
    """


@dataclass
class Holder:
    foreign: Foreign


def codec() -> JSONCodec:
    return JSONCodec(options_of(JSONCodec.Options), plugin_context())


class TestJSONContract(CodecContract):
    def make(self):
        return codec()

    def samples(self):
        return [
            (int, 2**63 - 1),
            (str, "grüße \U0001f600"),
            (bytes, b"\x00\xff"),
            (type(None), None),
            (dict[str, list[float]], {"a": [0.5, -1.0]}),
            (Order, Order(7, [Line("tea"), Line("cup", 2)], Colour.RED)),
            (Node, Node("a", Node("b"))),
            (Any, {"a": [1, "x", None, True]}),
            (struct_pb2.Struct, struct_pb2.Struct(fields={"a": struct_pb2.Value(number_value=1)})),
        ]

    def unfit(self):
        return [Foreign, Holder, complex, list[Foreign]]


def test_the_guilty_type_is_named():
    """
    The refusal names the type inside that cannot be carried.
    """
    with pytest.raises(ContractError, match="Foreign"):
        codec().coder(Holder)


def test_any_reads_as_builtins():
    """
    What has the type Any is read as dicts, lists, strings and numbers.
    """
    assert {"a": [1, 2.5, "x", None]} == codec().coder(Any).decode(b'{"a": [1, 2.5, "x", null]}')


def test_a_wrong_type_is_an_error():
    """
    A message that does not fit the annotations says which field.
    """
    with pytest.raises(msgspec.ValidationError, match="count"):
        codec().coder(Line).decode(b'{"article": "tea", "count": "two"}')


def test_protobuf_is_written_in_its_own_mapping():
    """
    Field names are lowerCamelCase and 64-bit numbers strings, as the mapping has it.
    """
    message = descriptor_pb2.FieldDescriptorProto(type_name="a", json_name="b")

    assert b'{"typeName":"a","jsonName":"b"}' == codec().coder(type(message)).encode(message)
    assert b'"9007199254740993"' == codec().coder(Int64Value).encode(Int64Value(value=2**53 + 1))


def test_protobuf_fields_are_read_by_both_names():
    """
    The name of the .proto file and the lowerCamelCase one are both read.
    """
    coder = codec().coder(descriptor_pb2.FieldDescriptorProto)

    assert coder.decode(b'{"type_name": "a"}') == coder.decode(b'{"typeName": "a"}')


def test_an_unknown_protobuf_field_is_an_error():
    """
    A misspelt field of a Protobuf message is refused, not dropped.
    """
    with pytest.raises(Exception, match="typName"):
        codec().coder(descriptor_pb2.FieldDescriptorProto).decode(b'{"typName": "a"}')


@pytest.mark.parametrize("kind", [Any, Node, list[Any], struct_pb2.Value])
@pytest.mark.parametrize(
    ("opening", "middle", "closing"), [(b"[", b"", b"]"), (b'{"child":', b"1", b"}")]
)
def test_deep_json_is_a_clean_error(kind, opening, middle, closing):
    """
    JSON nested beyond reason raises an exception; the process lives on.
    """
    depth = 20_000

    with pytest.raises((RecursionError, json_format.ParseError, msgspec.MsgspecError)):
        codec().coder(kind).decode(opening * depth + middle + closing * depth)


def test_deep_json_in_a_field_that_is_skipped():
    """
    Depth counts in fields that nobody reads, too.
    """
    with pytest.raises((RecursionError, msgspec.MsgspecError)):
        codec().coder(Line).decode(b'{"article":"x","y":' + b"[" * 200_000)


def pool_of_its_own() -> Any:
    """
    Return the class of a message with an Any, and of one that may be in it, in one pool.
    """
    pool = DescriptorPool()
    pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(
        name="own.proto", package="own", syntax="proto3", dependency=["google/protobuf/any.proto"]
    )
    string, message, optional = 9, 11, 1
    holder = file.message_type.add(name="Holder")
    holder.field.add(
        name="held", number=1, type=message, label=optional, type_name=".google.protobuf.Any"
    )
    file.message_type.add(name="Text").field.add(name="a", number=1, type=string, label=optional)
    pool.AddSerializedFile(file.SerializeToString())
    found = (pool.FindMessageTypeByName(f"own.{name}") for name in ("Holder", "Text"))
    return tuple(map(message_factory.GetMessageClass, found))


@pytest.mark.skipif(
    not hasattr(message_factory, "GetMessageClass"),
    reason="services made at run time need protobuf 4.22; the package etcd3 has an older one",
)
def test_any_of_a_pool_of_its_own():
    """
    What an Any holds is found among the files of the service, made at run time or not.
    """
    holder_type, text_type = pool_of_its_own()
    coder = codec().coder(holder_type)
    holder = holder_type()
    holder.held.Pack(text_type(a="x"))

    written = coder.encode(holder)

    assert {"held": {"@type": "type.googleapis.com/own.Text", "a": "x"}} == json.loads(written)
    assert holder == coder.decode(written)


def test_another_protobuf_message_is_refused():
    """
    A message is not sent for one of another type.
    """
    with pytest.raises(TypeError, match=r"expected a message .*Int64Value, got .*Struct"):
        codec().coder(Int64Value).encode(struct_pb2.Struct())


def test_a_large_protobuf_message():
    """
    The JSON of a Protobuf message is bounded, since it takes seconds a mebibyte to read.
    """
    with pytest.raises(MessageTooLarge, match=r"\[codec json\] max_protobuf_bytes allows 262144"):
        codec().coder(struct_pb2.Value).decode(b"[" + b"0," * 200_000 + b"0]")


def test_what_a_thread_reads():
    """
    The JSON of a Protobuf message is read in a thread if it is large; plain types never are.
    """
    assert 512 == codec().coder(struct_pb2.Value).at_once_bytes
    assert codec().coder(Order).at_once_bytes == READ_AT_ONCE


class Keyed(msgspec.Struct):
    """
    Holds, in a field, keys whose hashes a peer can choose.
    """

    by_id: dict[uuid.UUID, str]
    next: Optional[Keyed] = None  # noqa: UP045 - read at run time, on 3.10 too


JAVA = msgspec.Meta(extra={"java": "java.util.TreeSet"})


@pytest.mark.parametrize(
    "kind",
    [
        set[int],
        dict[int, str],
        frozenset[Decimal],
        dict[uuid.UUID, int],
        list[Keyed],
        Annotated[set[int], JAVA],
        list[Annotated[dict[int, str], JAVA]],
    ],
)
def test_hashes_that_a_peer_chooses(kind):
    """
    Sets and keys of numbers are bounded in size: equal hashes make reading quadratic.
    """
    with pytest.raises(MessageTooLarge, match=r"\[codec json\] max_hashed_bytes allows 65536"):
        codec().coder(kind).decode(b" " * 70_000)


@pytest.mark.parametrize(
    "kind",
    [dict[str, int], set[str], set[Annotated[str, JAVA]], dict[date, int], dict, Order, Node],
)
def test_hashes_that_nobody_chooses(kind):
    """
    What is hashed with a secret of the process is bounded by the message's size alone.
    """
    with pytest.raises(msgspec.DecodeError):
        codec().coder(kind).decode(b" " * 70_000)
