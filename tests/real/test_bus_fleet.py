"""
A fleet whose registry servers, or their bus, fail: short runs of `tests.real.bus_fleet`.
"""

from __future__ import annotations

import pytest

from tests.real.bus_fleet.faults import run
from tests.real.bus_fleet.fleet import AGREE_S
from tests.requirements import require_nats

#: A loaded machine is waited for; what is promised is measured by hand.
LOADED = 3


@pytest.mark.parametrize("fault", ["bus-away", "all-restarted"])
def test_no_call_is_lost(fault):
    """
    No call fails, of any method, and all servers agree soon after the fault is over.
    """
    require_nats()
    found = run(fault, "nats", 2.0, consumers=2, rate=100)
    assert (0, []) == (found.failed, found.errors)
    assert LOADED * AGREE_S > found.agreed_s
