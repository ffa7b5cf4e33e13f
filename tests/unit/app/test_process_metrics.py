"""
What is measured of the process itself.
"""

from __future__ import annotations

import gc

import pytest
from twisted.internet.task import Clock

from rpcfw.app.heartbeat import Heartbeat
from rpcfw.app.process_metrics import GarbagePauses, observe_process
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.spi.runtime.readings import Reading, read
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.plugin_context import plugin_context


def readings(context: PluginContext) -> dict[str, Reading]:
    return {one.name: one for one in read(context.meter)}


def test_what_the_system_says() -> None:
    """
    CPU time, memory, open files and their limit are numbers above 0, as the system says them.
    """
    context = plugin_context()
    observe_process(context)
    found = readings(context)
    for name in (
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_virtual_memory_bytes",
        "process_open_fds",
        "python_threads",
    ):
        ((labels, value),) = found[name].values
        assert () == labels
        assert value > 0, name
    ((_, memory),) = found["process_resident_memory_bytes"].values
    ((_, addresses),) = found["process_virtual_memory_bytes"].values
    assert 2**20 < memory < addresses


def test_open_files_are_counted(tmp_path) -> None:
    """
    Each file that is opened is one more.
    """
    context = plugin_context()
    observe_process(context)
    ((_, before),) = readings(context)["process_open_fds"].values
    with (tmp_path / "a").open("w"), (tmp_path / "b").open("w"):
        ((_, after),) = readings(context)["process_open_fds"].values
    assert 2 == after - before


def test_what_runs() -> None:
    """
    One series says the application and the version, with the time of the start beside it.
    """
    clock = Clock()
    clock.advance(1234.5)
    context = plugin_context(clock, application="shop")
    observe_process(context)
    found = readings(context)
    (((application, version), one),) = found["rpcfw_info"].values
    assert ("shop", 1) == (application, one)
    assert version
    assert (((), 1234.5),) == found["process_start_time_seconds"].values


def test_garbage_collections() -> None:
    """
    Each collection is measured by its generation while the process runs, and not afterwards.
    """
    meter = Meter()
    pauses = GarbagePauses(meter, Clock().seconds)
    spawn(pauses.start())
    try:
        gc.collect(2)
    finally:
        spawn(pauses.stop())
    gc.collect(2)
    (reading,) = read(meter)
    counts = {labels: sum(one.counts) for labels, one in reading.histograms}
    assert 1 == counts["2",]
    assert not [one for one in gc.callbacks if getattr(one, "__self__", None) is pauses]


def test_the_lag_of_the_reactor() -> None:
    """
    Each beat that comes late is noted with how late it was.
    """
    clock = Clock()
    heartbeat = Heartbeat(clock.seconds, clock.callLater)
    context = plugin_context(clock, pauses=heartbeat)
    observe_process(context)
    heartbeat.start()
    clock.advance(0.25)
    clock.advance(1.25)  # the next beat was due a second ago
    heartbeat.stop()

    ((_, lag),) = readings(context)["rpcfw_reactor_lag_seconds"].histograms
    assert 2 == sum(lag.counts)
    assert 1.0 == pytest.approx(lag.total)
    ((_, paused),) = readings(context)["rpcfw_reactor_paused_seconds_total"].values
    assert 1.0 == pytest.approx(paused)
