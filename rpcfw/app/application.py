"""
An application: everything of one process, made from a plan, started and stopped.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from os import PathLike
from types import TracebackType
from typing import Any, Concatenate, TypeVar, overload

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.app.collector import collect_seldom
from rpcfw.app.heap import keep_freed
from rpcfw.app.loading import load_services
from rpcfw.app.plan import ClientPlan, Plan, read_plan
from rpcfw.app.reactors import random_source, settle
from rpcfw.app.reactors import reactor as system_reactor
from rpcfw.app.running import check_coroutine, check_main, run_to_end
from rpcfw.app.runtime import make_ground
from rpcfw.client.assembly import Client, Policies
from rpcfw.client.callers import Conversation, P, R, Requests, T
from rpcfw.client.inspection import ClientInspection
from rpcfw.client.stub import calling, calling_method
from rpcfw.errors import ContractError, SetupError
from rpcfw.kernel.hooks import Hooks
from rpcfw.kernel.lifecycle import NamedPart, Tree
from rpcfw.kernel.settings import Sources
from rpcfw.server.server import Server
from rpcfw.spi.channel import Channel
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.clock import RandomSource
from rpcfw.spi.runtime.waiting import run_detached, spawn
from rpcfw.spi.service import Service
from rpcfw.spi.stream import Stream
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.runtime import Runtime
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw.values.tls_files import TLSFiles

__all__ = ["Application", "Services"]

C = TypeVar("C")

#: Service objects, or what makes them from what surrounds them in the process.
Services = Sequence[Service] | Callable[[PluginContext], Sequence[Service]]


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

    log = Logger()

    def __init__(
        self,
        plan: Plan,
        reactor: Any,
        random: RandomSource,
        network: Network | None = None,
        services: Services = (),
    ) -> None:
        self.plan = plan
        self.runtime, self._plugins = make_ground(
            plan, reactor, random, network, self._open_channel
        )
        plugin_context = self.runtime.plugin_context
        self._affinity = plugin_context.affinity
        self.registry: Registry | None = None
        if plan.registry is not None:
            self.registry = plan.registry.make(plugin_context)
            self.registry.name = plan.registry.name
        self._clients: dict[str, Client] = {}
        for each in {client.config for client in plan.clients.values() if client.config}:
            if each.unused:
                self.log.warn("not used of the service config: {names}", names=list(each.unused))
        self._running = self._starting = False
        self._hooks = Hooks(self.runtime.timers)
        self.server = self._make_server(services)
        self._tree = Tree(self._parts(), self.runtime.timers, plan.app.shutdown_timeout)

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
        collect_seldom(plan.app.gc_thresholds)
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
            method: as it stands in the class that marks it.

        Raises:
            ContractError: it is no method of a service with a name.
        """
        return calling_method(method, self.channel)

    @property
    def clients(self) -> tuple[Client, ...]:
        """
        The clients that were asked for so far.
        """
        return tuple(self._clients.values())

    def channel(self, service: str) -> Channel:
        """
        Return the channel to a service by name; the same one each time.
        """
        client = self._clients.get(service)
        if client is None:
            made = self._make_client(service, self.plan.client(service))
            # Another thread may have been faster. Then this one is not used, or started.
            client = self._clients.setdefault(service, made)
            if client is made:
                self._start_if_running(made)
        return client.channel

    def _start_if_running(self, client: Client) -> None:
        if self._starting or self._running:
            # Under asyncio the start below begins a turn later; a call may be sooner.
            client.expect_start()
        if self._running:
            self._beside(f"the client of {client.service}", self._start_client, client)

    def _make_client(
        self, service: str, plan: ClientPlan, runtime: Runtime | None = None
    ) -> Client:
        plugin_context = self.runtime.plugin_context
        policies = Policies(
            balancer=plan.balancer.make(plugin_context),
            retry=plan.retry.make(plugin_context),
            routers=[chosen.make(plugin_context) for chosen in plan.routers],
            filters=[(edit, chosen.make(plugin_context)) for edit, chosen in plan.filters],
            config=plan.config,
        )
        return Client(runtime or self.runtime, service, plan.options, policies)

    def _open_channel(
        self, address: Address, protocol: str, tls: TLSFiles | None = None
    ) -> Channel:
        """
        Open a channel to one address, for plugins.
        """
        plan = self.plan.clients[""]
        # Only what needs no registry: routers and users' filters may be about services.
        options = evolve(plan.options, protocols=(protocol,), remove=())  # type: ignore[misc]  # attrs all the same
        bare = evolve(plan, routers=(), filters=(), options=options)
        runtime = self.runtime if tls is None else self.runtime.secured(tls)
        client = self._make_client(str(address), bare, runtime)
        client.use([Instance(str(address), str(address), address, (protocol,))])
        client.expect_start()
        self._beside(f"the channel to {address}", client.start_alone)
        return client.channel

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
        self._starting = True
        for client in self.clients:
            client.expect_start()
        try:
            await run_detached(self._start())
        except BaseException:
            self._affinity.release()
            for client in self.clients:
                client.expect_no_start()
            raise
        finally:
            self._starting = False

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
        Return once what was said last has left. The reactor, which writes it, may end next.
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
        parts = [
            NamedPart("the heartbeat", self._start_heartbeat, self._stop_heartbeat),
            NamedPart("the plugins", self._start_plugins, self._hooks.stop),
        ]
        if self.registry is not None:
            parts.append(NamedPart("the registry", self.registry.start, self.registry.stop))
        parts.append(NamedPart("the clients", self._start_clients, self._stop_clients))
        server = self.server
        if server is not None:

            async def start() -> None:
                await server.start(self.registry)

            parts.append(NamedPart("the server", start, server.stop))
        return parts

    async def _start_heartbeat(self) -> None:
        self.runtime.pauses.start()

    async def _stop_heartbeat(self) -> None:
        self.runtime.pauses.stop()

    async def _start_plugins(self) -> None:
        try:
            await self._hooks.start(self._plugins)
        except BaseException:
            await self._hooks.stop()
            raise

    async def _start_clients(self) -> None:
        self._running = True
        try:
            for client in self.clients:
                await self._start_client(client)
        except BaseException:
            await self._stop_clients()  # those that were started
            raise

    async def _start_client(self, client: Client) -> None:
        if self.registry is None:
            raise SetupError("a client needs a registry: set [registry] plugin")
        await client.start(self.registry)

    def _beside(
        self, what: str, start: Callable[..., Coroutine[Any, Any, None]], *arguments: Any
    ) -> None:
        """
        Start something that nobody waits for; what goes wrong is logged.

        Clients may be asked for in any thread, but each is started in the reactor's.
        """

        def failed(failure: Failure) -> None:
            self.log.failure("{what} did not start", failure=failure, what=what)

        def begin() -> None:
            spawn(start(*arguments)).addErrback(failed)

        affinity = self._affinity
        if affinity.current() == affinity.expected:
            begin()
            return
        with suppress(RuntimeError):  # of a loop that is closed: the call will say so
            self.runtime.plugin_context.threads.post(begin)

    async def _stop_clients(self) -> None:
        self._running = False
        # Others may be asked for meanwhile; those are never started.
        for client in self.clients:
            await client.stop()

    def _make_server(self, services: Services) -> Server | None:
        plan, plugin_context = self.plan, self.runtime.plugin_context
        made = services(plugin_context) if callable(services) else services
        place = plan.place("server", "services")
        served = [*made, *load_services(plan.server.services, plugin_context, place)]
        if not served:
            return None
        filters = [(edit, chosen.make(plugin_context)) for edit, chosen in plan.server_filters]
        builtin = [chosen.make(plugin_context) for chosen in plan.builtin]
        clients = ClientInspection(lambda: self.clients)
        try:
            return Server(self.runtime, plan.server, served, filters, builtin, clients)
        except ContractError as error:
            if not plan.server.services:
                raise  # of the program's own
            raise ContractError(f"{place}: {error}") from error
