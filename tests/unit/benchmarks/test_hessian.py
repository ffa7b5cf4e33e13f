"""
The table of Hessian.
"""

from __future__ import annotations

from benchmarks.hessian.libraries import LIBRARIES
from benchmarks.hessian.table import hessian
from benchmarks.plan import Plan


def test_each_library_is_measured_with_each_message(capsys):
    """
    Every library that is installed has a row for an order, and one for a list of them.
    """
    plan = Plan(servers=(), clients=(), in_flight=(1,), seconds=0.001, repetitions=1)

    rows = hessian(plan)

    reported = capsys.readouterr().err
    left_out = [one.name for one in LIBRARIES if f"{one.name} is left" in reported]
    assert [] == [name for name in left_out if name != "python-hessian"]
    for name in ("rpcfw", "rpcfw, no type", "msgspec JSON", "json"):
        found = [row for row in rows if row["library"] == name]
        assert ["order", "1,000 orders"] == [row["message"] for row in found]
        assert all(row["decode_us"] > 0 and row["encode_us"] > 0 for row in found)
