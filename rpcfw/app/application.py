"""
An application: everything of one process, made from a plan, started and stopped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from os import PathLike
from types import TracebackType
from typing import Any, Concatenate, TypeVar, overload

from twisted.internet.defer import Deferred

from rpcfw.app.admin import make_admin
from rpcfw.app.clients import ClientTable
from rpcfw.app.collector import raise_gc_thresholds
from rpcfw.app.explaining import Explainer
from rpcfw.app.heap import keep_freed
from rpcfw.app.live_policies import LivePolicies
from rpcfw.app.parts import (
    make_registry,
    make_rules,
    plugins_part,
    process_parts,
    registry_parts,
    server_parts,
    warn_of_unused,
)
from rpcfw.app.plan import Plan, read_plan
from rpcfw.app.reactors import random_source, settle
from rpcfw.app.reactors import reactor as system_reactor
from rpcfw.app.rules.follower import RuleFollower
from rpcfw.app.running import check_coroutine, check_main, run_to_end
from rpcfw.app.runtime import make_runtime
from rpcfw.app.servers import Services, make_inspection, make_server
from rpcfw.client.assembly import Client
from rpcfw.client.callers import Conversation, P, R, Requests, T
from rpcfw.client.inspection import ClientInspection
from rpcfw.client.stub import calling, calling_method
from rpcfw.kernel.hooks import Hooks
from rpcfw.kernel.lifecycle import NamedPart, Tree
from rpcfw.kernel.settings import Sources
from rpcfw.server.server import Server
from rpcfw.spi.channel import Channel
from rpcfw.spi.runtime.clock import RandomSource
from rpcfw.spi.runtime.load_reporter import LoadReporter
from rpcfw.spi.runtime.waiting import run_detached
from rpcfw.spi.stream import Stream
from rpcfw.transport.network.endpoints import Network
from rpcfw.values.explanation import Explanation

__all__ = ["Application", "Services"]

C = TypeVar("C")


class Application:
    """
    One process.

    Clients may be asked for before and after the start. What was started is stopped
    in reverse order.

    Args:
        plan: what is asked for.
        reactor: Twisted's, or a clock for a process in memory.
        random: randomness.
        network: ways to listen and to connect, if not the reactor's own.
        services: served beside those that the plan names.
    """

    _clients: ClientTable

    def __init__(
        self,
        plan: Plan,
        reactor: Any,
        random: RandomSource,
        network: Network | None = None,
        services: Services = (),
    ) -> None:
        self.plan = plan
        self.runtime, self._plugins = make_runtime(
            plan, reactor, random, network, self._open_channel
        )
        plugin_context = self.runtime.plugin_context
        self._affinity = plugin_context.affinity
        self.registry = make_registry(plan, plugin_context)
        #: Where the rules of services are kept; None: nowhere.
        self.rules = make_rules(plan, self.registry, plugin_context)
        warn_of_unused(plan)
        self._servers: list[Server] = []
        self.policies = LivePolicies(plan, plugin_context, lambda: self.clients, self._servers)
        self._clients = ClientTable(self.runtime, self.registry, self.policies)
        self._follower = self._clients.rules = self._make_follower()
        self._explainer = Explainer(
            plan, self.policies, self._clients.client, self.runtime, self._follower
        )
        clients = ClientInspection(lambda: self.clients, self._explainer.explain_named)
        self._hooks = Hooks(self.runtime.timers)
        self.server = make_server(plan, self.runtime, services, clients)
        #: Shows this process to tools, at ports of its own.
        self.inspection = make_inspection(plan, self.runtime, self.server, clients)
        self._servers += filter(None, (self.server, self.inspection))
        #: Shows this process to people and to supervisors, by HTTP.
        self.admin = make_admin(
            plan, self.runtime, self.server, clients, lambda: self._tree, self.policies
        )
        self._tree = Tree(self._parts(), self.runtime.timers, plan.app.shutdown_timeout)

    def _make_follower(self) -> RuleFollower | None:
        if self.rules is None:
            return None
        return RuleFollower(
            self.rules,
            self.policies,
            lambda: self.clients,
            self.runtime.plugin_context,
            self.plan.rule_options.initial_timeout,
            lambda service: self.plan.client(service).options.snapshot_dir,
        )

    @property
    def load(self) -> LoadReporter:
        """
        Says how loaded this process is, to clients that ask. Its `set` adds a metric of yours.
        """
        return self.runtime.plugin_context.load

    @classmethod
    def from_ini(
        cls,
        *files: str | PathLike[str],
        sets: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        services: Services = (),
        own_thread: bool = False,
    ) -> Application:
        """
        Make an application from INI files, on the reactor that they ask for.

        It may be made anywhere, also where a module is imported: unless an asyncio loop
        runs here, the reactor is chosen when the application is started or run.

        Args:
            own_thread: the reactor is to run in a thread of its own, as it does for
                `rpcfw.blocking`.

        Raises:
            SettingsError: with every mistake in the configuration.
            SetupError: the reactor that is installed does not go with it.
        """
        plan = read_plan(Sources.load(files, environ, sets))
        keep_freed(plan.app.retained_memory)
        raise_gc_thresholds(plan.app.gc_thresholds)
        reactor = system_reactor(plan.app.reactor, own_thread=own_thread)
        return cls(plan, reactor, random_source(), services=services)

    # Clients.

    def client(self, service: type[C]) -> C:
        """
        Return an object that calls a service, typed as the class that is handed in.

        So type checkers see each ``async def`` as it is called. A plain function is awaited
        too, which they do not know: for that, and for streams in full, see `caller`.

        Args:
            service: a service class, or a stub class that protoc-gen-rpcfw wrote.
        """
        made: C = calling(service, self.channel)
        return made

    # The first that fits is taken, so what fits several stands from narrow to wide.
    @overload
    def caller(
        self, method: Callable[[Any, AsyncIterator[T]], AsyncIterator[R]], /
    ) -> Conversation[T, R]: ...

    @overload
    def caller(
        self, method: Callable[[Any, AsyncIterator[T]], Coroutine[Any, Any, R] | Deferred[R]], /
    ) -> Callable[[Requests[T]], Coroutine[Any, Any, R]]: ...

    @overload
    def caller(  # type: ignore[overload-overlap]  # the widest overlaps with all, on purpose
        self, method: Callable[Concatenate[Any, P], AsyncIterator[R]], /
    ) -> Callable[P, Stream[Any, R]]: ...

    @overload
    def caller(
        self, method: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /
    ) -> Callable[P, Coroutine[Any, Any, R]]: ...

    @overload
    def caller(
        self, method: Callable[Concatenate[Any, P], Deferred[R]], /
    ) -> Callable[P, Coroutine[Any, Any, R]]: ...

    @overload
    def caller(
        self, method: Callable[Concatenate[Any, P], R], /
    ) -> Callable[P, Coroutine[Any, Any, R]]: ...

    def caller(self, method: Any, /) -> Any:
        """
        Return a function that calls one method, typed in all four shapes.

        As in ``say = app.caller(Greeter.say)`` and then ``await say("bob")``.

        Args:
            method: as an attribute of the class that marks it.

        Raises:
            ContractError: it is no method of a service with a name.
        """
        return calling_method(method, self.channel)

    @property
    def clients(self) -> tuple[Client, ...]:
        """
        The clients that were asked for so far.
        """
        return self._clients.all

    def channel(self, service: str) -> Channel:
        """
        Return the channel to a service by name; the same one each time.
        """
        return self._clients.channel(service)

    async def explain(self, method: Any, /, *arguments: Any, **named: Any) -> Explanation:
        """
        Return which instances a call could go to now, and why; make no call.

        As in ``await app.explain(Greeter.say, "bob", metadata={"tag": "gray"})``.

        Args:
            method: as for `caller`; or a `Method`, with its one message.
            arguments: those of the call; so are ``named``.
        """
        return await self._explainer.asked(method, *arguments, **named)

    def _open_channel(self, *arguments: Any, **named: Any) -> Channel:
        return self._clients.open(*arguments, **named)

    # Coming and going.

    async def start(self) -> None:
        """
        Start every part, from the ground up. Calls that are made meanwhile wait.

        Raises:
            SetupError: a part could not be started; those that were are stopped. Or the
                application's reactor does not run where this is awaited.
        """
        self._tree.check_new()
        settle(self.runtime.reactor, self._affinity)
        self._clients.expect_start()
        try:
            await run_detached(self._start())
        except BaseException:
            self._affinity.release()
            self._clients.start_is_over(failed=True)
            raise
        self._clients.start_is_over()

    async def stop(self) -> None:
        """
        Stop every part, from the roof down, within ``shutdown_timeout``.

        Raises:
            SetupError: it was started elsewhere than where this is awaited.
        """
        self._affinity.check("Application.stop")
        await run_detached(self._stop())
        self._affinity.release()

    async def _start(self) -> None:
        try:
            await self._tree.start()
        except BaseException:
            await self._written()
            raise

    async def _stop(self) -> None:
        await self._tree.stop()
        await self._written()
        self.runtime.timers.stop()

    async def _written(self) -> None:
        """
        Return once the last bytes are written. The reactor, which writes them, may stop next.
        """
        await self.runtime.network.lingering.when_gone()

    def run(self, main: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """
        Be the whole program: start, run ``main`` in the reactor, stop.

        In another thread than the main one no signal ends it.

        ``main`` may await Deferreds, and asyncio's things where ``[app] reactor`` is
        asyncio or uvloop. Ctrl-C and SIGTERM cancel it; a second one ends the process.

        Returns:
            What ``main`` returns.

        Raises:
            SetupError: an asyncio loop or the reactor runs here already, or has run; or
                the application has.
            ContractError: ``main`` is no coroutine function.
        """
        check_main(main)
        self._tree.check_new()

        async def whole() -> T:
            async with self:
                running = main()
                check_coroutine(main, running)
                return await running

        return run_to_end(self.runtime.reactor, whole)

    async def __aenter__(self) -> Application:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def _parts(self) -> list[NamedPart]:
        parts = process_parts(self.runtime, self.registry, lambda: self.clients)
        # Probes ask while everything else starts or stops.
        if self.admin is not None:
            parts.append(NamedPart("the admin pages", self.admin.start, self.admin.stop))
        parts.append(plugins_part(self._hooks, self._plugins))
        parts += registry_parts(self.plan, self.registry, self.rules, self._follower)
        parts.append(NamedPart("the clients", self._clients.start, self._clients.stop))
        parts += server_parts(
            self.inspection, self.server, self.registry, self.rules, self.runtime.plugin_context
        )
        return parts
