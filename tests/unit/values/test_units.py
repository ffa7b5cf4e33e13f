"""
Quantities with units.
"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpcfw.values.units import (
    format_duration,
    format_size,
    parse_duration,
    parse_rate,
    parse_share,
    parse_size,
)

PARSERS = [parse_duration, parse_size, parse_rate, parse_share]


@given(st.just(0.0) | st.floats(1e-9, 1e12))
def test_durations_come_back(seconds):
    """
    Every duration is read back exactly from its own text.
    """
    assert seconds == parse_duration(format_duration(seconds))


@given(st.integers(0, 2**80))
def test_sizes_come_back(size):
    """
    Every size is read back exactly from its own text.
    """
    assert size == parse_size(format_size(size))


@given(st.integers(1, 10**6), st.sampled_from(["us", "ms", "s", "h", "d"]))
def test_text_that_people_write_comes_back_short(number, unit):
    """
    What a person wrote in whole numbers is written back in no more letters.
    """
    text = f"{number}{unit}"

    assert len(format_duration(parse_duration(text))) <= len(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("250ms", 0.25),
        ("9ms", 0.009),
        ("0s", 0.0),
        ("1.5s", 1.5),
        (" 2 min ", 120.0),
        ("5m", 300.0),
        ("1h", 3600.0),
        ("10us", 0.00001),
        ("2d", 172800.0),
    ],
)
def test_durations(text, seconds):
    """
    A duration is seconds, exactly.
    """
    assert seconds == parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [("4MiB", 4 << 20), ("1kB", 1000), ("1KB", 1000), ("1.5KiB", 1536), ("0B", 0),
     ("2GB", 2 * 10**9)],
)  # fmt: skip
def test_sizes(text, size):
    """
    A size is bytes; binary and decimal units are told apart.
    """
    assert size == parse_size(text)


def test_rates_and_shares():
    """
    A rate is times per second, a share a part of one.
    """
    assert [30.0, 0.5, 0.5] == [parse_rate("30/s"), parse_rate("30/min"), parse_rate("30/m")]
    assert [0.05, 0.07, 1.0, 0.0] == [parse_share(text) for text in ("5%", "7%", "100%", "0%")]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.25, "250ms"),
        (0.009, "9ms"),
        (120, "2m"),
        (86400, "1d"),
        (90, "90s"),
        (0, "0s"),
        (0.0015, "1500us"),
        (1.00001, "1000010us"),
        (1e-7, "0.0000001s"),
        (1.23456789, "1.23456789s"),
    ],
)
def test_durations_are_written_as_people_do(seconds, text):
    """
    A duration is written in the largest unit that makes it whole.
    """
    assert text == format_duration(seconds)


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (1, "1B"), (1024, "1KiB"), (1025, "1025B"), (3 << 30, "3GiB")]
)
def test_sizes_are_written_as_people_do(size, text):
    """
    A size is written in the largest binary unit that makes it whole.
    """
    assert text == format_size(size)


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize(
    "text",
    ["", "ms", "-1s", "1e3s", "nan s", "inf", "1,5s", "٣s", "1..5s", "0x1s", "9" * 5000 + "s"],
)
def test_no_number(parse, text):
    """
    What is no plain number is refused, however long.
    """
    with pytest.raises(ValueError, match="is not a"):
        parse(text)


@pytest.mark.parametrize("parse", PARSERS)
def test_a_bare_number(parse):
    """
    A number without its unit is refused, with an example of how it is written.
    """
    with pytest.raises(ValueError, match=r"'250' has no unit; a \w+ is written as \d+"):
        parse("250")


@pytest.mark.parametrize(
    ("parse", "text"), [(parse_duration, "3MiB"), (parse_size, "3s"), (parse_rate, "3%"),
    (parse_share, "3/s"), (parse_duration, "3 fortnights"), (parse_size, "3mib")],
)  # fmt: skip
def test_an_unknown_unit(parse, text):
    """
    A unit of another quantity, or of none, is refused with those that there are.
    """
    with pytest.raises(ValueError, match="unknown unit"):
        parse(text)


def test_over_the_whole():
    """
    A share is no more than all.
    """
    with pytest.raises(ValueError, match="over 100%"):
        parse_share("100.1%")


@given(st.sampled_from(PARSERS), st.text())
def test_any_text(parse, text):
    """
    Any text is a quantity or a ValueError.
    """
    with contextlib.suppress(ValueError):
        assert parse(text) >= 0
