"""
Runtime: nodes are scored by what their servers say about CPU, memory and load.
"""

from __future__ import annotations

import pytest
from attrs import evolve
from twisted.internet.task import Clock

from rpcfw.errors import SettingsError
from rpcfw.kernel.settings import options_of
from rpcfw.status import Status
from rpcfw.testing.candidates import candidates
from rpcfw.testing.contracts.collector import CollectorContract
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.load_report import LoadReport
from rpcfw.values.metadata import Metadata
from rpcfw.values.outcome import Outcome
from rpcfw_collectors import runtime as module
from rpcfw_collectors.orca import TRAILER, pack_orca
from rpcfw_collectors.runtime import Runtime, RuntimeOptions


def runtime(clock=None, **texts) -> Runtime:
    return Runtime(options_of(RuntimeOptions, **texts), plugin_context(clock))


def reporting(*reports):
    """
    Return candidates whose servers said this; None for nothing.
    """
    given = candidates(**{f"n{number}": 100 for number in range(len(reports))})
    for one, report in zip(given, reports, strict=True):
        one.load = report
    return given


def with_trailer(data) -> Outcome:
    return Outcome(Status.OK, 0.01, trailers=Metadata(((TRAILER, data),)))


class TestRuntimeContract(CollectorContract):
    def make(self):
        return runtime()


def test_the_cpu():
    """
    A node with half as much free CPU as the best has half the score.
    """
    given = reporting(LoadReport(cpu=0.2), LoadReport(cpu=0.6), LoadReport(cpu=0.2))

    assert [1.0, 0.5, 1.0] == pytest.approx(runtime().scores(given))


def test_a_full_node_keeps_a_little():
    """
    A node that is busy by chance keeps a twentieth.
    """
    given = reporting(LoadReport(cpu=0.0), LoadReport(cpu=1.0))

    assert [1.0, 0.05] == pytest.approx(runtime().scores(given))


def test_without_a_report():
    """
    A node of which nothing is known has no score; neither has one whose CPU is unknown.
    """
    given = reporting(LoadReport(cpu=0.5), None, LoadReport(memory=0.5))

    assert [1.0, None, None] == runtime().scores(given)
    assert [None, None] == runtime().scores(given[1:])


def test_one_idle_node_does_not_attract_all():
    """
    All are compared with the quarter that has most free CPU, not with the best one alone.
    """
    given = reporting(LoadReport(cpu=0.0), *(LoadReport(cpu=0.8) for _ in range(4)))

    assert [1.0] * 5 == pytest.approx(runtime().scores(given))


def test_memory():
    """
    The score falls evenly from max_memory to 0 at all of it.
    """
    given = reporting(*(LoadReport(cpu=0.0, memory=share) for share in (0.5, 0.9, 0.95, 1.0)))

    assert [1.0, 1.0, 0.5, 0.0] == pytest.approx(runtime().scores(given))


def test_the_load_average():
    """
    A load of twice max_load for each core halves the score; without cores it says nothing.
    """
    given = reporting(
        LoadReport(cpu=0.0, load_average=4.0, cores=2.0),
        LoadReport(cpu=0.0, load_average=8.0, cores=2.0),
        LoadReport(cpu=0.0, load_average=99.0),
    )

    assert [1.0, 0.5, 1.0] == pytest.approx(runtime().scores(given))


def test_cores():
    """
    With count_cores, a machine of twice the cores has twice the score, if all say theirs.
    """
    given = reporting(LoadReport(cpu=0.5, cores=4.0), LoadReport(cpu=0.5, cores=8.0))
    assert [1.0, 1.0] == pytest.approx(runtime().scores(given))
    assert [0.5, 1.0] == pytest.approx(runtime(count_cores="yes").scores(given))

    given += reporting(LoadReport(cpu=0.5))
    assert [1.0, 1.0, 1.0] == pytest.approx(runtime(count_cores="yes").scores(given))


@pytest.mark.parametrize("cores", [5e-324, 1e-9, 1e9])
def test_cores_that_are_out_of_bounds(cores):
    """
    Whatever number of cores a server claims, all scores are within 0 and 1.
    """
    given = reporting(*(LoadReport(cpu=1.0, cores=cores) for _ in range(3)))

    assert [1.0] * 3 == pytest.approx(runtime(count_cores="yes").scores(given))


