"""
The time of day is set, by an hour back or ahead, under applications that run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.real.etcd_server import EtcdMember
from tests.requirements import require_etcd

ROOT = Path(__file__).parents[2]
WORLD = Path(__file__).with_name("stepped_world.py")
HOUR_S = 3600

#: What is to be seen, but for how long things took.
SEEN = {
    "before": "hello bob",
    "counts": [1],
    "after": "hello ann",
    "open": "answered",
    "date": True,
}


def seen_by(how: str, registry: str, address: str, step_s: int) -> dict:
    """
    Return what the program saw; it must have had nothing to say beside it.
    """
    paths = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
    done = subprocess.run(
        [sys.executable, "-W", "always", str(WORLD), how, registry, address, str(step_s)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
    )
    assert "" == done.stderr
    assert 0 == done.returncode
    return json.loads(done.stdout)


def check(seen: dict) -> None:
    """
    No instance went, no open call ended, and what lasts a while lasted that long.
    """
    took_s = [*seen.pop("took_s"), seen.pop("slept_s") - 2.5]
    assert SEEN == seen
    # Of limits of 1.5 s: the rest is for machines that are busy.
    assert all(1.4 < each < 20 for each in took_s)


@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S], ids=["back", "ahead"])
@pytest.mark.parametrize("how", ["epoll", "select", "asyncio", "uvloop", "asyncio.run"])
def test_nothing_is_measured_by_the_time_of_day(how, step_s):
    """
    On every reactor, whoever installed it, calls, leases and delays go on as they were.
    """
    check(seen_by(how, "standalone", "none", step_s))


@pytest.mark.etcd
@pytest.mark.parametrize("step_s", [-HOUR_S, HOUR_S], ids=["back", "ahead"])
@pytest.mark.parametrize("how", ["epoll", "asyncio"])
def test_instances_stay_in_etcd(how, step_s):
    """
    The lease is renewed in time, by the time that passes.
    """
    require_etcd()
    member = EtcdMember()
    try:
        member.serve()
        check(seen_by(how, "etcd", member.address, step_s))
    finally:
        member.remove()
