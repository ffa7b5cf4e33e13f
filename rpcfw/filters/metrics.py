"""
Counts calls: how many of each method are in flight, how they ended, how long they took.
"""

from __future__ import annotations

from typing import Any, ClassVar

from rpcfw.errors import CallError
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.metrics import Counter, Family, Gauge, Histogram
from rpcfw.spi.plugin import Surroundings
from rpcfw.spi.waiting import CANCELLED
from rpcfw.status import Status
from rpcfw.values.call import Call
from rpcfw.values.method import Method

__all__ = ["CallMetrics", "ClientMetrics", "ServerMetrics"]


class _OfMethod:
    """
    One method's numbers, found once.
    """

    __slots__ = ("_ended", "_names", "_statuses", "in_flight", "seconds")

    def __init__(
        self, names: tuple[str, str], ended: Family[Counter], in_flight: Gauge, seconds: Histogram
    ) -> None:
        self._names = names
        self._ended = ended
        self._statuses: dict[Status, Counter] = {}
        self.in_flight = in_flight
        self.seconds = seconds

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

    def __init__(self, options: Any, surroundings: Surroundings) -> None:
        super().__init__(options, surroundings)
        meter, side = surroundings.meter, self.side
        labels = ("service", "method")
        self._ended = meter.counter(
            f"rpcfw_{side}_calls_total", "calls that have ended", *labels, "status"
        )
        self._in_flight = meter.gauge(f"rpcfw_{side}_calls_in_flight", "calls open now", *labels)
        self._seconds = meter.histogram(
            f"rpcfw_{side}_call_seconds", "time that calls took", *labels
        )
        self._methods: dict[Method, _OfMethod] = {}

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        methods = self._methods
        seconds = self.surroundings.clock.seconds

        async def step(call: Call) -> Any:
            numbers = methods.get(call.method)
            if numbers is None:
                numbers = self._of(call.method)
            numbers.in_flight.value += 1
            began = seconds()
            try:
                response = await proceed(call)
            except CallError as error:
                numbers.count(error.status, seconds() - began)
                raise
            except CANCELLED:
                numbers.count(Status.CANCELLED, seconds() - began)
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
