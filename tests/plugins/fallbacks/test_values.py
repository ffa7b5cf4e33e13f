"""
Responses that are written as JSON.
"""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.source_context_pb2 import SourceContext

from rpcfw_fallbacks.values import response_from_json


def test_python():
    """
    A value of Python's types is decoded as its type says.
    """
    assert {"price": 0.5} == response_from_json(b'{"price": 0.5}', dict[str, float])


def test_a_message():
    """
    A Protobuf message is read from Protobuf's JSON format, a new one each time.
    """
    found = [response_from_json(b'{"fileName": "a"}', SourceContext) for _ in range(2)]
    assert [SourceContext(file_name="a")] * 2 == found
    assert found[0] is not found[1]
    assert Duration(seconds=3) == response_from_json(b'"3s"', Duration)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (b'"a"', int),
        (b'{"fileNam": "a"}', SourceContext),
        (b'{"fileName": 7}', SourceContext),
        (b"7", FieldMask),
    ],
)
def test_what_does_not_fit(text, kind):
    """
    What is no value of the type is refused.
    """
    with pytest.raises(ValueError, match=r"."):
        response_from_json(text, kind)
