"""
The two stacks of a client: once a call, and once an attempt on each node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from weakref import WeakKeyDictionary

from rpcfw.client.dispatch import Dispatch
from rpcfw.client.method_plan import MethodPlans
from rpcfw.client.of_instance import of_instance
from rpcfw.client.policies import Policies
from rpcfw.cluster.another_node import AnotherNode
from rpcfw.cluster.node import Node
from rpcfw.cluster.routing import Routing
from rpcfw.filters.configured import AttemptFilters
from rpcfw.filters.deadline import AttemptDeadline, ClientDeadline
from rpcfw.filters.metrics import ClientMetrics
from rpcfw.filters.tracing.client import AttemptTracing, ClientTracing
from rpcfw.kernel.edits import Edits
from rpcfw.kernel.orders import ATTEMPT_ORDER, CALL_ORDER
from rpcfw.kernel.stack import Stack
from rpcfw.spi.breaker import Breaker
from rpcfw.spi.deadline_keeping import keeping_deadline
from rpcfw.spi.filter import CallStep, Filter, Role
from rpcfw.spi.plugin import NoOptions
from rpcfw.transport.runtime import Runtime
from rpcfw.values.service_config import ServiceConfig

__all__ = ["AttemptStacks", "CallStacks"]


class CallStacks:
    """
    Makes the call stack, a new one for each set of policies; what counts is the same in all.

    Args:
        config: the service config, if there is one.
        runtime: what the clients of the process share.
    """

    def __init__(self, config: ServiceConfig | None, runtime: Runtime) -> None:
        plugin_context = runtime.plugin_context
        tracing = runtime.tracing
        self._tracing = None if tracing is None else ClientTracing(tracing, plugin_context)
        self._access_log = runtime.access_logs.client
        self.metrics = ClientMetrics(NoOptions(), plugin_context)
        self._plugin_context = plugin_context
        self._attempts = AttemptFilters(config, plugin_context)
        self._another_node = AnotherNode(NoOptions(), plugin_context)

    def make(self, policies: Policies, routing: Routing) -> Stack:
        """
        Return the call stack for these policies, not joined yet.
        """
        stack = Stack(CALL_ORDER)
        stack.put(Role.METRICS, "metrics", self.metrics)
        if self._tracing is not None:
            stack.put(Role.TRACING, "tracing", self._tracing)
        if self._access_log is not None:
            stack.put(Role.ACCESS_LOG, "access log", self._access_log)
        passed_on = tuple(name for router in policies.routers for name in router.passed_on)
        stack.put(Role.DEADLINE, "deadline", ClientDeadline(self._plugin_context, passed_on))
        attempts = self._attempts.around(
            policies.retry, policies.strategy, dict(policies.method_strategies)
        )
        for label, each in attempts:
            stack.put(Role.ATTEMPTS, label, each)
        stack.put(Role.ROUTING, "routing", routing)
        if any(isinstance(filter, Breaker) for _, filter in policies.attempt.inserts):
            stack.put(Role.SELECTION, "another node", self._another_node)
        stack.edit(policies.call)
        return stack


class AttemptStacks:
    """
    Gives each node its attempt stack.

    Args:
        runtime: what the clients of the process share.
        attempt_limit_s: limit of one attempt; None for none of its own.
        edits: the user's filters among ours.
    """

    def __init__(
        self,
        runtime: Runtime,
        attempt_limit_s: float | None,
        edits: Edits[Filter],
    ) -> None:
        self._runtime = runtime
        self._attempt_limit_s = attempt_limit_s
        #: By the codec of the protocol, which is empty if that carries any.
        self._plans: dict[str, MethodPlans] = {}
        self._edits = edits
        #: The filters of each node, in the order of the edits.
        self._filters: WeakKeyDictionary[Node, list[Filter]] = WeakKeyDictionary()

    def prepare(self, node: Node) -> None:
        """
        Give a new node its stack.
        """
        filters = [filter.of_node(node) for _, filter in self._edits.inserts]
        self._filters[node] = filters
        node.attempt = self._join(node, filters, self._edits, self._attempt_limit_s)

    def breakers(self, node: Node) -> list[Breaker]:
        """
        Return the breakers of a node.
        """
        return [each for each in self._filters[node] if isinstance(each, Breaker)]

    def replace(
        self, edits: Edits[Filter], limit_s: float | None, nodes: Iterable[Node]
    ) -> Callable[[], None]:
        """
        Make new stacks for all nodes, if other filters are in them now, or another limit.

        Returns:
            What puts them in place.
        """
        before = {key: index for index, key in enumerate(_keys(self._edits))}
        order = [before.get(key) for key in _keys(edits)]
        made = []
        for node in nodes if self._differ(edits) or limit_s != self._attempt_limit_s else ():
            filters = [
                self._filter(filter, node, index)
                for (_, filter), index in zip(edits.inserts, order, strict=True)
            ]
            made.append((node, filters, self._join(node, filters, edits, limit_s)))

        def put() -> None:
            self._edits, self._attempt_limit_s = edits, limit_s
            for node, filters, step in made:
                self._filters[node] = filters
                node.attempt = step

        return put

    def _differ(self, edits: Edits[Filter]) -> bool:
        now = self._edits
        if now.outline != edits.outline:
            return True
        both = zip(now.inserts, edits.inserts, strict=True)
        return any(old is not new for (_, old), (_, new) in both)

    def _filter(self, filter: Filter, node: Node, index: int | None) -> Filter:
        """
        Return a node's filter of a plugin.

        Args:
            index: of the filter that was in its place; None: there was none.
        """
        if index is None:
            return filter.of_node(node)
        before = self._filters[node][index]
        if self._edits.inserts[index][1] is filter:
            return before
        made = filter.of_node(node)
        if made is not filter and type(made) is type(before):  # else it has taken over already
            made.take_over(before)
        return made

    def _join(
        self, node: Node, filters: list[Filter], edits: Edits[Filter], limit_s: float | None
    ) -> CallStep:
        runtime = self._runtime
        plugin_context = runtime.plugin_context
        stack = Stack(ATTEMPT_ORDER)
        protocol = node.links.protocol
        if runtime.tracing is not None:
            tracer, address = runtime.tracing.tracer, node.instance.address
            traced = AttemptTracing(tracer, address, protocol, plugin_context)
            stack.put(Role.ATTEMPT_TRACING, "attempt tracing", traced)
        if limit_s is not None:
            limit = AttemptDeadline(limit_s, plugin_context)
            stack.put(Role.ATTEMPT_DEADLINE, "attempt deadline", limit)
        own = zip(edits.inserts, filters, strict=True)
        stack.edit(Edits(tuple((edit, filter) for (edit, _), filter in own), edits.removes))
        plans = self._plans_of(protocol)
        step: CallStep = Dispatch(node, runtime.payload, plans, runtime.timers).attempt
        facts = runtime.protocol(protocol).instance_metadata
        if facts:
            step = of_instance(node, facts, step)
        # The selection, which is above, relies on it; users' filters may be in the stack.
        return keeping_deadline(stack.build(step), runtime.timers)

    def _plans_of(self, protocol: str) -> MethodPlans:
        """
        Return the plans of the methods in the protocol that is spoken with a node.
        """
        codec = self._runtime.protocol(protocol).codec
        if codec not in self._plans:
            self._plans[codec] = MethodPlans(self._runtime.payload, codec)
        return self._plans[codec]


def _keys(edits: Edits[Filter]) -> list[tuple[str, int]]:
    """
    Return what finds the filter of each insert again: a filter may be inserted more than once.
    """
    labels = [edit.label for edit, _ in edits.inserts]
    return [(label, labels[:index].count(label)) for index, label in enumerate(labels)]
