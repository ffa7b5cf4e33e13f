"""
A client and its parts: filters in their places, nodes and links below them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any
from weakref import WeakSet

from rpcfw.client.channel import ClientChannel
from rpcfw.client.client_options import ClientOptions
from rpcfw.client.explained_call import ExplainedCall
from rpcfw.client.policies import Policies
from rpcfw.client.stacks import AttemptStacks, CallStacks
from rpcfw.cluster.directory import Directory
from rpcfw.cluster.health.options import HealthOptions
from rpcfw.cluster.health.probes import Probes
from rpcfw.cluster.health.switched import SwitchedHealth
from rpcfw.cluster.instance_rules import RuledInstances
from rpcfw.cluster.load_polls import LoadPolls
from rpcfw.cluster.node import Node
from rpcfw.cluster.nodes import Nodes
from rpcfw.cluster.routing import Routing
from rpcfw.cluster.selection import none_left, selection
from rpcfw.cluster.snapshot_file import SnapshotFile
from rpcfw.cluster.waiting_calls import WaitingCalls
from rpcfw.cluster.warm_up import WarmUp
from rpcfw.errors import CallError, Cancelled, NoInstances
from rpcfw.filters.configured import once_ready
from rpcfw.filters.metrics import ClientMetrics
from rpcfw.kernel.hooks import Hooks
from rpcfw.kernel.live_plugins import Generation, LivePlugins, Replacement
from rpcfw.kernel.stack import Stack
from rpcfw.spi.filter import CallStep
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.event import Event
from rpcfw.transport.runtime import Runtime
from rpcfw.values.call_options import CallOptions
from rpcfw.values.instance import Instance
from rpcfw.values.method import Method

__all__ = ["Client"]

_STOPPED = "this client has stopped"


class Client:
    """
    Everything below the channel to one service.

    Args:
        runtime: clock, reactor, threads and other things that the process shares.
        service: its name.
        options: see `ClientOptions`.
        policies: see `Policies`.
        health: how the health of its nodes is found out; None: it is not.
        probes: the reports of probers, which that may use.
    """

    def __init__(
        self,
        runtime: Runtime,
        service: str,
        options: ClientOptions,
        policies: Policies,
        health: HealthOptions | None = None,
        probes: Probes | None = None,
    ) -> None:
        self._runtime, context = runtime, runtime.plugin_context
        self.service = service
        self.created_at = runtime.clock.seconds()
        self._options = options
        self._directory: Directory | None = None
        self.policies = policies
        post = context.threads.post
        self._plugins = LivePlugins(policies.plugins.values(), Hooks(runtime.timers), post)
        self._call_stacks = CallStacks(policies.config, runtime)
        self.attempt_stacks = AttemptStacks(runtime, options.attempt_timeout, policies.attempt)
        self._warm_up = WarmUp(service, options.warm_up, context, self._forget_routes)
        self.health = SwitchedHealth(service, health, runtime, probes, self._forget_routes)
        self.nodes = self._make_nodes(options, policies.max_kept(options.max_connected_nodes))
        #: Passes instances on to the nodes, as the rules have them.
        self.instances = RuledInstances(self.nodes.update)
        self._load_polls = LoadPolls(runtime.clock, self.nodes)
        self._waiting_calls = WaitingCalls(runtime.clock, self.nodes)
        #: Policies that were replaced, as long as calls are in their stacks.
        self._former_routings: WeakSet[Routing] = WeakSet()
        self._routing = self._make_routing(policies)
        for router in policies.routers:
            router.on_change(self._forget_routes)
        self.stack = self._call_stacks.make(policies, self._routing)
        self._beginning: Event | None = None
        self.stopped = False
        stack = self._join(self.stack, self._routing, self._plugins.generation)
        self.channel = ClientChannel(
            stack,
            options,
            runtime.timers,
            self.stop,
            post,
            context.affinity,
            policies.config,
            partial(once_ready, context, stack),
        )

    @property
    def metrics(self) -> ClientMetrics:
        """
        What counts its calls.
        """
        return self._call_stacks.metrics

    def expect_start(self) -> None:
        """
        Let calls wait for the start. Otherwise they fail, because nothing was started.
        """
        if self._directory is None and self._beginning is None:
            self._beginning = Event()
            # An earlier call may have been answered that no instance is known.
            self._forget_routes()

    async def start(self, registry: Registry) -> None:
        """
        Watch the service in a registry. Returns at once; calls wait for the first list.
        """
        try:
            await self._start(registry)
        finally:
            self.expect_no_start()

    async def start_alone(self) -> None:
        """
        Start the policies, without a registry.
        """
        try:
            await self._plugins.start()
        finally:
            self.expect_no_start()

    def _poll_loads(self) -> None:
        if not self.stopped and self._directory is not None:
            self._load_polls.use(self.policies.report_interval_s)

    async def _start(self, registry: Registry) -> None:
        await self._plugins.start()
        if self.stopped:
            return  # meanwhile
        runtime, options = self._runtime, self._options
        file = None
        if options.snapshot_dir:
            file = SnapshotFile(options.snapshot_dir, runtime.plugin_context.threads)
        self._directory = Directory(
            registry, self.service, options, runtime.clock, file, self.instances.take
        )
        self._poll_loads()
        for router in self.policies.routers:
            router.follow(registry)
        await self._directory.start()

    def expect_no_start(self) -> None:
        """
        Let the calls that wait for the start continue: it has succeeded or failed.
        """
        beginning, self._beginning = self._beginning, None
        if beginning is not None:
            beginning.set()

    def use(self, instances: Sequence[Instance]) -> None:
        """
        Call these instances, without a registry.
        """
        self.nodes.update(instances)

    async def stop(self) -> None:
        """
        Close the watch of the registry and every connection. Open calls fail as cancelled.
        """
        self.stopped = True
        if self._directory is not None:
            self._directory.stop()
        self._warm_up.stop()
        self._load_polls.stop()
        self.health.stop()
        self._waiting_calls.stop()
        self.nodes.close(Cancelled(_STOPPED))
        self.expect_no_start()
        self.channel.release()
        await self._plugins.stop()

    def replacement(
        self, policies: Policies, options: ClientOptions, health: HealthOptions | None
    ) -> Replacement:
        """
        Return what puts other policies in the place of those that this client has.

        Args:
            policies: with others in the place of some of them.
            options: the same, but for time limits and what names policies.
            health: how the health of its nodes is found out from now on.
        """
        pairs = self.policies.changes(policies)
        return Replacement(self._plugins, pairs, partial(self._replace, policies, options, health))

    def explain(self, method: Method, request: Any, options: CallOptions) -> ExplainedCall:
        """
        Return what would become of a call now. None is made, and nothing is changed.
        """
        call = self.channel.begin(method, request, options)
        route, error = self._routing.explain_route(call), ""
        if not route.nodes:
            error = self._none_known(self.service).message
        elif not route.left:
            error = none_left(call, len(route.nodes), *route.emptied_by).message
        breakers = {
            node: each for node in route.nodes for each in self.attempt_stacks.breakers(node)
        }
        states = {node: each.explain(call) for node, each in breakers.items()}
        refusing = frozenset(node for node, each in breakers.items() if each.refuses(call))
        timeout_s = round(call.deadline - self._runtime.timers.seconds(), 3)
        probes = {node: self.health.probers_say(node) for node in route.nodes}
        return ExplainedCall(call, route, timeout_s, error, states, refusing, probes)

    @property
    def has_list(self) -> bool:
        """
        Whether the list of instances is known; it may be empty.
        """
        return self._directory is not None and self._directory.has_list

    async def first_list(self) -> None:
        """
        Return when the list of instances is known.
        """
        if self._beginning is not None:
            await self._beginning.wait()
        if self._directory is not None:
            await self._directory.first_list()

    def _why_silent(self) -> str:
        """
        Return why the list of instances is not known yet.
        """
        if self._directory is None:
            return f"this application was still starting, so it asked nobody for {self.service}"
        return self._directory.why_silent

    def _none_known(self, service: str) -> CallError:
        """
        Return the error of a call to a service without nodes.
        """
        if self.stopped:
            return Cancelled(_STOPPED)
        why = "this application has not been started"
        if self._directory is not None:
            strangers = self.instances.why_none or self.nodes.why_none
            if strangers:
                return NoInstances(f"no instance of {service} can be called: {strangers}")
            why = self._directory.why_none
        return NoInstances(f"no instance of {service} is known: {why}")

    def _replace(
        self,
        policies: Policies,
        options: ClientOptions,
        health: HealthOptions | None,
        generation: Generation,
    ) -> Callable[[], None]:
        """
        Make the stacks for other policies; return what puts them in place.
        """
        former, routing = self.policies, self._routing
        if not policies.routes_as(former):
            routing = self._make_routing(policies)
        stack = self._call_stacks.make(policies, routing)
        joined = self._join(stack, routing, generation)
        limit_s = options.attempt_timeout
        put_attempts = self.attempt_stacks.replace(policies.attempt, limit_s, self.nodes)

        def put() -> None:
            if routing is not self._routing:
                self._former_routings.add(self._routing)
            self.policies, self._routing, self.stack = policies, routing, stack
            put_attempts()
            self.nodes.keep(policies.max_kept(options.max_connected_nodes))
            self.channel.limit(options)
            if not self.stopped:
                self.health.use(health, self.nodes)
            self._poll_loads()
            self.channel.use(joined, partial(once_ready, self._runtime.plugin_context, joined))
            for router in policies.routers:
                if router not in former.routers:
                    router.on_change(self._forget_routes)
                    if self._directory is not None:
                        router.follow(self._directory.registry)

        return put

    def _make_nodes(self, options: ClientOptions, max_kept: int) -> Nodes:
        return Nodes(
            options.protocols,
            self._runtime.make_pool,
            self.attempt_stacks.prepare,
            self._watch,
            self._forget_routes,
            self._links_changed,
            max_kept,
        )

    def _make_routing(self, policies: Policies) -> Routing:
        routing = Routing(
            policies.routers,
            policies.balancer,
            dict(policies.method_balancers),
            self._runtime.plugin_context,
            self.first_list,
            self._why_silent,
            lambda: self.health.panic_share,
        )
        routing.use(self.nodes)
        return routing

    def _join(self, stack: Stack, routing: Routing, generation: Generation) -> CallStep:
        """
        Return the function that passes a call through the stack.
        """
        innermost = selection(self._runtime.timers.seconds, self._none_known, routing.route)
        return stack.build(generation.held_by(innermost))

    def _watch(self, nodes: Iterable[Node]) -> None:
        """
        Take note of the nodes that there are now.
        """
        present = tuple(nodes)
        self._warm_up.weigh(present)
        self.health.watch(present)

    def _links_changed(self, node: Node) -> None:
        self.health.links_changed(node)
        self._waiting_calls.links_changed()
        self._forget_routes()

    def _forget_routes(self) -> None:
        self._routing.forget()
        for routing in self._former_routings:
            routing.forget()
