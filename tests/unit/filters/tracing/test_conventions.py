"""
What spans say, and the page that lists it.
"""

from __future__ import annotations

import re

import pytest

from rpcfw.errors import Unavailable
from rpcfw.filters.tracing import conventions
from rpcfw.filters.tracing.conventions import description_of, failure_of, system_of
from rpcfw.status import Hint, Status
from tests.house.tree import ROOT


def test_the_page_lists_every_attribute():
    """
    The table in docs/observability.md has what spans have, and nothing else.
    """
    page = (ROOT / "docs/observability.md").read_text()
    table = page.partition("| attribute | of |")[2].partition("\n\n")[0]
    names = {
        value
        for name, value in vars(conventions).items()
        if name.isupper() and isinstance(value, str)
    }

    assert names == set(re.findall(r"^\| `([^`]+)`", table, re.MULTILINE))


@pytest.mark.parametrize(
    ("protocol", "system"),
    [("native", "rpcfw"), ("grpc", "grpc"), ("dubbo", "dubbo"), ("tri", "dubbo"), ("own", "own")],
)
def test_the_systems_of_the_conventions(protocol, system):
    """
    Wires that the conventions know are called as they say.
    """
    assert system == system_of(protocol)


def test_a_failure_says_what_may_be_done():
    """
    A failed attempt shows the hints that a retry goes by.
    """
    error = Unavailable("away", hints=Hint.NOT_BEGUN | Hint.FINAL)

    assert {
        "rpc.response.status_code": "UNAVAILABLE",
        "error.type": "UNAVAILABLE",
        "rpcfw.hints": "NOT_BEGUN|FINAL",
    } == failure_of(Status.UNAVAILABLE, error)


def test_an_unexpected_exception_shows_its_type_only():
    """
    Text of an exception that nobody expected may be private.
    """
    error = ValueError("password is 1234")

    assert "ValueError" == failure_of(Status.UNKNOWN, error)["error.type"]
    assert "ValueError" == description_of(error)


def test_a_description_is_short_and_printable():
    """
    The text of a peer fits into a span, and drives no terminal.
    """
    text = description_of(Unavailable("\x1b[2J" + "a" * 1000))

    assert text.startswith("\\x1b[2J")
    assert len(text) < 300
