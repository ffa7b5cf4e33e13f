"""
The time of day is set, by an hour back or ahead, under applications that run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.real.etcd_server import EtcdMember
from tests.requirements import require_etcd

ROOT = Path(__file__).parents[2]
WORLD = Path(__file__).with_name("stepped_world.py")
HOUR_S = 3600
STEPS_S = (-HOUR_S, HOUR_S)
WAYS = ("epoll", "select", "asyncio", "uvloop", "asyncio.run")

#: What is to be seen, but for how long things took.
SEEN = {
    "before": "hello bob",
    "counts": [1],
    "after": "hello ann",
    "open": "answered",
    "date": True,
}


class Worlds:
    """
    Programs that run at once, for each of them mostly waits. Each has a registry of its own.
    """

    def __init__(self, ways: tuple[str, ...], registry: str, address: Callable[[], str]) -> None:
        paths = os.pathsep.join([str(ROOT), str(ROOT / "plugins")])
        self._running = {
            (how, step_s): subprocess.Popen(
                [sys.executable, "-W", "always", str(WORLD), how, registry, address(), str(step_s)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": paths},
            )
            for how in ways
            for step_s in STEPS_S
        }

    def seen(self, how: str, step_s: int) -> dict:
        """
        Return what one program saw; it must have had nothing to say beside it.
        """
        program = self._running[how, step_s]
        output, errors = program.communicate(timeout=180)
        assert "" == errors
        assert 0 == program.returncode
        return json.loads(output)

    def end(self) -> None:
        """
        End those that nobody asked about.
        """
        for program in self._running.values():
            program.kill()
            program.communicate()


def check(seen: dict) -> None:
    """
    No instance went, no open call ended, and what lasts a while lasted that long.
    """
    took_s = [*seen.pop("took_s"), seen.pop("slept_s") - 2.5]
    assert SEEN == seen
    # Of limits of 1.5 s: the rest is for machines that are busy.
    assert all(1.4 < each < 20 for each in took_s)


@pytest.fixture(scope="module")
def standalone():
    """
    Give the programs whose registry is a node of their own.
    """
    worlds = Worlds(WAYS, "standalone", lambda: "none")
    yield worlds
    worlds.end()


@pytest.fixture(scope="module")
def etcd():
    """
    Give the programs whose registry is an etcd.
    """
    require_etcd()
    members: list[EtcdMember] = []

    def address() -> str:
        members.append(EtcdMember())
        members[-1].serve()
        return members[-1].address

    try:
        worlds = Worlds(("epoll", "asyncio"), "etcd", address)
        yield worlds
        worlds.end()
    finally:
        for member in members:
            member.remove()


@pytest.mark.parametrize("step_s", STEPS_S, ids=["back", "ahead"])
@pytest.mark.parametrize("how", WAYS)
def test_nothing_is_measured_by_the_time_of_day(standalone, how, step_s):
    """
    On every reactor, whoever installed it, calls, leases and delays go on as they were.
    """
    check(standalone.seen(how, step_s))


@pytest.mark.etcd
@pytest.mark.parametrize("step_s", STEPS_S, ids=["back", "ahead"])
@pytest.mark.parametrize("how", ["epoll", "asyncio"])
def test_instances_stay_in_etcd(etcd, how, step_s):
    """
    The lease is renewed in time, by the time that passes.
    """
    check(etcd.seen(how, step_s))
