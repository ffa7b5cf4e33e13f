"""
Load reports: values and names are checked before they are believed.
"""

from __future__ import annotations

from math import inf, nan

import pytest

from rpcfw.values.load_report import MAX_METRICS, LoadReport

VALUES = ("cpu", "memory", "load_average", "cores", "qps")


@pytest.mark.parametrize("name", VALUES)
@pytest.mark.parametrize("value", [nan, inf, -inf, -0.1, 2e9])
def test_what_is_no_load(name, value):
    """
    A value that is negative, infinite, too large or no number is refused.
    """
    with pytest.raises(ValueError, match="expected a load from 0"):
        LoadReport(**{name: value})
    with pytest.raises(ValueError, match="expected a load from 0"):
        LoadReport(metrics={name: value})


@pytest.mark.parametrize("name", ["", "x" * 33, "a b", "é", "a\n", "a=b"])
def test_what_is_no_name(name):
    """
    A metric has a short name of letters, digits, dots, hyphens and underscores.
    """
    with pytest.raises(ValueError, match="cannot name a metric"):
        LoadReport(metrics={name: 1.0})


def test_too_many_metrics():
    """
    A report with more metrics than a peer may send is refused.
    """
    LoadReport(metrics={f"m{number}": 1.0 for number in range(MAX_METRICS)})
    with pytest.raises(ValueError, match="at most 16"):
        LoadReport(metrics={f"m{number}": 1.0 for number in range(MAX_METRICS + 1)})
