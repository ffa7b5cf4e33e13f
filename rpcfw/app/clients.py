"""
The clients of an application: made when they are asked for, started and stopped with it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from math import inf
from typing import Any

from attrs import evolve
from twisted.logger import Logger
from twisted.python.failure import Failure

from rpcfw.app.client_plan import ClientPlan, default_client_plan
from rpcfw.app.live_policies import LivePolicies
from rpcfw.app.rules.follower import RuleFollower
from rpcfw.client.assembly import Client
from rpcfw.cluster.health.probes import Probes
from rpcfw.errors import SetupError
from rpcfw.kernel.edits import NO_EDITS
from rpcfw.spi.channel import Channel
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.transport.runtime import Runtime
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw.values.tls_files import TLSFiles

__all__ = ["ClientTable"]


class ClientTable:
    """
    Has one client for each service that this process calls.

    Args:
        runtime: what the process stands on.
        registry: tells where services are; None if there is none.
        policies: what each client decides by.
    """

    log = Logger()

    def __init__(self, runtime: Runtime, registry: Registry | None, policies: LivePolicies) -> None:
        self._runtime = runtime
        self._affinity = runtime.plugin_context.affinity
        self._registry = registry
        self._policies = policies
        #: The reports of probers, for the clients that use them.
        self._probes: Probes | None = None
        if registry is not None:
            meter = runtime.plugin_context.meter
            self._probes = Probes(registry, runtime.clock, meter, runtime.log)
        self._by_service: dict[str, Client] = {}
        self._expected = self._running = False
        #: Follows the rules of each service that a client is started for; None: nobody does.
        self.rules: RuleFollower | None = None

    @property
    def all(self) -> tuple[Client, ...]:
        """
        Those that were asked for so far, the first one first.
        """
        return tuple(self._by_service.values())

    def channel(self, service: str) -> Channel:
        """
        Return the channel to a service by name; the same one each time.
        """
        return self.client(service).channel

    def client(self, service: str) -> Client:
        """
        Return the client of a service by name; the same one each time.
        """
        client = self._by_service.get(service)
        if client is None:
            plan = self._policies.plan(service)
            made = self._make(service, plan)
            self._policies.note(made, plan)
            # Another thread may have been faster. Then this one is not used, or started.
            client = self._by_service.setdefault(service, made)
            if client is made:
                self._start_if_running(made)
                if not self._policies.is_current(made):
                    self._beside(f"the options of {service}", self._policies.refresh)
        return client

    def open(
        self,
        address: Address,
        protocol: str,
        tls: TLSFiles | None = None,
        /,
        *,
        service: str = "",
        max_silence_s: float = inf,
        max_attempts: int | None = None,
    ) -> Channel:
        """
        Open a channel to one address, for plugins; see `rpcfw.spi.channel.OpenChannel`.
        """
        # The user's policies are about services: of a plugin's channel they know nothing.
        usual = default_client_plan()
        retry = usual.retry
        if max_attempts is not None:
            options: Any = retry.options
            retry = evolve(retry, options=evolve(options, max_attempts=max_attempts))
        plan = evolve(
            usual,
            retry=retry,
            options=evolve(usual.options, protocols=(protocol,)),  # type: ignore[misc]  # attrs all the same
            attempt=self._policies.plan(service).credentials if service else NO_EDITS,
            # A plugin has to know whether its calls have failed.
            strategy=None,
            health=None,
        )
        runtime = self._runtime if tls is None else self._runtime.secured(tls)
        client = self._make(str(address), plan, runtime.noticing(max_silence_s))
        client.use([Instance(str(address), str(address), address, (protocol,))])
        client.expect_start()
        self._beside(f"the channel to {address}", client.start_alone)
        return client.channel

    # Coming and going.

    def expect_start(self) -> None:
        """
        Have calls wait for the start that is under way.
        """
        self._expected = True
        for client in self.all:
            self._expect_start(client)

    def start_is_over(self, *, failed: bool = False) -> None:
        """
        Have no further calls wait; if the start has failed, those fail that wait.
        """
        self._expected = False
        for client in self.all if failed else ():
            client.expect_no_start()
            client.channel.release()

    async def start(self) -> None:
        """
        Start all that were asked for; from now on each is started when it is asked for.
        """
        self._running = True
        if self._probes is not None:
            self._probes.start()
        try:
            for client in self.all:
                await self._start(client)
        except BaseException:
            await self.stop()  # those that were started
            raise

    async def stop(self) -> None:
        """
        Stop every client.
        """
        self._running = False
        # Others may be asked for meanwhile; those are never started.
        for client in self.all:
            await client.stop()
        if self._probes is not None:
            self._probes.stop()

    def _make(self, service: str, plan: ClientPlan, runtime: Runtime | None = None) -> Client:
        context = self._runtime.plugin_context
        plugins = {section: each.make(context) for section, each in plan.chosen.items()}
        policies = plan.policies(plugins)
        runtime = runtime or self._runtime
        return Client(runtime, service, plan.options, policies, plan.health, self._probes)

    def _start_if_running(self, client: Client) -> None:
        if self._expected or self._running:
            # Under asyncio the start below begins a turn later; a call may be sooner.
            self._expect_start(client)
        if self._running:
            self._beside(f"the client of {client.service}", self._start, client)

    async def _start(self, client: Client) -> None:
        if self._registry is None:
            client.channel.release()
            raise SetupError("a client needs a registry: set [registry] plugin")
        if self.rules is not None:
            self.rules.follow(client.service)
            in_background(self._release(client, self.rules), f"the rules of {client.service}")
        await client.start(self._registry)

    def _expect_start(self, client: Client) -> None:
        client.expect_start()
        if self.rules is not None:
            client.channel.hold()

    async def _release(self, client: Client, rules: RuleFollower) -> None:
        try:
            await rules.first_in_time(client.service)
        finally:
            client.channel.release()

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
            self._runtime.plugin_context.threads.post(begin)
