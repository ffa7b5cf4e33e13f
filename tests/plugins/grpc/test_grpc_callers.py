"""
The name of the calling application in a header field.
"""

from __future__ import annotations

import pytest

from rpcfw_grpc.callers import read_caller, write_caller


@pytest.mark.parametrize(
    "name", ["", "shop", "two words", "100% of it", "B\u00fccher", "\U0001f4d6"]
)
def test_a_name_goes_across(name: str) -> None:
    """
    Whatever it is written in.
    """
    assert name == read_caller(write_caller(name))


def test_what_no_field_may_hold() -> None:
    """
    No name makes a field that HTTP/2 forbids, or a long one.
    """
    assert b"a%0D%0Ab%00c" == write_caller(" a\r\nb\0c\n")
    assert 3 * 255 >= len(write_caller("\u00fc" * 10_000))
    assert "\u00fc" * 127 == read_caller(write_caller("\u00fc" * 10_000))


@pytest.mark.parametrize(
    ("value", "name"),
    [(b"a%0Ab", "a?b"), (b"%zz", "%zz"), (b"\xff", "\ufffd"), (b"a" * 60_000, "a" * 255)],
)
def test_what_a_stranger_may_send(value: bytes, name: str) -> None:
    """
    It is fit for a log, whatever it is.
    """
    assert name == read_caller(value)
