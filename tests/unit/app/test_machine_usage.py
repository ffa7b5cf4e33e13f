"""
What the system says about its load, read from its files.
"""

from __future__ import annotations

import os

import pytest

from rpcfw.app.machine_usage import usage_reader

STAT = "cpu  100 20 80 700 50 0 10 40 7 7\ncpu0 1 2 3\n"
MEMINFO = "MemTotal:  1000 kB\nMemFree: 100 kB\nMemAvailable:  250 kB\n"


def usage(root):
    return usage_reader(lambda: 1.5, root)()


def place(root, **texts):
    """
    Write files, whose names have two underscores for a slash.
    """
    for name, text in texts.items():
        path = root / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_the_machine(tmp_path):
    """
    Busy is all time of the cores but idle and waiting; guests are counted once.
    """
    place(tmp_path, proc__stat=STAT, proc__meminfo=MEMINFO)
    found = usage(tmp_path)
    ticks = os.sysconf("SC_CLK_TCK")

    assert (1.5, 250 / ticks, 1000 / ticks) == (found.process_s, found.busy_s, found.total_s)
    assert 0.75 == found.memory
    assert found.cores >= 1


def test_a_container(tmp_path):
    """
    The limits of a container count; files that nobody used lately are not in its memory.
    """
    place(
        tmp_path,
        proc__meminfo=MEMINFO,
        sys__fs__cgroup__memory_dot_max="1000",
        sys__fs__cgroup__memory_dot_current="800",
        sys__fs__cgroup__memory_dot_stat="anon 300\nodd\ninactive_file 400",
        sys__fs__cgroup__cpu_dot_max="50000 100000",
    )
    found = usage(tmp_path)

    assert 0.4 == found.memory
    assert 0.5 == found.cores


def test_the_load_average_of_a_container(tmp_path, monkeypatch):
    """
    Half a core of a machine of 64 has its share of the load, not that of the whole machine.
    """
    monkeypatch.setattr(os, "getloadavg", lambda: (32.0, 0.0, 0.0))
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    place(tmp_path, sys__fs__cgroup__cpu_dot_max="50000 100000")

    assert 0.25 == usage(tmp_path).load_average


def test_a_container_without_limits(tmp_path):
    """
    Without limits the machine's numbers count.
    """
    place(
        tmp_path,
        proc__meminfo=MEMINFO,
        sys__fs__cgroup__memory_dot_max="max",
        sys__fs__cgroup__memory_dot_current="800",
        sys__fs__cgroup__cpu_dot_max="max 100000",
    )
    found = usage(tmp_path)

    assert 0.75 == found.memory
    assert found.cores >= 1


@pytest.mark.parametrize(
    ("stat", "meminfo"), [("", ""), ("cpu  1 2\n", "MemTotal: \n"), ("cpu a b", "MemTotal: 0 kB")]
)
def test_a_system_that_says_nothing(tmp_path, stat, meminfo):
    """
    What cannot be read is unknown.
    """
    place(tmp_path, proc__stat=stat, proc__meminfo=meminfo)
    found = usage(tmp_path)

    assert found.busy_s is found.total_s is found.memory is None
    assert 1.5 == found.process_s


def test_this_machine():
    """
    Here the numbers are plausible.
    """
    found = usage_reader(lambda: 1.5)()

    assert found.cores is not None
    assert found.cores > 0
    assert found.memory is None or 0 < found.memory <= 1
