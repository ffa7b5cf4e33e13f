"""
Results as rows.
"""

from __future__ import annotations

import pytest

from benchmarks.rows import call_row, spread, stream_row, table, with_ratios

NAMES = {"server": "echo", "client": "echo"}


def _found(count, p50_us=10.0):
    return {
        "count": count,
        "took_s": 2.0,
        "p50_us": p50_us,
        "p99_us": 20.0,
        "server_us": 1.0,
        "server_user_us": 0.75,
        "client_us": 2.0,
        "client_user_us": 0.5,
    }


def test_a_row_has_the_agreed_names():
    """
    What reads the JSON finds each figure under its name.
    """
    assert {
        "server": "echo",
        "client": "echo",
        "in_flight": 64,
        "calls_per_s": 100.0,
        "calls_per_s_spread": None,
        "p50_us": 10.0,
        "p99_us": 20.0,
        "server_us_per_call": 1.0,
        "server_us_per_call_spread": None,
        "server_user_us": 0.75,
        "server_system_us": 0.25,
        "client_us_per_call": 2.0,
        "client_us_per_call_spread": None,
        "client_user_us": 0.5,
        "client_system_us": 1.5,
    } == call_row(NAMES, 64, [_found(200)])


def test_the_middle_measurement_counts():
    """
    One disturbed measurement of three changes no figure.
    """
    row = call_row(NAMES, 1, [_found(2, 900.0), _found(200, 10.0), _found(210, 11.0)])
    assert (100.0, 11.0) == (row["calls_per_s"], row["p50_us"])
    assert 100.0 == stream_row(NAMES, [_found(200)])["messages_per_s"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([100.0], None),
        ([0.0, 0.0], None),
        ([100.0] * 5, 0.0),
        # One measurement of five that was disturbed does not count.
        ([90.0, 100.0, 100.0, 110.0, 900.0], 0.05),
        ([80.0, 100.0, 120.0], 0.1),
    ],
)
def test_the_spread_is_that_of_the_middle_half(values, expected):
    """
    It is half the distance of the quartiles, as a part of the median; one figure has none.
    """
    assert expected == spread(values)


def _row(server, in_flight, calls_per_s, client=None):
    return {
        "server": server,
        "client": client or server,
        "in_flight": in_flight,
        "calls_per_s": calls_per_s,
    }


def test_ratios_are_of_like_with_like():
    """
    A row is set against the one with as many calls in flight.
    """
    rows = [_row("slow", 1, 10.0), _row("slow", 64, 100.0), _row("fast", 64, 250.0)]
    column = "calls × slow"
    shown = with_ratios(rows, [("calls_per_s", "slow")])
    assert [1.0, 1.0, 2.5] == [row[column] for row in shown]
    assert "-" == with_ratios(rows, [("calls_per_s", "none")])[0]["calls × none"]


def test_ratios_prefer_the_same_client():
    """
    Where servers were called by several clients, the client is kept the same.
    """
    rows = [_row("a", 64, 100.0), _row("a", 64, 50.0, "b"), _row("b", 64, 200.0)]
    shown = with_ratios(rows, [("calls_per_s", "a")])
    assert [1.0, 1.0, 4.0] == [row["calls × a"] for row in shown]


def test_sizes_are_not_set_against_each_other():
    """
    A row is set against the one with as many bytes.
    """
    rows = [{**_row("slow", 1, calls), "bytes": size} for calls, size in ((9.0, 1), (2.0, 64))]
    rows += [{**_row("fast", 1, 4.0), "bytes": 64}]
    shown = with_ratios(rows, [("calls_per_s", "slow")])
    assert [1.0, 1.0, 2.0] == [row["calls × slow"] for row in shown]


def test_there_is_no_ratio_to_nothing():
    """
    A figure of zero, as of a very short measurement, has no ratio.
    """
    rows = [_row("idle", 1, 0.0), _row("fast", 1, 4.0)]
    assert ["-", "-"] == [
        row["calls × idle"] for row in with_ratios(rows, [("calls_per_s", "idle")])
    ]


def test_a_table_is_aligned():
    """
    Numbers stand to the right, names to the left, and large numbers have commas.
    """
    text = table([_row("echo", 64, 123456.7)])
    assert [
        "server  client  in_flight  calls_per_s",
        "------  ------  ---------  -----------",
        "echo    echo           64      123,457",
    ] == text.splitlines()
    assert "nothing was measured" == table([])


def test_a_table_has_the_spread_beside_the_figure():
    """
    Times in the kernel stand beside those in user mode, too.
    """
    row = {
        "server": "echo",
        "calls_per_s": 1234.5,
        "calls_per_s_spread": 0.021,
        "server_user_us": 1.25,
        "server_system_us": 0.5,
    }
    assert [
        "server  calls_per_s  server_user+system_us",
        "------  -----------  ---------------------",
        "echo    1,234 ±  2%            1.25 + 0.50",
    ] == table([row]).splitlines()
