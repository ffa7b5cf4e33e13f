"""
Where a call may go: the router chain, remembered, and a picker for what it leaves.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

from attrs import define, evolve

from rpcfw.cluster.each_node import EachNode
from rpcfw.cluster.health.healthiest import healthiest
from rpcfw.cluster.node import Node, Rank
from rpcfw.cluster.nodes import Nodes
from rpcfw.cluster.route_explained import ExplainedRoute, RouterStep
from rpcfw.cluster.route_memo import MAX_ROUTES, RouteMemo
from rpcfw.errors import DeadlineExceeded
from rpcfw.spi.balancer import Balancer, Picker
from rpcfw.spi.deadline_keeping import until_deadline
from rpcfw.spi.filter import CallStep, Filter
from rpcfw.spi.plugin import NoOptions, PluginContext, title_of
from rpcfw.spi.router import Router
from rpcfw.spi.runtime.waiting import CANCELLED, as_coroutine
from rpcfw.status import Hint
from rpcfw.transport.pool.link import LinkState
from rpcfw.values.call import Call
from rpcfw.values.phases import Phases

__all__ = ["Route", "Routing"]

#: So many nodes are connected at a time for future calls, beyond those that are kept.
_MAX_CONNECTING = 8
#: The same while no node is connected and some have failed. Then calls fail until one of
#: the others connects, so more of them are tried at a time.
_MAX_CONNECTING_NONE_READY = 64
#: So many further nodes are kept for a call that has tried all that are connected.
_MAX_SPARE = 32


@define(eq=False)
class Route:
    """
    The nodes that the routers selected for calls with the same key.

    Args:
        picker: picks one of the nodes; None if there are none.
        nodes: how many are live.
        left: how many nodes passed all routers.
        available: how many of those the picker has.
        spare: nodes for a call that has tried all of the picker's: those without a known
            problem that are not connected yet, and those that are sub-healthy.
        emptied_by: the router that selected no node; empty if there are some.
        refusal: why that router refuses the call; empty if other nodes could take it.
        all: the nodes that passed all routers, for calls that go to each of them.
        used: since `RouteMemo` looked last.
    """

    picker: Picker | None
    nodes: int
    left: int
    available: int
    spare: Sequence[Node] = ()
    emptied_by: str = ""
    refusal: str = ""
    all: Sequence[Node] = ()
    used: bool = False

    def to_each(self) -> Route:
        """
        Return a route for the attempts of one call that goes to each node once.
        """
        if self.picker is None:
            return self
        return evolve(self, picker=EachNode(self.picker, self.all), spare=(), all=())


class Routing(Filter):
    """
    The ROUTING filter: gives each attempt its route.

    Its owner calls `forget` when the rules of a router have changed.

    Args:
        routers: in order.
        balancer: makes the pickers.
        method_balancers: make them for the methods of these names instead.
        plugin_context: of the process.
        first_list: awaited before the first answer: returns once nodes are known, or
            it is known that there are none.
        why_silent: says why that takes so long, for errors.
        panic_share: returns the share: if less than it of the nodes is healthy, all are used.
    """

    #: But for the first list, and there it keeps the deadline.
    waits = False

    def __init__(
        self,
        routers: Sequence[Router],
        balancer: Balancer,
        method_balancers: Mapping[str, Balancer],
        plugin_context: PluginContext,
        first_list: Callable[[], Awaitable[None]],
        why_silent: Callable[[], str],
        panic_share: Callable[[], float],
    ) -> None:
        super().__init__(NoOptions(), plugin_context)
        self._routers = tuple(routers)
        self._balancer = balancer
        self._method_balancers = method_balancers
        self._first_list = first_list
        self._why_silent = why_silent
        self._panic_share = panic_share
        self._emptied = plugin_context.meter.counter(
            "rpcfw_client_routes_empty_total",
            "times that a router left no instance for some calls",
            "router",
        )
        self._nodes: Nodes | None = None
        self._routes: RouteMemo[Route] = RouteMemo()
        #: By method, as in `_method_key`, and nodes: a picker may hold thousands of nodes, and
        #: routes of many keys may have the same.
        self._pickers: WeakValueDictionary[Hashable, Picker] = WeakValueDictionary()
        #: Likewise the nodes that the routers left, each set of them once.
        self._sets: dict[tuple[Node, ...], tuple[Node, ...]] = {}

    def use(self, nodes: Nodes) -> None:
        """
        Route among these nodes.
        """
        self._nodes = nodes

    def forget(self) -> None:
        """
        Nodes, links, weights or rules have changed: every route is computed again.
        """
        self._routes.clear()
        self._pickers.clear()
        self._sets.clear()

    async def apply(self, call: Call, proceed: CallStep) -> Any:
        return await self.bind(proceed)(call)

    def bind(self, proceed: CallStep) -> CallStep:
        remembered = self._routes.get
        keys = self._keys()
        only = keys[0] if len(keys) == 1 else None
        seconds = self.plugin_context.clock.seconds

        def step(call: Call) -> Any:
            route = remembered(None)
            if route is None:
                return self._first(call, proceed)
            call.route = route
            return proceed(call)

        def step_with_keys(call: Call) -> Any:
            began = 0.0 if call.phases is None else seconds()
            key = only(call) if only else tuple([key(call) for key in keys])
            route = remembered(key)
            if call.phases is not None:
                call.phases.route += seconds() - began
            if route is None:
                return self._first(call, proceed)
            route.used = True
            call.route = route
            return proceed(call)

        return step_with_keys if keys else step

    def explain_route(self, call: Call) -> ExplainedRoute:
        """
        Return where a call may go now, and why. It changes nothing, and connects to nothing.
        """
        nodes = [] if self._nodes is None else list(self._nodes)
        steps = [
            RouterStep(router, before, after, router.reasons(call, before, after))
            for router, before, after in self._steps(call, nodes)
        ]
        left, emptied_by = (steps[-1].after if steps else nodes), ("", "")
        if steps and not left:
            emptied_by = title_of(steps[-1].router), steps[-1].router.refusal(call)
        usable = healthiest(next(iter(_ranks(left).values()), []), self._panic_share())
        method = self._method_key(call)
        balancer = self._balancer_of(method)
        picker = self._pickers.get((method, tuple(usable)))
        if picker is None and usable:
            picker = balancer.preview(usable)
        shares = None if picker is None else picker.shares(call)
        return ExplainedRoute(nodes, steps, left, usable, balancer, emptied_by, shares)

    async def _first(self, call: Call, proceed: CallStep) -> Any:
        """
        Route a call for which no answer is remembered.
        """
        phases, seconds = call.phases or Phases(), self.plugin_context.clock.seconds
        call.phases, began = phases, seconds()  # of every call: this may take long
        try:
            waiting = as_coroutine(self._first_list())
            await until_deadline(waiting, call, self.plugin_context.timers)
        except CANCELLED:
            if seconds() < call.deadline:
                raise
            raise DeadlineExceeded(self._why_silent(), hints=Hint.NEVER_SENT) from None
        finally:
            phases.route += seconds() - began
        # The rules may have come with the list, so the key is computed anew.
        call.route = self.route(call)
        return await proceed(call)

    def route(self, call: Call) -> Route:
        """
        Return where a call may go now: the answer for its key, or a new one.
        """
        seconds = self.plugin_context.clock.seconds
        began = seconds()
        keys = [key(call) for key in self._keys()]
        key = tuple(keys) if len(keys) > 1 else next(iter(keys), None)
        route = self._routes.get(key) or self._find(key, call)
        if call.phases is not None:
            call.phases.route += seconds() - began
        return route

    def _keys(self) -> list[Callable[[Call], Hashable]]:
        """
        Return what makes the parts of the key of a call.

        A router that does not say what its result depends on has the same for all calls.
        """
        own = [each for each in self._routers if type(each).key is not Router.key]
        keys: list[Callable[[Call], Hashable]] = [each.key for each in own]
        if self._method_balancers:
            keys.append(self._method_key)
        return keys

    def _find(self, key: Hashable, call: Call) -> Route:
        nodes = [] if self._nodes is None else list(self._nodes)
        left, emptied_by, refusal = self._narrow(call, nodes)
        if len(left) < len(nodes):
            # Routers pass over nodes that cannot be reached. Without a call that wants them,
            # nobody else would find out that they can be reached again.
            _dial([node for node in nodes if node.links.failed], _MAX_CONNECTING)
        ranks = _ranks(left)
        if len(ranks) > 1:
            # It may change the ranks at once, so they are computed again.
            connected = Rank.READY in ranks or Rank.SATURATED in ranks
            _dial(left, _MAX_CONNECTING if connected else _MAX_CONNECTING_NONE_READY)
            ranks = _ranks(left)
        best = next(iter(ranks.values()), [])
        usable = healthiest(best, self._panic_share())
        picker = self._picker(self._method_key(call), usable) if usable else None
        spare = ranks.get(Rank.UNTRIED, [])[:_MAX_SPARE] if Rank.READY in ranks else []
        if len(usable) < len(best):
            healthy = set(usable)
            spare += [node for node in best if node not in healthy][:_MAX_SPARE]
        route = Route(
            picker,
            len(nodes),
            len(left),
            len(usable),
            spare,
            emptied_by,
            refusal,
            self._known_set(left),
        )
        self._routes.add(key, route)
        return route

    def _known_set(self, nodes: Sequence[Node]) -> tuple[Node, ...]:
        if len(self._sets) >= MAX_ROUTES:
            self._sets.clear()
        found = tuple(nodes)
        return self._sets.setdefault(found, found)

    def _picker(self, method: str, nodes: Sequence[Node]) -> Picker:
        key = method, tuple(nodes)
        picker = self._pickers.get(key)
        if picker is None:
            picker = self._pickers[key] = self._balancer_of(method).picker(nodes)
        return picker

    def _balancer_of(self, method: str) -> Balancer:
        return self._method_balancers.get(method, self._balancer)

    def _method_key(self, call: Call) -> str:
        name = call.method.name
        return name if name in self._method_balancers else ""

    def _narrow(self, call: Call, nodes: Sequence[Node]) -> tuple[Sequence[Any], str, str]:
        """
        Return the nodes that the routers leave, which router left none, and its refusal.
        """
        left: Sequence[Any] = nodes
        for router, _, left in self._steps(call, nodes):
            if not left:
                title = title_of(router)
                self._emptied.of(title).value += 1
                return left, title, router.refusal(call)
        return left, "", ""

    def _steps(
        self, call: Call, nodes: Sequence[Node]
    ) -> Iterator[tuple[Router, Sequence[Any], Sequence[Any]]]:
        """
        Yield each router, what it was given and what it left, up to the one that left nothing.
        """
        left: Sequence[Any] = nodes
        for router in self._routers:
            if not left:
                return
            before, left = left, router.narrow(call, left)
            yield router, before, left


def _ranks(nodes: Sequence[Node]) -> dict[Rank, list[Node]]:
    """
    Return the nodes by their rank, the best first; a rank that none has is left out.

    Drained nodes, of weight 0, are among them only if no other is connected.
    """
    found: dict[Rank, list[Node]] = {}
    drained = []
    for node in nodes:
        if node.weight:
            found.setdefault(node.rank, []).append(node)
        else:
            drained.append(node)
    if Rank.READY not in found and Rank.SATURATED not in found:
        for node in drained:
            found.setdefault(node.rank, []).append(node)
    return dict(sorted(found.items()))


def _dial(nodes: Sequence[Node], limit: int) -> None:
    """
    Connect to some of the nodes that no call is sent to while others are ready.

    Each of them that becomes ready, or fails, is a change. So the next call dials further
    ones, until the load is spread over all. Those whose last try has failed come last.
    """
    waiting = [node for node in nodes if not node.links.kept]
    dialling = sum(node.links.state is LinkState.CONNECTING for node in waiting)
    idle = [node for node in waiting if node.links.state is LinkState.IDLE]
    idle.sort(key=lambda node: node.links.failed)
    for node in idle[: max(0, limit - dialling)]:
        node.links.connect()
