"""
Circuit breakers: leave a failing node alone for a while.

Theory of operation. There is one circuit for each method at each node.

=========  ================================================  =========================
state      an attempt                                        becomes
=========  ================================================  =========================
closed     goes on, and the detector learns how it ended     open, if the detector says
                                                             so
open       fails with `BreakerOpen`, which sends nothing     half-open, at the first
                                                             attempt after the open time
half-open  goes on as a probe; more than ``max_probes``      closed after
           at once fail like in an open circuit              ``closing_probes`` good
                                                             probes; open after a bad one
=========  ================================================  =========================

The open time doubles each time that the circuit opens again, up to ``max_open_time``. It
is reset when the circuit was closed for as long as it was open last. Only what began in
the present state counts: the late end of an earlier attempt changes nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from typing import Any, ClassVar

from twisted.logger import Logger

from rpcfw.errors import BreakerOpen, CallError
from rpcfw.spi.balancer import Candidate
from rpcfw.spi.breaker_options import BreakerOptions
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.bounded import make_place
from rpcfw.spi.runtime.waiting import CANCELLED
from rpcfw.status import Hint, Status
from rpcfw.values.backoff import Backoff
from rpcfw.values.call import Call
from rpcfw.values.method import Method

__all__ = ["Breaker", "BreakerOptions", "Circuit", "CircuitState", "FailureDetector"]

#: So many methods are judged apart; a gateway may call any that its own callers name.
_MAX_CIRCUITS = 1_000


class FailureDetector(ABC):
    """
    Decides when one circuit opens. It is new when the circuit closes.
    """

    @abstractmethod
    def succeeded(self) -> None:
        """
        Learn that an attempt did not fail. A business error is no failure.
        """

    @abstractmethod
    def failed(self) -> str:
        """
        Learn that an attempt failed. Return why the circuit has to open, or nothing.
        """

    def take_over(self, before: Any) -> None:  # noqa: B027 - some learn nothing that fits
        """
        Go on with what ``before``, of the same class with other options, has counted.
        """


class CircuitState(Enum):
    """
    See the module.
    """

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


#: Looked at by every attempt.
_CLOSED = CircuitState.CLOSED


class Circuit:
    """
    The state of one method at one node.

    Args:
        breaker: whose options and detectors it uses.
        method: that is called.
    """

    def __init__(self, breaker: Breaker, method: Method) -> None:
        self.state = CircuitState.CLOSED
        self._breaker = breaker
        self.method = method
        self._detector = breaker.detector()
        #: Changes with the state. What began before has no say.
        self.period = 0
        #: When the present state began, and when an open one ends.
        self._since = breaker.seconds()
        self._until = 0.0
        #: The last open time, and how often in a row it has opened.
        self._open_s = 0.0
        self._openings = 0
        self._probes = self._good_probes = 0
        #: Whether it is as it was made, for all that matters.
        self.is_new = True

    @property
    def refuses(self) -> bool:
        """
        Whether an attempt would be refused now.
        """
        if self.state is CircuitState.OPEN:
            return self._breaker.seconds() < self._until
        return bool(self._probes >= self._breaker.options.max_probes)

    def __str__(self) -> str:
        if self.state is CircuitState.OPEN:
            return f"open: it is probed in {max(0.0, self._until - self._breaker.seconds()):.3g} s"
        return f"{self.state.value}{': its probe has not ended' if self._probes else ''}"

    def take_over(self, before: Circuit) -> None:
        """
        Go on in the state of ``before``. Its probes are not waited for.
        """
        self.is_new = before.is_new
        if before.state is CircuitState.CLOSED:
            self._detector.take_over(before._detector)
        else:
            self.state = CircuitState.OPEN
            self._until = before._until
        self._since, self._open_s, self._openings = before._since, before._open_s, before._openings

    def probe(self) -> None:
        """
        Begin an attempt in a circuit that is not closed.

        Raises:
            BreakerOpen: the node has to be left alone.
        """
        breaker = self._breaker
        if self.state is CircuitState.OPEN and breaker.seconds() >= self._until:
            self._become(CircuitState.HALF_OPEN, "the open time is over")
        if self.refuses:
            breaker.refuse(self)
        self._probes += 1

    def succeeded(self, period: int) -> None:
        if period != self.period:
            return
        if self.state is _CLOSED:
            self._detector.succeeded()
            return
        self._probes -= 1
        self._good_probes += 1
        if self._good_probes >= self._breaker.options.closing_probes:
            self._detector = self._breaker.detector()
            self._become(CircuitState.CLOSED, f"{self._good_probes} successful probes")

    def failed(self, period: int) -> None:
        if period != self.period:
            return
        self.is_new = False
        reason = "a probe failed"
        if self.state is CircuitState.CLOSED:
            reason = self._detector.failed()
        if reason:
            self._open(reason)

    def abandoned(self, period: int) -> None:
        """
        Learn that an attempt ended without saying anything about the node.
        """
        if period == self.period and self.state is CircuitState.HALF_OPEN:
            self._probes -= 1

    def _open(self, reason: str) -> None:
        breaker = self._breaker
        now = breaker.seconds()
        if self.state is CircuitState.CLOSED and now - self._since >= self._open_s:
            self._openings = 0
        self._openings += 1
        self._open_s = breaker.open_s(self._openings)
        self._until = now + self._open_s
        self._become(CircuitState.OPEN, f"{reason}; it is probed in {self._open_s:.3g} s")

    def _become(self, state: CircuitState, reason: str) -> None:
        self.state = state
        self.period += 1
        self._since = self._breaker.seconds()
        self._probes = self._good_probes = 0
        self._breaker.report(self.method, state, reason)


class Breaker(Filter):
    """
    A way to find failing nodes. A subclass says how, by its `detector`.

    It is a filter at BREAKER in the attempt stack of each node. If the picked node's circuit
    is open, the call takes another node.
    """

    Options: ClassVar[type] = BreakerOptions
    log = Logger()
    waits = False

    def __init__(self, options: Any, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self.seconds = plugin_context.clock.seconds
        #: The node that it is for.
        self.where = "all nodes"
        #: By path: each stub of gRPC has method objects of its own.
        self._circuits: dict[str, Circuit] = {}
        self._statuses = frozenset(Status[name] for name in options.statuses)
        self._backoff = Backoff(options.open_time, 2, options.max_open_time, options.open_jitter)
        meter, labels = plugin_context.meter, ("service", "method")
        self._transitions = meter.counter(
            "rpcfw_client_breaker_transitions_total",
            "times that a breaker changed its state",
            *labels,
            "to",
        )
        self._refused = meter.counter(
            "rpcfw_client_breaker_refused_total", "attempts that an open breaker refused", *labels
        )

    @property
    def open_circuits(self) -> int:
        """
        How many methods have a circuit that is not closed.
        """
        return sum(each.state is not _CLOSED for each in self._circuits.values())

    @abstractmethod
    def detector(self) -> FailureDetector:
        """
        Return a new detector, for one method at one node.
        """

    def of_node(self, node: Candidate) -> Breaker:
        made = type(self)(self.options, self.plugin_context)
        made.where = str(node.instance.address)
        return made

    def take_over(self, before: Breaker) -> None:
        """
        Go on with the circuits of ``before``: an open one stays open.
        """
        for circuit in before._circuits.values():
            self._circuit(circuit.method).take_over(circuit)

    def refuses(self, call: Call) -> bool:
        """
        Tell whether an attempt of this call would be refused now.
        """
        circuit = self._circuits.get(call.method.path)
        return circuit is not None and circuit.refuses

    def explain(self, call: Call) -> str:
        return str(self._circuits.get(call.method.path, CircuitState.CLOSED.value))

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        circuits = self._circuits

        async def step(call: Call) -> Any:
            circuit = circuits.get(call.method.path) or self._circuit(call.method)
            if circuit.state is not _CLOSED:
                circuit.probe()
            period = circuit.period
            try:
                response = await proceed(call)
            except CallError as error:
                self._ended(circuit, period, error.status, error.hints)
                raise
            except CANCELLED:
                # A call is cancelled at its deadline too. Nobody knows more of the others.
                self._ended(circuit, period, call.status_if_cancelled(self.seconds()))
                raise
            except BaseException:
                circuit.abandoned(period)
                raise
            if call.method.server_streams and circuit.state is CircuitState.CLOSED:
                call.on_end(lambda status: self._ended(circuit, period, status))
            else:
                # The beginning of a stream is all that a probe can wait for.
                circuit.succeeded(period)
            return response

        return step

    def open_s(self, openings: int) -> float:
        """
        Return how long a circuit stays open that has opened so often in a row.
        """
        return self._backoff.delay_s(openings, self.plugin_context.random.random())

    def refuse(self, circuit: Circuit) -> None:
        """
        Refuse an attempt.

        Raises:
            BreakerOpen: always.
        """
        method = circuit.method
        self._refused.of(method.service, method.name).value += 1
        raise BreakerOpen(f"the breaker of {method.path} at {self.where} is {circuit}")

    def report(self, method: Method, state: CircuitState, reason: str) -> None:
        """
        Count a change of state, and log it with its reason.
        """
        self._transitions.of(method.service, method.name, state.value).value += 1
        self.log.info(
            "breaker of {method} at {where} is {state}: {reason}",
            method=method.path,
            where=self.where,
            state=state.value,
            reason=reason,
        )

    def _circuit(self, method: Method) -> Circuit:
        """
        Return a new circuit, which is remembered if there is a place for it.
        """
        circuit, circuits = Circuit(self, method), self._circuits
        if make_place(circuits, _MAX_CIRCUITS, lambda one: one.is_new):
            circuits[method.path] = circuit
        return circuit

    def _ended(
        self, circuit: Circuit, period: int, status: Status, hints: Hint = Hint.NONE
    ) -> None:
        if status is Status.CANCELLED or hints & Hint.NOT_BEGUN:
            # A refusal, as for overload or before a stop, is no failure of the method.
            circuit.abandoned(period)
        elif status in self._statuses:
            circuit.failed(period)
        elif hints & Hint.NEVER_SENT:
            circuit.abandoned(period)  # as a request that is too large, which no node has seen
        else:
            circuit.succeeded(period)
