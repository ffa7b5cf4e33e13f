"""
A client, put together: filters in their places, nodes and links below them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from attrs import frozen

from rpcfw.client.channel import ClientChannel, TimeLimits
from rpcfw.client.dispatch import Coders, dispatch
from rpcfw.cluster.directory import Directory, DirectoryOptions
from rpcfw.cluster.node import Node
from rpcfw.cluster.nodes import Nodes
from rpcfw.cluster.routing import Routing
from rpcfw.cluster.selection import selection
from rpcfw.cluster.snapshot_file import SnapshotFile
from rpcfw.errors import CallError, Cancelled, NoInstances
from rpcfw.filters.configured import attempt_filters, once_ready
from rpcfw.filters.deadline import AttemptDeadline, ClientDeadline
from rpcfw.filters.metrics import ClientMetrics
from rpcfw.filters.retry import AttemptCount
from rpcfw.kernel.hooks import Hooks
from rpcfw.kernel.orders import ATTEMPT_ORDER, CALL_ORDER
from rpcfw.kernel.stack import Insert, Stack
from rpcfw.spi.balancer import Balancer
from rpcfw.spi.filter import Filter, Role
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import NoOptions, Plugin
from rpcfw.spi.registry import Registry
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.spi.router import Router
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.transport.runtime import Runtime
from rpcfw.values.instance import Instance
from rpcfw.values.service_config import ServiceConfig
from rpcfw.values.units import Seconds

__all__ = ["Client", "ClientOptions", "Policies"]

_STOPPED = "this client has stopped"


@options
class ClientOptions(TimeLimits, DirectoryOptions):
    """
    How services are called.
    """

    attempt_timeout: Seconds | None = option(
        "", "time limit of one attempt; empty: only that of the call"
    )
    service_config: Path | None = option(
        "", "JSON file with a gRPC service config: time limits, retries and hedging by method"
    )
    protocols: tuple[str, ...] = option("native", "wire protocols to use, best first")
    routers: tuple[str, ...] = option(
        "", "routers in their order, each with a section [router NAME]"
    )
    insert: tuple[Insert, ...] = option("", "filters to insert, as: mine before ATTEMPTS")
    remove: tuple[str, ...] = option("", "filters to remove, by their place")
    max_connected_nodes: int = option(
        "64",
        "number of nodes that stay connected without calls; others connect for a call",
        was="kept_links",
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what leaves no way to call, and what is less than none.
        """
        if not self.protocols:
            yield "protocols", "name at least one wire, as native"
        if self.max_connected_nodes < 0:
            yield "max_connected_nodes", f"must be at least 0, not {self.max_connected_nodes}"


@frozen(eq=False)
class Policies:
    """
    The plugins that one service's client decides by, made for it.
    """

    balancer: Balancer
    retry: RetryPolicy
    routers: Sequence[Router] = ()
    filters: Sequence[tuple[Insert, Filter]] = ()
    config: ServiceConfig | None = None


