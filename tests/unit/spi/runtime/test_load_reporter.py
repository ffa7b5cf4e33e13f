"""
The load of a process: measured when somebody asks, at intervals.
"""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from rpcfw.spi.runtime.load_reporter import LoadReporter, Usage


class Machine:
    """
    A machine of four cores and the process on it.
    """

    def __init__(self):
        self.clock = Clock()
        self.process_s = self.busy_s = 0.0
        self.calls = 0
        self.cores = 4.0
        self.reads = 0
        self.reporter = LoadReporter(self.clock.seconds, self.read)
        self.reporter.enabled = True
        self.reporter.calls = lambda: self.calls

    def read(self):
        self.reads += 1
        return Usage(
            process_s=self.process_s,
            busy_s=self.busy_s,
            total_s=4 * self.clock.seconds(),
            memory=0.5,
            load_average=1.5,
            cores=self.cores,
        )

    def work(self, seconds, process=0.0, others=0.0, calls=0):
        """
        Let time pass; the process and the others use so many cores.
        """
        self.clock.advance(seconds)
        self.process_s += process * seconds
        self.busy_s += (process + others) * seconds
        self.calls += calls


def test_what_is_known_at_once():
    """
    The first report has what needs no second sample.
    """
    report = Machine().reporter.report()

    assert (0.5, 1.5, 4.0) == (report.memory, report.load_average, report.cores)
    assert report.cpu is report.qps is None


@pytest.mark.parametrize(
    ("process", "others", "cpu"), [(0.8, 0.0, 0.8), (0.1, 3.5, 0.9), (0.0, 0.0, 0.0), (2.0, 0, 1.0)]
)
def test_the_cpu_is_the_higher_of_two(process, others, cpu):
    """
    The CPU is the machine's use, or that of one core by this process: what is short first.
    """
    machine = Machine()
    machine.reporter.report()
    machine.work(2, process=process, others=others)

    assert cpu == pytest.approx(machine.reporter.report().cpu)


def test_less_than_one_core():
    """
    A process that uses all of the half core that it may use has no CPU left.
    """
    machine = Machine()
    machine.cores = 0.5
    machine.reporter.report()
    machine.work(2, process=0.25)
    assert 0.5 == pytest.approx(machine.reporter.report().cpu)

    machine.work(2, process=0.5)
    assert 1.0 == pytest.approx(machine.reporter.report().cpu)


def test_calls_a_second():
    """
    The rate is that of the calls since the last sample.
    """
    machine = Machine()
    machine.reporter.report()
    machine.work(2, calls=100)

    assert 50 == pytest.approx(machine.reporter.report().qps)


def test_sampled_at_intervals():
    """
    However often it is asked for, the load is measured once in a second.
    """
    machine = Machine()
    for _ in range(100):
        machine.reporter.report()
        machine.work(0.1)

    assert 9 <= machine.reads <= 11


def test_an_old_sample_says_nothing():
    """
    After a long time without a question, the CPU is unknown once.
    """
    machine = Machine()
    machine.reporter.report()
    machine.work(3600, process=0.1)
    assert machine.reporter.report().cpu is None

    machine.work(1, process=0.7)
    assert 0.7 == pytest.approx(machine.reporter.report().cpu)


def test_without_the_machine():
    """
    Where the system says nothing of its cores, the process counts.
    """
    clock, used = Clock(), [0.0]
    reporter = LoadReporter(clock.seconds, lambda: Usage(process_s=used[0]))
    reporter.enabled = True
    reporter.report()
    clock.advance(1)
    used[0] = 0.25

    assert 0.25 == pytest.approx(reporter.report().cpu)


def test_disabled():
    """
    A process that tells nothing measures nothing.
    """
    machine = Machine()
    machine.reporter.enabled = False
    assert machine.reporter.report() is None
    assert 0 == machine.reads

    assert LoadReporter().report() is None


def test_metrics_of_the_application():
    """
    What the application sets is in the next reports, until it is unset.
    """
    machine = Machine()
    machine.reporter.set("queue", 0.5)
    assert {"queue": 0.5} == machine.reporter.report().metrics

    machine.reporter.unset("queue")
    machine.work(1)
    assert {} == machine.reporter.report().metrics


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("a b", 1.0, "'a b' cannot name a metric"),
        ("queue", -1.0, "expected a number from 0 to 1e9 for the metric queue, got -1.0"),
        ("queue", float("nan"), "got nan"),
        ("m16", 1.0, "16 metrics already"),
    ],
)
def test_metrics_that_cannot_be_reported(name, value, message):
    """
    A wrong name or value, or one metric too many, is refused where it is set.
    """
    reporter = LoadReporter()
    for number in range(16):
        reporter.set(f"m{number}", 1.0)
    with pytest.raises(ValueError, match=message):
        reporter.set(name, value)
