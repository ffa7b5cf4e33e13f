"""
What every exporter of metrics promises.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

from twisted.internet.task import Clock

from rpcfw.spi.metrics_exporter import MetricsExporter
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.testing.plugin_context import plugin_context

__all__ = ["MetricsExporterContract"]

_RESULTS = ("rpcfw_metrics_exports_total", "exports of the metrics of this process", "result")


class MetricsExporterContract:
    """
    The tests of an exporter, which exports every second.

    Subclass it, beside your test framework's own class if it needs one::

        class TestMyExporter(MetricsExporterContract):
            def make(self, context):
                return MyExporter(MyOptions(interval=1.0), context)

            def received(self):
                return my_backend.names
    """

    @abstractmethod
    def make(self, context: PluginContext) -> MetricsExporter:
        """
        Return a new exporter with an interval of one second, which sends to a test's backend.
        """

    @abstractmethod
    def received(self) -> list[set[str]]:
        """
        Return of each export that the backend has taken the names of the metrics in it.
        """

    @abstractmethod
    def refuse(self) -> None:
        """
        Let the backend refuse what comes from now on.
        """

    @contextmanager
    def _exporting(self) -> Iterator[tuple[MetricsExporter, Clock, Meter]]:
        clock = Clock()
        context = plugin_context(clock)
        context.meter.counter("things_total", "things", "kind").of("a").value += 1
        exporter = self.make(context)
        spawn(exporter.start())
        try:
            yield exporter, clock, context.meter
        finally:
            spawn(exporter.stop())

    def test_exports_at_intervals(self) -> None:
        """
        What is counted is exported at each interval, and not before the first.
        """
        with self._exporting() as (_, clock, _):
            assert self.received() == []
            for _ in range(2):
                clock.advance(1)
        assert all("things_total" in names for names in self.received())
        assert len(self.received()) == 3

    def test_stop_exports_once_more(self) -> None:
        """
        A stop exports what was counted last, and leaves nothing with the clock.
        """
        with self._exporting() as (_, clock, meter):
            meter.gauge("late", "came last").of().value = 1
        assert ["late" in names for names in self.received()] == [True]
        assert clock.getDelayedCalls() == []

    def test_a_backend_that_refuses(self) -> None:
        """
        A refusal is counted, and ends neither the process nor the exports that follow.
        """
        self.refuse()
        with self._exporting() as (_, clock, meter):
            clock.advance(1)
            clock.advance(1)
        results = meter.counter(*_RESULTS)
        assert {labels: one.value for labels, one in results} == {("sent",): 0, ("failed",): 3}
