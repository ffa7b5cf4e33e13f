"""
The breaker that counts failures in a row.
"""

from __future__ import annotations

import pytest

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.testing.contracts.breaker import BreakerContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw_breakers.consecutive import Consecutive, ConsecutiveOptions


def breaker(**over):
    fields = {
        "open_time": 5.0,
        "max_open_time": 60.0,
        "open_jitter": 0.2,
        "max_probes": 1,
        "closing_probes": 2,
        "statuses": ("UNAVAILABLE", "DEADLINE_EXCEEDED"),
        "failures": 5,
    }
    return Consecutive(ConsecutiveOptions(**{**fields, **over}), plugin_context())


class TestConsecutiveContract(BreakerContract):
    def make(self):
        return breaker()


class TestSeveralProbesContract(BreakerContract):
    def make(self):
        return breaker(max_probes=3, closing_probes=5)


def test_in_a_row():
    """
    The last of the failures in a row gives the reason; a success begins the count anew.
    """
    detector = breaker(failures=3).detector()
    assert ["", ""] == [detector.failed() for _ in range(2)]
    detector.succeeded()
    assert ["", "", "3 failures in a row"] == [detector.failed() for _ in range(3)]


def test_the_count_is_taken_over():
    """
    With other options, what was counted stays counted.
    """
    before, after = breaker().detector(), breaker(failures=2).detector()
    before.failed()
    after.take_over(before)
    assert "2 failures in a row" == after.failed()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("failures", "0", "failures: must be at least 1, not 0"),
        ("closing_probes", "0", "must be at least 1, not 0"),
        ("open_time", "0s", "must be more than 0s"),
        ("max_open_time", "1s", "must be at least open_time, 5s"),
        ("statuses", "UNAVAILABEL", "did you mean UNAVAILABLE"),
        ("statuses", "OK", "'OK' is no status of a failure"),
    ],
)
def test_wrong_options(name, text, message):
    """
    Options that no breaker could be made of are refused, with what is right.
    """
    with pytest.raises(SettingsError, match=message):
        options_of(ConsecutiveOptions, **{name: text})
