"""
INI text to values.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfw.errors import ContractError
from rpcfw.kernel.convert import converted, expected
from rpcfw.kernel.edits import Insert
from rpcfw.values.address import Address
from rpcfw.values.units import (
    Bytes,
    PerSecond,
    Seconds,
    Share,
    format_duration,
    format_size,
)


class Colour(Enum):
    RED = "red"
    DARK_BLUE = 2


@pytest.mark.parametrize(
    ("type", "text", "value"),
    [
        (str, "any = thing", "any = thing"),
        (int, "-12", -12),
        (float, "0.5", 0.5),
        (bool, "Yes", True),
        (bool, "off", False),
        (Seconds, "250ms", 0.25),
        (Bytes, "4MiB", 4 << 20),
        (PerSecond, "30/m", 0.5),
        (Share, "5%", 0.05),
        (Annotated[int, "of something else"], "7", 7),
        (Address, "127.0.0.1:2210", Address("tcp", "127.0.0.1", 2210)),
        (Literal["epoll", "uvloop"], "EPOLL", "epoll"),
        (Literal[1, 2], "2", 2),
        (Colour, "Red", Colour.RED),
        (Colour, "dark_blue", Colour.DARK_BLUE),
        (tuple[int, ...], "1, 2\n3,", (1, 2, 3)),
        (tuple[str, ...], "", ()),
        (tuple[Seconds, ...], "1s, 2ms", (1.0, 0.002)),
        (int | None, "", None),
        (int | None, "3", 3),
        (Seconds | None, "3s", 3.0),
        (tuple[Insert, ...], "a before B", (Insert("a", "before", "B"),)),
    ],
)
def test_text_becomes_the_declared_type(type, text, value):
    """
    Each type that an option may have is read from its text.
    """
    assert value == converted(type, text)


@pytest.mark.parametrize(
    ("type", "text", "said"),
    [
        (int, "many", "'many' is not a whole number"),
        (int, "", "'' is not a whole number"),
        (float, "x", "'x' is not a number"),
        (float, "nan", "'nan' is not a number"),
        (float, "inf", "'inf' is not a number"),
        (bool, "maybe", "'maybe' is neither yes nor no"),
        (Seconds, "5", "'5' has no unit; a duration is written as 250ms"),
        (Bytes, "4s", "'4s' has the unknown unit 's'; a size is written as 4MiB"),
        (Share, "200%", "over 100%"),
        (Address, "nowhere", "expected tcp:HOST:PORT"),
        (Literal["epoll", "uvloop"], "select", "'select' is none of epoll, uvloop"),
        (tuple[int, ...], "1, x", "'x' is not a whole number"),
        (Path, "", "a path was expected"),
        (Insert, "a besides B", "expected NAME before PLACE"),
    ],
)
def test_wrong_text_says_what_was_expected(type, text, said):
    """
    The message names the text and what would have been right.
    """
    with pytest.raises(ValueError, match=r"\S") as caught:
        converted(type, text)

    assert said in str(caught.value)


def test_a_relative_path_starts_from_the_folder():
    """
    A path in a file means the same from wherever the process is started.
    """
    assert Path("/etc/app/cert.pem") == converted(Path, "cert.pem", "/etc/app")
    assert Path("/cert.pem") == converted(Path, "/cert.pem", "/etc/app")
    assert Path("/etc/app/x") == converted(Path | None, "x", "/etc/app")


@pytest.mark.parametrize("type", [dict, list[int], tuple[int, str], int | str, object])
def test_a_type_that_no_text_gives_is_the_authors_fault(type):
    """
    Declaring an option of an impossible type fails at once, with the type named.
    """
    with pytest.raises(ContractError, match="no text of an INI file"):
        converted(type, "x")
    with pytest.raises(ContractError):
        expected(type)


@pytest.mark.parametrize(
    ("type", "phrase"),
    [
        (Seconds, "a duration, such as 250ms"),
        (Literal["a", "b"], "one of a, b"),
        (Colour, "one of red, DARK_BLUE"),
        (int | None, "a whole number; or nothing"),
        (tuple[int, ...], "any number, separated by commas or new lines, of: a whole number"),
        (Path, "a path; a relative one starts at the folder of this file"),
        (Insert, "NAME before PLACE, or NAME after PLACE"),
    ],
)
def test_expected_says_how_a_type_is_written(type, phrase):
    """
    Messages and the example file describe a type in the same words.
    """
    assert phrase == expected(type)


@given(st.integers(1, 10**15))
def test_sizes_are_read_back_as_they_were_written(size):
    """
    A size printed for a person is read back exactly.
    """
    assert size == converted(Bytes, format_size(size))


@given(st.integers(1, 10**9))
def test_durations_are_read_back_as_they_were_written(milliseconds):
    """
    A duration of whole milliseconds is read back as printed.
    """
    seconds = milliseconds / 1000

    assert seconds == pytest.approx(converted(Seconds, format_duration(seconds)), rel=1e-9)


@given(st.lists(st.integers()))
def test_lists_are_read_back_by_commas_and_by_lines(numbers):
    """
    Both ways to write a list mean the same.
    """
    texts = [str(number) for number in numbers]

    assert tuple(numbers) == converted(tuple[int, ...], ", ".join(texts))
    assert tuple(numbers) == converted(tuple[int, ...], "\n".join(texts))
