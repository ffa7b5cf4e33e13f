"""
Counts calls: how many of each method are in flight, how they ended, how long they took.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rpcfw.errors import CallError
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.inspection import Calls, total
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.metrics import Counter, Family, Gauge, Histogram
from rpcfw.spi.runtime.waiting import CANCELLED
from rpcfw.status import Status
from rpcfw.values.call import Call
from rpcfw.values.method import Method

__all__ = ["CallMetrics", "ClientMetrics", "ServerMetrics"]


class _OfMethod:
    """
    One method's numbers, found once.
    """

    __slots__ = ("_ended", "_names", "_statuses", "began_at", "in_flight", "seconds")

    def __init__(
        self, names: tuple[str, str], ended: Family[Counter], in_flight: Gauge, seconds: Histogram
    ) -> None:
        self._names = names
        self._ended = ended
        self._statuses: dict[Status, Counter] = {}
        self.began_at = 0.0
        self.in_flight = in_flight
        self.seconds = seconds

    def calls(self) -> Calls:
        succeeded = failed = 0
        for status, counter in self._statuses.items():
            if status is Status.OK:
                succeeded += int(counter.value)
            else:
                failed += int(counter.value)
        return Calls(succeeded + failed + int(self.in_flight.value), succeeded, failed)

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
        self._methods: dict[Method, _OfMethod] = {}

    @property
    def calls(self) -> Calls:
        """
        All that were counted.
        """
        return total(numbers.calls() for numbers in self._methods.values())

    @property
    def methods(self) -> tuple[Method, ...]:
        """
        The methods that were called.
        """
        return tuple(self._methods)

    @property
    def last_call_at(self) -> float | None:
        """
        When the last of them began.
        """
        return max((numbers.began_at for numbers in self._methods.values()), default=None)

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        methods = self._methods
        seconds = self.plugin_context.clock.seconds

        async def step(call: Call) -> Any:
            numbers = methods.get(call.method)
            if numbers is None:
                numbers = self._of(call.method)
            numbers.in_flight.value += 1
            began = numbers.began_at = seconds()
            try:
                response = await proceed(call)
            except CallError as error:
                numbers.count(error.status, seconds() - began)
                raise
            except CANCELLED:
                # A server's call is cancelled at its deadline too; its peer gets that status.
                late = call.deadline <= seconds()
                status = Status.DEADLINE_EXCEEDED if late else Status.CANCELLED
                numbers.count(status, seconds() - began)
                raise
            except BaseException:
                numbers.count(Status.UNKNOWN, seconds() - began)
                raise
            if call.method.server_streams:
                call.on_end(lambda status: numbers.count(status, seconds() - began))
            else:
                numbers.count(Status.OK, seconds() - began)
            return response

        return step

    def _of(self, method: Method) -> _OfMethod:
        names = (method.service, method.name)
        numbers = _OfMethod(
            names, self._ended, self._in_flight.of(*names), self._seconds.of(*names)
        )
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