class Client:
    """
    All that stands behind the channel to one service.

    Args:
        runtime: what the process stands on.
        service: its name.
        options: see `ClientOptions`.
        policies: see `Policies`.
    """

    def __init__(
        self, runtime: Runtime, service: str, options: ClientOptions, policies: Policies
    ) -> None:
        self._ground = runtime
        self.service = service
        self.created_at = runtime.clock.seconds()
        self._options = options
        self._coders = Coders(runtime.payload)
        self._directory: Directory | None = None
        self._routing = Routing(
            policies.routers,
            policies.balancer,
            runtime.plugin_context,
            self.when_told,
            self._why_silent,
        )
        self.nodes = Nodes(
            options.protocols,
            runtime.make_pool,
            self._prepare,
            self._routing.forget,
            options.max_connected_nodes,
        )
        self._routing.use(self.nodes)
        self.metrics = ClientMetrics(NoOptions(), runtime.plugin_context)
        self.stack = self._call_stack(policies)
        self._plugins: list[Plugin] = [
            policies.balancer,
            policies.retry,
            *policies.routers,
            *(filter for _, filter in policies.filters),
        ]
        self._hooks = Hooks(runtime.timers)
        self._beginning: dict[Waiter[None], None] | None = None
        self.stopped = False
        innermost = selection(runtime.timers.seconds, self._none_known)
        stack = self.stack.build(innermost)
        self.channel = ClientChannel(
            stack,
            options,
            runtime.timers,
            self.stop,
            runtime.plugin_context.threads.post,
            runtime.plugin_context.affinity,
            policies.config,
            partial(once_ready, runtime.plugin_context, stack),
        )

    def expect_start(self) -> None:
        """
        Have calls wait for the start, instead of failing for want of one.
        """
        if self._directory is None and self._beginning is None:
            self._beginning = {}
            self._routing.forget()  # that there was nobody, to a call before this

    async def start(self, registry: Registry) -> None:
        """
        Follow the service in a registry. Returns at once; calls wait for its word.
        """
        try:
            await self._start(registry)
        finally:
            self.expect_no_start()

    async def start_alone(self) -> None:
        """
        Start what calls are decided by, without a registry.
        """
        try:
            await self._start_plugins()
        finally:
            self.expect_no_start()

    async def _start(self, registry: Registry) -> None:
        await self._start_plugins()
        if self.stopped:
            return  # meanwhile
        runtime, options = self._ground, self._options
        file = None
        if options.snapshot_dir:
            file = SnapshotFile(options.snapshot_dir, runtime.plugin_context.threads)
        self._directory = Directory(
            registry, self.service, options, runtime.clock, file, self.nodes.update
        )
        await self._directory.start()

    def expect_no_start(self) -> None:
        """
        Let the calls go on that wait for the start: it is done, or did not come about.
        """
        waiting, self._beginning = tuple(self._beginning or ()), None
        for waiter in waiting:
            if not waiter.called:
                waiter.callback(None)

    def use(self, instances: Sequence[Instance]) -> None:
        """
        Call these instances, without a registry.
        """
        self.nodes.update(instances)

    async def stop(self) -> None:
        """
        Let go of the registry and of every connection. Open calls fail as cancelled.
        """
        self.stopped = True
        if self._directory is not None:
            self._directory.stop()
        self.nodes.close(Cancelled(_STOPPED))
        self.expect_no_start()
        await self._hooks.stop()

    @property
    def told(self) -> bool:
        """
        Whether it is known where the service is, be it nowhere.
        """
        return self._directory is not None and self._directory.told

    async def when_told(self) -> None:
        """
        Return once it is known where the service is.
        """
        if self._beginning is not None:
            waiter: Waiter[None] = Waiter()
            beginning = self._beginning
            beginning[waiter] = None
            try:
                await waiter
            finally:  # given up: a start that lasts must not gather them
                beginning.pop(waiter, None)
        if self._directory is not None:
            await self._directory.when_told()

    async def _start_plugins(self) -> None:
        while self._plugins and not self.stopped:
            await self._hooks.start((self._plugins.pop(0),))
        if self.stopped:
            await self._hooks.stop()  # what was being started as the client stopped

    def _why_silent(self) -> str:
        """
        Say why it is not known yet where the service is.
        """
        if self._directory is None:
            return f"this application was still starting, so it asked nobody for {self.service}"
        return self._directory.why_silent

    def _none_known(self, service: str) -> CallError:
        """
        Return the error of a call of which no node is known.
        """
        if self.stopped:
            return Cancelled(_STOPPED)
        why = "this application has not been started"
        if self._directory is not None:
            strangers = self.nodes.why_none
            if strangers:
                return NoInstances(f"no instance of {service} can be called: {strangers}")
            why = self._directory.why_none
        return NoInstances(f"no instance of {service} is known: {why}")

    def _call_stack(self, policies: Policies) -> Stack:
        plugin_context = self._ground.plugin_context
        stack = Stack(CALL_ORDER)
        stack.put(Role.METRICS, "metrics", self.metrics)
        stack.put(Role.DEADLINE, "deadline", ClientDeadline(NoOptions(), plugin_context))
        for label, each in attempt_filters(policies.config, policies.retry, plugin_context):
            stack.put(Role.ATTEMPTS, label, each)
        stack.put(Role.ROUTING, "routing", self._routing)
        for edit, filter in policies.filters:
            stack.insert(edit, filter)
        for place in self._options.remove:
            stack.remove(place)
        return stack

    def _prepare(self, node: Node) -> None:
        """
        Give a node its attempt stack.
        """
        runtime = self._ground
        stack = Stack(ATTEMPT_ORDER)
        limit_s = self._options.attempt_timeout
        if limit_s is not None:
            filter = AttemptDeadline(limit_s, runtime.plugin_context)
            stack.put(Role.ATTEMPT_DEADLINE, "attempt deadline", filter)
        spoken = [name for name in self._options.protocols if name in node.instance.protocols]
        header = runtime.protocol(spoken[0]).attempts_header if spoken else ""
        if header:
            count = AttemptCount(header, runtime.plugin_context)
            stack.put(Role.CREDENTIALS, "attempt count", count)
        node.attempt = stack.build(dispatch(node, runtime.payload, self._coders, runtime.timers))
