"""
What the text of a record may be.
"""

from __future__ import annotations

import pytest

from rpcfw_registries.standalone.messages import MAX_RECORD_BYTES
from rpcfw_registries.standalone.node.record_text import check_record_text


@pytest.mark.parametrize(
    "record",
    [
        b"{}",
        b'{"id": "a"}',
        b"[" * 32 + b"]" * 32,
        # Brackets side by side, and within texts, are not nested.
        b"[" + b",".join([b"[]"] * 1000) + b"]",
        b'["' + b"[{" * 1000 + b'"]',
        rb'["\"' + b"[{" * 1000 + b'"]',
        b'"' + b"x" * (MAX_RECORD_BYTES - 2) + b'"',
    ],
)
def test_what_all_can_read(record):
    """
    JSON of a bounded size and depth is taken.
    """
    check_record_text(record)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"", "not JSON"),
        (b"{}]", "not JSON"),
        (b'{"id": ', "not JSON"),
        (b'{}, {"id": "b"}', "not JSON"),
        (b"[" * 33 + b"]" * 33, "deeper than 32"),
        (b'{"x": ' * 900 + b"1" + b"}" * 900, "deeper than 32"),
        (b'["\\\\", ' + b"[" * 900 + b"]" * 901, "deeper than 32"),
        (b'"' + b"x" * MAX_RECORD_BYTES + b'"', "at most 16384"),
    ],
)
def test_what_would_harm_consumers(record, reason):
    """
    What would break a message that it is a part of, or the stack of who reads it, is refused.
    """
    with pytest.raises(ValueError, match=reason):
        check_record_text(record)


def test_a_hostile_record_costs_little():
    """
    Whatever a record of the largest size has, it is looked at once.
    """
    for piece in (b"[", b'"', b"\\", b'"\\', b'["\\"', b"{]"):
        with pytest.raises(ValueError, match="the record"):
            check_record_text(piece * (MAX_RECORD_BYTES // len(piece)))
