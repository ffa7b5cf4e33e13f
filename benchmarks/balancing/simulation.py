"""
One fleet under one balancer: clients, nodes, and the time of the lab.

The balancers are the real ones, a separate one for each client. Retries, breakers and the
health of nodes are left out: they would repair what is to be seen. So a call has one attempt.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Sequence
from itertools import count
from random import Random

from attrs import define

from benchmarks.balancing.node import Node, Request, Trouble
from rpcfw.app.plan import read_plan
from rpcfw.kernel.settings import Sources
from rpcfw.spi.balancer import Balancer, Picker
from rpcfw.status import Status
from rpcfw.testing.candidates import FixedCandidate, a_call, candidate
from rpcfw.testing.lab_time import LabClock
from rpcfw.testing.plugin_context import plugin_context
from rpcfw.values.call import Call
from rpcfw.values.outcome import Outcome

__all__ = ["COLD", "FAILING", "JOINS_AT_S", "SLOW", "Ended", "Simulation"]

CLIENTS = 4
#: Share of the nominal capacity of the fleet that is called for.
_LOAD = 0.45
_MEAN_S = 0.02
_TIMEOUT_S = 3.0
_USERS = 10_000
#: Places of the nodes with troubles; the cold one is the last.
SLOW, FAILING, COLD = 0, 1, -1
JOINS_AT_S = 20.0
_TROUBLES = {
    SLOW: Trouble(slower=10.0),
    FAILING: Trouble(fails=0.5),
    COLD: Trouble(cold_s=10.0),
}
_SETTINGS = {"consistent_hash": ("balancer.key=metadata user",)}


@define
class Ended:
    """
    One call.
    """

    at: float
    node: int
    took_s: float
    status: Status


class _Client:
    """
    Calls by a balancer of its own.
    """

    def __init__(self, balancer: Balancer, size: int) -> None:
        self._balancer = balancer
        self._known = [candidate(f"node-{number}") for number in range(size)]
        self.place_of = {one: place for place, one in enumerate(self._known)}
        self.picker: Picker
        self.know(size - 1)  # all but the one that joins later
        #: Calls that may overrun their time, the oldest first.
        self.open: deque[_Attempt] = deque()

    def know(self, size: int) -> None:
        """
        Use the first nodes only.
        """
        self.picker = self._balancer.picker(self._known[:size])


class _Attempt:
    """
    One call of a client on one node; ends once.
    """

    __slots__ = ("_began", "_client", "_picker", "ended", "node", "simulation")

    def __init__(self, simulation: Simulation, client: _Client, node: FixedCandidate) -> None:
        self.simulation = simulation
        self._client = client
        self._picker = client.picker
        self._began = simulation.clock.rightNow
        self.node = node
        self.ended = False
        node.in_flight += 1
        self._picker.began(node)

    @property
    def deadline(self) -> float:
        return self._began + _TIMEOUT_S

    def end(self, status: Status) -> None:
        if self.ended:
            return
        self.ended = True
        took_s = self.simulation.clock.rightNow - self._began
        self.node.in_flight -= 1
        self._picker.record(self.node, Outcome(status, took_s))
        place = self._client.place_of[self.node]
        self.simulation.calls.append(Ended(self._began, place, took_s, status))


class Simulation:
    """
    See the module.

    Args:
        balancer: its name.
        size: number of nodes.
        seed: of all that is random.
    """

    def __init__(self, balancer: str, size: int, seed: int = 0) -> None:
        self.clock = LabClock()
        self.calls: list[Ended] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._random = Random(seed)
        self.nodes = self._make_nodes(size)
        self._clients = [self._client(balancer, size, seed + 1 + n) for n in range(CLIENTS)]
        self._calls = [a_call(metadata={"user": f"user-{n}"}) for n in range(_USERS)]
        self._per_s = _LOAD * sum(node.workers for node in self.nodes) / _MEAN_S

    def run(self, seconds: float) -> Sequence[Ended]:
        """
        Return the calls that have ended in this time.
        """
        self.at(JOINS_AT_S, self._join)
        self._arrive()
        while self._events and self._events[0][0] <= seconds:
            self.clock.rightNow, _, event = heapq.heappop(self._events)
            event()
        return self.calls

    def at(self, when: float, event: Callable[[], None]) -> None:
        # The clock's own list would be sorted for each of a million events.
        heapq.heappush(self._events, (when, next(self._numbers), event))

    def _make_nodes(self, size: int) -> list[Node]:
        nodes = []
        for place in range(size):
            random = Random(self._random.random())
            # In turn small and large; their pauses are spread over the time between two.
            workers, pause_at = (2, 4)[place % 2], 10.0 * self._random.random()
            nodes.append(Node(workers, self.at, random, pause_at))
        for place, trouble in _TROUBLES.items():
            nodes[place].trouble = trouble
        nodes[COLD].started_at = JOINS_AT_S
        return nodes

    def _client(self, balancer: str, size: int, seed: int) -> _Client:
        sets = (f"balancer.plugin={balancer}", *_SETTINGS.get(balancer, ()))
        chosen = read_plan(Sources.load((), {}, sets)).clients[""].balancer
        return _Client(chosen.make(plugin_context(self.clock, random=Random(seed))), size)

    def _join(self) -> None:
        for client in self._clients:
            client.know(len(self.nodes))

    def _arrive(self) -> None:
        """
        Make a call, and plan the next one.
        """
        now = self.clock.rightNow
        self.at(now + self._random.expovariate(self._per_s), self._arrive)
        client = self._random.choice(self._clients)
        self._give_up(client, now)
        self._begin(client, self._random.choice(self._calls), now)

    def _begin(self, client: _Client, call: Call, now: float) -> None:
        picked = client.picker.pick(call)
        assert isinstance(picked, FixedCandidate)
        attempt = _Attempt(self, client, picked)
        client.open.append(attempt)
        node = self.nodes[client.place_of[picked]]
        node.receive(Request(attempt.deadline, attempt.end), now)

    @staticmethod
    def _give_up(client: _Client, now: float) -> None:
        """
        End the calls whose time is over.
        """
        attempts = client.open
        while attempts and (attempts[0].ended or attempts[0].deadline <= now):
            attempts.popleft().end(Status.DEADLINE_EXCEEDED)
