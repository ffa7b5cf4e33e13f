"""
Responses as lines of JSON.
"""

from __future__ import annotations

from typing import Any

import pytest

from rpcfw.app.tools.printed import as_line
from rpcfw.errors import InvalidMessage
from rpcfw_hessian import JavaException, JavaObject


def doubled(depth: int) -> list[Any]:
    made: list[Any] = [1]
    for _ in range(depth):
        made = [made, made]
    return made


def cycle() -> JavaObject:
    made = JavaObject("com.acme.Node")
    made.fields["next"] = [made]
    return made


@pytest.mark.parametrize(
    ("response", "line"),
    [
        ({"name": "bob", "ages": [1, 2.5, None]}, '{"name":"bob","ages":[1,2.5,null]}'),
        (JavaObject("com.acme.Order", {"id": 7}), '{"id":7}'),
        (JavaException("com.acme.Sold", "out", fields={"code": 5}), '"com.acme.Sold: out"'),
        (2**70, "1180591620717411303424"),
        (doubled(2), "[[[1],[1]],[[1],[1]]]"),
        ("a\x1b[2Jb", '"a\\u001b[2Jb"'),
    ],
)
def test_a_response(response, line):
    """
    It is one line: of an object its fields, of an exception its text.
    """
    assert line == as_line(response)


@pytest.mark.parametrize(
    "response",
    [
        pytest.param(doubled(60), id="a bomb"),
        pytest.param(cycle(), id="a cycle"),
        pytest.param(1 << 100_000, id="a number"),
        pytest.param("\ud800", id="half of a character"),
    ],
)
def test_what_has_no_json(response):
    """
    What cannot be written out is an error that says so, at once.
    """
    with pytest.raises(InvalidMessage, match="shown as JSON"):
        as_line(response)
