"""
Counts calls: how many of each method are in flight, how they ended, how long they took.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, ClassVar

from rpcfw.filters.call_status import status_of
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.inspection import Calls, total
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.histogram import FINE_BOUNDS_S, Exemplar
from rpcfw.spi.runtime.metrics import Counter, Family, Gauge, Histogram
from rpcfw.status import Status
from rpcfw.values.call import Call
from rpcfw.values.method import Method

__all__ = ["CallMetrics", "ClientMetrics", "ServerMetrics"]


class _OfMethod:
    """
    One method's numbers, found once.
    """

    __slots__ = ("_ended", "_names", "_statuses", "began_at", "in_flight", "ok", "seconds")

    def __init__(
        self, names: tuple[str, ...], ended: Family[Counter], in_flight: Gauge, seconds: Histogram
    ) -> None:
        self._names = names
        self._ended = ended
        self.ok = ended.of(*names, Status.OK.name)
        self._statuses: dict[Status, Counter] = {Status.OK: self.ok}
        self.began_at = 0.0
        self.in_flight = in_flight
        self.seconds = seconds

    def calls(self) -> Calls:
        succeeded = int(self.ok.value)
        ended = sum(int(counter.value) for counter in self._statuses.values())
        return Calls(ended + int(self.in_flight.value), succeeded, ended - succeeded)

    def count(self, status: Status, took_s: float) -> None:
        self.in_flight.value -= 1
        counter = self._statuses.get(status)
        if counter is None:
            counter = self._statuses[status] = self._ended.of(*self._names, status.name)
        counter.value += 1
        self.seconds.observe(took_s)


class CallMetrics(Filter):
    """
    Outermost in its stack, so that it counts what the caller, or the peer, saw.

    A streaming call counts until its stream has ended.
    """

    side: ClassVar[str]
    waits = False

    def __init__(self, options: Any, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        meter, side = plugin_context.meter, self.side
        labels = ("service", "method")
        self._ended = meter.counter(
            f"rpcfw_{side}_calls_total", "calls that have ended", *labels, "status"
        )
        self._in_flight = meter.gauge(f"rpcfw_{side}_calls_in_flight", "calls open now", *labels)
        self._seconds = meter.histogram(
            f"rpcfw_{side}_call_seconds", "time that calls took", *labels
        )
        self._max_methods = meter.max_series
        # Each method may end in each status.
        self._ended.max_series = (self._max_methods + 1) * len(Status)
        self._by_name: dict[tuple[str, ...], _OfMethod] = {}
        #: Finds them by identity, which is faster than by name.
        self._methods: dict[Method, _OfMethod] = {}
        self._recent = plugin_context.recent_calls

    @property
    def calls(self) -> Calls:
        """
        All that were counted.
        """
        return total(numbers.calls() for numbers in self._by_name.values())

    @property
    def methods(self) -> tuple[Method, ...]:
        """
        The methods that were called.

        Of a program that makes more of them than `Meter.max_series`, the last ones.
        """
        return tuple(self._methods)

    @property
    def last_call_at(self) -> float | None:
        """
        When the last of them began.
        """
        return max((numbers.began_at for numbers in self._by_name.values()), default=None)

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        methods = self._methods
        seconds = self.plugin_context.clock.seconds
        recent, side = self._recent, self.side
        # The only thing that most calls pay for those that are slow: one comparison.
        min_s = recent.slowness.min_s

        async def step(call: Call) -> Any:
            numbers = methods.get(call.method)
            if numbers is None:
                numbers = self._of(call.method)
            numbers.in_flight.value += 1
            began = numbers.began_at = seconds()
            try:
                response = await proceed(call)
            except BaseException as error:
                self._count(call, numbers, status_of(call, error, seconds()), began, error)
                raise
            if call.method.server_streams:
                self._count_at_end(call, numbers, began)
                return response
            if call.cancelled:  # its method did not heed that; the peer got another status
                self._count(call, numbers, call.status_if_cancelled(seconds()), began)
                return response
            # `_count`, written out to save two calls: most calls are unary and succeed.
            took_s = seconds() - began
            numbers.in_flight.value -= 1
            numbers.ok.value += 1
            histogram = numbers.seconds
            histogram.counts[bisect_left(FINE_BOUNDS_S, took_s)] += 1
            histogram.total += took_s
            if call.trace is not None and call.trace.sampled:
                self._keep_exemplar(call, histogram, took_s)
            if took_s >= min_s:
                recent.succeeded(side, call, took_s)
            return response

        return step

    def _count_at_end(self, call: Call, numbers: _OfMethod, began: float) -> None:
        # Not within `step`: Python would keep the variables that the lambda uses in cells, also
        # for calls that do not stream. That is 40 ns of a call's 7 us.
        call.on_end(lambda status: self._count(call, numbers, status, began))

    def _count(
        self,
        call: Call,
        numbers: _OfMethod,
        status: Status,
        began: float,
        error: BaseException | None = None,
    ) -> None:
        took_s = self.plugin_context.clock.seconds() - began
        numbers.count(status, took_s)
        if call.trace is not None and call.trace.sampled:
            self._keep_exemplar(call, numbers.seconds, took_s)
        if status is not Status.OK:
            self._recent.failed(self.side, call, status, took_s, error)

    def _keep_exemplar(self, call: Call, histogram: Histogram, took_s: float) -> None:
        trace = call.trace
        assert trace is not None
        at = self.plugin_context.time_of_day()
        histogram.keep(Exemplar(trace.trace_id, trace.span_id, took_s, at))

    def _of(self, method: Method) -> _OfMethod:
        # Decided once: other clients of the process count in the same families.
        names = self._in_flight.counted_as(method.service, method.name)
        numbers = self._by_name.get(names)
        if numbers is None:
            numbers = self._by_name[names] = _OfMethod(
                names, self._ended, self._in_flight.of(*names), self._seconds.of(*names)
            )
        if len(self._methods) >= self._max_methods:
            self._methods.clear()  # of a program that makes a new method for each call
        self._methods[method] = numbers
        return numbers


class ClientMetrics(CallMetrics):
    """
    For the client's call stack.
    """

    side = "client"


class ServerMetrics(CallMetrics):
    """
    For the server's stack.
    """

    side = "server"
