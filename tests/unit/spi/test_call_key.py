"""
Which value of a call keeps calls together.
"""

from __future__ import annotations

import pytest

from rpcfw.spi.call_key import CallKey
from rpcfw.testing.candidates import a_call

CALL = a_call(request={"id": 7}, metadata={"user": "bob", "raw-bin": b"\x01\xff"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("argument id", "7"),
        ("argument user", None),
        ("metadata User", "bob"),
        ("metadata raw-bin", "01ff"),
        ("metadata other", None),
        ("caller", "shop"),
    ],
)
def test_values(text, value):
    """
    A key is an argument, metadata, or the calling application.
    """
    assert value == CallKey.parse(text).reader("shop")(CALL)


def test_the_caller_of_a_served_call():
    """
    At a server the caller is the application that the call came from, if it sent a name.
    """
    read = CallKey.parse("caller").reader("")

    assert ("report", None) == (read(a_call(caller="report")), read(a_call()))


@pytest.mark.parametrize("text", ["", "argument", "argument a b", "metadata", "caller x", "id"])
def test_what_is_no_key(text):
    """
    Other text is refused, with what could be written.
    """
    with pytest.raises(ValueError, match="write argument PATH, metadata NAME, or caller"):
        CallKey.parse(text)


def test_keys_are_equal_by_their_text():
    """
    Two options with the same text are the same, so nothing is replaced between them.
    """
    assert CallKey.parse("argument id") == CallKey.parse("argument  id")
    assert CallKey.parse("argument id") != CallKey.parse("metadata id")


@pytest.mark.parametrize(
    ("text", "request_", "metadata"),
    [
        ("argument id", {"size": 3, "id": "9"}, {"tag": "gray"}),
        ("argument 0", "9", {"tag": "gray"}),
        ("argument 0.id", {"size": 3, "id": "9"}, {"tag": "gray"}),
        (
            "argument order.lines[0].id",
            {"size": 3, "order": {"lines": {"0": {"id": "9"}}}},
            {"tag": "gray"},
        ),
        ("argument size.id", {"size": {"id": "9"}}, {"tag": "gray"}),
        ("metadata user", {"size": 3}, {"tag": "gray", "user": "9"}),
    ],
)
def test_a_call_with_a_value(text, request_, metadata):
    """
    What a value was put into has it, and all else that was there.
    """
    key, before = CallKey.parse(text), {"size": 3}
    assert (request_, metadata) == key.put("9", before, {"tag": "gray"})
    assert "9" == key.reader("shop")(a_call(request=request_, metadata=metadata))
    assert {"size": 3} == before


@pytest.mark.parametrize("text", ["caller", "argument 1", "argument 999999999.id"])
def test_what_no_value_is_put_into(text):
    """
    The caller is no part of a call, and a JSON object does not number its parameters.
    """
    assert CallKey.parse(text).put("9", {}, {}) is None
