"""
About how large a message is.
"""

from __future__ import annotations

import attrs
import msgspec
from google.protobuf.wrappers_pb2 import StringValue

from rpcfw_attempts.message_size import message_size

LIMIT = 1 << 20


class Struct(msgspec.Struct):
    text: str


@attrs.define
class Slotted:
    text: str


class Plain:
    def __init__(self, text):
        self.text = text


def test_what_is_inside_counts():
    """
    The texts in a message count, whatever it is made of.
    """
    text = "x" * 1000
    for message in (
        text,
        text.encode(),
        [text],
        {"key": text},
        (Struct(text),),
        [Slotted(text)],
        Plain(text),
        StringValue(value=text),
    ):
        assert 1000 <= message_size(message, LIMIT) < 1500


def test_a_small_one_is_not_free():
    """
    Many small parts take memory, too.
    """
    assert message_size(list(range(1000)), LIMIT) >= 8000
    assert message_size(None, LIMIT) > 0


def test_it_ends():
    """
    A message that contains itself has an end, and a huge one is not looked at as a whole.
    """
    circle = []
    circle.append(circle)
    assert message_size(circle, LIMIT) < 1000
    assert message_size({"all": ["x" * 100] * 10**6}, LIMIT) >= LIMIT