def test_metrics_of_the_servers():
    """
    The highest of the CPU and the named metrics counts.
    """
    given = reporting(LoadReport(cpu=0.5, metrics={"queue": 0.75, "other": 1.0}), LoadReport(cpu=0))

    assert [0.25, 1.0] == pytest.approx(runtime(metrics="queue").scores(given))


def test_reports_expire():
    """
    A report that is older than expiry is forgotten.
    """
    clock = Clock()
    given = reporting(LoadReport(cpu=0.2), LoadReport(cpu=0.6, received_at=20.0))
    collector = runtime(clock)
    clock.advance(30)
    assert [1.0, 0.5] == pytest.approx(collector.scores(given))

    clock.advance(1)
    assert [None, 1.0] == collector.scores(given)


def test_reports_in_trailers():
    """
    A report that came with a response counts until a newer one has come either way.
    """
    clock = Clock()
    clock.advance(10)
    given = reporting(LoadReport(cpu=0.0, received_at=5.0), LoadReport(cpu=0.5, received_at=10.0))
    collector = runtime(clock)
    collector.record(given[0], with_trailer(pack_orca(LoadReport(cpu=0.75))))
    assert [0.5, 1.0] == pytest.approx(collector.scores(given))

    given[0].load = evolve(given[0].load, received_at=11.0)
    assert [1.0, 0.5] == pytest.approx(collector.scores(given))


def test_trailers_outlast_a_change_of_options():
    """
    Reports that came with responses count when the options are replaced.
    """
    given = reporting(None, LoadReport(cpu=0.0))
    before, after = runtime(), runtime(interval="1s")
    before.record(given[0], with_trailer(pack_orca(LoadReport(cpu=0.75))))
    after.take_over(before)

    assert [0.25, 1.0] == pytest.approx(after.scores(given))


def test_trailers_are_read_seldom():
    """
    Of a node that sends a report with each response, ten a second are read.
    """
    clock = Clock()
    given = reporting(None, LoadReport(cpu=0.0))
    collector = runtime(clock)
    for cpu in (0.5, 0.9):
        collector.record(given[0], with_trailer(pack_orca(LoadReport(cpu=cpu))))
    assert 0.5 == pytest.approx(collector.scores(given)[0])

    clock.advance(0.2)
    collector.record(given[0], with_trailer(pack_orca(LoadReport(cpu=0.9))))
    assert 0.1 == pytest.approx(collector.scores(given)[0])


def test_wrong_trailers_are_read_seldom(monkeypatch):
    """
    A node whose trailers are no reports costs no more than one whose trailers are.
    """
    read = []
    monkeypatch.setattr(module, "parse_orca", read.append)
    clock = Clock()
    given = reporting(None)
    collector = runtime(clock)
    for _ in range(100):
        collector.record(given[0], with_trailer(b"\xff"))
        clock.advance(0.01)

    assert 10 == pytest.approx(len(read), abs=1)


def test_a_trailer_that_says_too_little():
    """
    A trailer without the CPU does not hide the report that came with a pong.
    """
    clock = Clock()
    given = reporting(LoadReport(cpu=0.5), LoadReport(cpu=0.0))
    collector = runtime(clock)
    clock.advance(1)
    collector.record(given[0], with_trailer(pack_orca(LoadReport(metrics={"queue": 1.0}))))

    assert [0.5, 1.0] == pytest.approx(collector.scores(given))


@pytest.mark.parametrize("data", ["text", b"", b"\xff", bytes(5000)])
def test_hostile_trailers(data):
    """
    A trailer that is no report changes nothing.
    """
    given = reporting(LoadReport(cpu=0.2), LoadReport(cpu=0.6))
    collector = runtime()
    collector.record(given[0], with_trailer(data))

    assert [1.0, 0.5] == pytest.approx(collector.scores(given))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"interval": "10ms"}, "interval: must be at least 100ms, not 10ms"),
        ({"interval": "31s", "expiry": "60s"}, "interval: must be at most 30s, not 31s"),
        ({"interval": "20s", "expiry": "10s"}, "expiry: must be at least the interval, 20s"),
        ({"max_memory": "100%"}, "max_memory: must be at least 0% and below 100%"),
        ({"max_load": "0"}, "max_load: must be above 0"),
    ],
)
def test_wrong_options(texts, message):
    """
    Options that nothing can be scored with are refused.
    """
    with pytest.raises(SettingsError, match=message):
        options_of(RuntimeOptions, **texts)
