"""
A server: services, ports, and the order in which it starts and stops.

Start: services are started, threads are ready, ports are open, `ready` of services is called,
health checks succeed, instances are announced.
Stop: health checks fail, instances are withdrawn, connections get a GOAWAY, `leaving` of
services is called, new calls are refused as not begun, open calls may end; then all is closed.
A client that calls during a stop gets a refusal that it may retry, and loses nothing. It is
the client that closes a connection, when it has the GOAWAY and its responses. A server that
closed first would cut off the calls that were on their way to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from twisted.logger import Logger

from rpcfw.errors import Cancelled, DeadlineExceeded, Rejected
from rpcfw.kernel.edits import Insert
from rpcfw.kernel.hooks import Hooks
from rpcfw.server.announcer import Announcer, with_facts
from rpcfw.server.calls.decode_thread import DecodeThread
from rpcfw.server.calls.dispatch import dispatch
from rpcfw.server.calls.logged_responses import responses_of
from rpcfw.server.calls.method_table import MethodTable
from rpcfw.server.calls.request_acceptor import RequestAcceptor
from rpcfw.server.calls.thread_pool import threads_for
from rpcfw.server.calls.undecoded import UndecodedRequests
from rpcfw.server.connections.age import ConnectionAges
from rpcfw.server.connections.connections import ConnectionTable
from rpcfw.server.health import ServerHealth
from rpcfw.server.inspection import OtherServer, ServerInspection
from rpcfw.server.observed import observe_server
from rpcfw.server.offline import OfflineInstances
from rpcfw.server.options import ServerOptions
from rpcfw.server.phases import ServerPhase, ServerPhases
from rpcfw.server.ports import Ports
from rpcfw.server.stack import ServerStack
from rpcfw.server.stop_steps import calls_ended, closed, stop_step, tell_given_up
from rpcfw.spi.builtin_service import BuiltinService
from rpcfw.spi.filter import Filter
from rpcfw.spi.inspection import Clients, Inspection
from rpcfw.spi.machine import ServerSide
from rpcfw.spi.protocol import WireProtocol
from rpcfw.spi.registry import Registry
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import CANCELLED, sleep, with_deadline
from rpcfw.spi.served import Served
from rpcfw.spi.service import Service
from rpcfw.transport.connection.buffer_quota import BufferQuota
from rpcfw.transport.network.capacity import Capacity
from rpcfw.transport.network.sniffing import Acceptor
from rpcfw.transport.runtime import Runtime
from rpcfw.values.address import Address

__all__ = ["Server"]

#: How long a stop waits for blocking methods whose calls it has ended.
_THREADS_LIMIT_S = 1.0


class Server:
    """
    Serves services at one or more addresses.

    Args:
        runtime: network, clock, codecs and protocols of the process.
        options: see `ServerOptions`.
        services: what is served.
        filters: further filters of the stack, and their places.
        builtin: services that describe the server to its peers.
        clients: what the process calls, for these services.
        described: what they describe, if not this server.
    """

    log = Logger()

    def __init__(
        self,
        runtime: Runtime,
        options: ServerOptions,
        services: Sequence[Service],
        filters: Sequence[tuple[Insert, Filter]] = (),
        builtin: Sequence[BuiltinService] = (),
        clients: Clients | None = None,
        described: Inspection | None = None,
    ) -> None:
        self._runtime, self._options = runtime, options
        meter, seconds = runtime.plugin_context.meter, runtime.clock.seconds
        self._decode_thread = DecodeThread(runtime.payload, runtime.reactor, meter)
        self.methods = MethodTable(runtime.payload)
        for service in services:
            self.methods.add(service)
        self._threads = threads_for(self.methods, options, runtime.reactor, runtime.clock, meter)
        self._served = Served(self.methods.methods, options.group, options.version)
        self._hooks = Hooks(runtime.timers, options.startup_timeout, options.cleanup_timeout)
        self.stack = ServerStack(
            filters,
            options.remove,
            partial(dispatch, runtime.payload, self._threads, self._decode_thread, seconds),
            self._hooks,
            runtime,
            options.open_methods if options.authenticators else None,
        )
        self._undecoded = UndecodedRequests(
            self.methods, self._decode_thread, self.stack, options.max_timeout
        )
        self._acceptor = self._make_request_acceptor()
        ages = ConnectionAges(runtime.timers, runtime.random, options)
        self._capacity, self._quota = self._bounds()
        self._connections = ConnectionTable(
            self._acceptor.accept, runtime.clock, options, ages, runtime.pauses, self._capacity
        )
        observe_server(meter, self._connections, self._capacity, self._acceptor)
        self.stack.changed = self._use_stack
        self._ports = Ports(runtime.network, self._make_port_acceptor)
        self.announcer: Announcer | None = None
        #: Calls that a stop ended, since they took too long.
        self.given_up = 0
        self._builtin, self.offline = tuple(builtin), OfflineInstances()
        self.phases = ServerPhases(runtime.plugin_context, shown=bool(services))
        self.inspection = self._make_inspection(clients or Clients(), described)

    def _make_inspection(self, clients: Clients, described: Inspection | None) -> ServerInspection:
        """
        Return what this server shows of itself, and serve what describes it, or another.
        """
        inspection = ServerInspection(
            self.methods,
            self._connections,
            lambda: self.addresses,
            lambda: self.stack.metrics.last_call_at,
            clients,
            self._runtime.plugin_context,
        )
        shown = None if described is None else OtherServer(described, inspection)
        for plugin in self._builtin:
            inspection.add(plugin, shown)
        return inspection

    def _make_request_acceptor(self) -> RequestAcceptor:
        runtime = self._runtime
        return RequestAcceptor(
            self.methods,
            self.stack.step,
            runtime.timers,
            responses_of(runtime, self.stack.access_log),
            self._options.max_timeout,
            self._decode_thread,
            self._undecoded,
            runtime.limits.max_calls,
        )

    def _use_stack(self) -> None:
        """
        Take the calls that begin from now on through other filters.
        """
        self._acceptor.use(self.stack.step)
        self._undecoded.use(self.stack)

    def _bounds(self) -> tuple[Capacity, BufferQuota]:
        """
        Return the limits of all connections together: their number, and unsent bytes.
        """
        options, seconds = self._options, self._runtime.clock.seconds
        log = LimitedLog(self.log, seconds)
        return (
            Capacity(options.max_connections, options.max_connections_per_address, seconds),
            BufferQuota(options.max_buffered_bytes, options.max_connection_buffered_bytes, log),
        )

    @property
    def health(self) -> ServerHealth:
        """
        What health checks report. Services may set their own.
        """
        return self.inspection.health

    @property
    def addresses(self) -> tuple[Address, ...]:
        """
        Where it listens. A port of 0 has become a real one.
        """
        return self._ports.addresses

    @property
    def in_flight(self) -> int:
        """
        How many calls have begun and not ended.
        """
        return self._acceptor.in_flight

    async def start(self, registry: Registry | None = None) -> None:
        """
        Open the ports, wait until the services are ready, and announce them.

        If it fails, or is cancelled, it is undone: then there is nothing to stop.

        Raises:
            SetupError: an address cannot be listened at.
            RegistryError: the registry refused for good.
        """
        self.phases.enter(ServerPhase.STARTING)
        try:
            await self.stack.plugins.start()
            await self._hooks.start(self._builtin, tuple(self.methods))
            self._threads.start()
            self._decode_thread.threads.start()
            for where in self._options.listen:
                await self._ports.listen(where)
            self.phases.enter(ServerPhase.LISTENING)
            await self._until_ready()
            self.health.begin()
            self.phases.enter(ServerPhase.READY)
            if registry is not None:
                await self._announce(registry)
        except BaseException:
            await self._hooks.left(await self._refuse_new_calls())
            self._acceptor.give_up(Rejected("this server could not start"))
            await self._close()
            self.phases.enter(ServerPhase.STOPPED, "it could not start")
            raise

    async def _announce(self, registry: Registry) -> None:
        announcer = Announcer(registry, self._options, self._runtime, offline=self.offline)
        announcer.changed = self.phases.announced
        self.announcer = announcer
        await announcer.start(self.inspection.announced(), self.addresses)

    def change_facts(self, options: ServerOptions) -> None:
        """
        Announce another weight, zone and other tags; if nothing is announced yet, from the start.
        """
        self._options = with_facts(self._options, options)
        if self.announcer is not None:
            self.announcer.change_facts(options)

    async def _until_ready(self) -> None:
        """
        Return once the services say that they are ready, and ``announce_delay`` is over.
        """
        await self._hooks.ready()
        if self._options.announce_delay:
            await sleep(self._runtime.clock, self._options.announce_delay)

    async def stop(self) -> None:
        """
        Stop gracefully: calls in flight have ``drain_timeout`` to end.

        A step that fails is logged, and the rest is done.
        """
        try:
            await self._drain(await self._refuse_new_calls())
            await self._close()
        except CANCELLED:
            self._abort()  # out of time: at least no caller is left waiting
            raise
        finally:
            self.phases.enter(ServerPhase.STOPPED, f"{self.given_up} calls were given up")

    def _abort(self) -> None:
        self._give_up("[app] shutdown_timeout was over")
        self._ports.close()
        self._connections.close("the server has stopped")

    async def _refuse_new_calls(self) -> float:
        """
        Refuse new calls; return until when to wait for those in flight.
        """
        self.health.drain()
        limit_s = self._options.drain_timeout
        detail = f"{self.in_flight} calls are open and have {limit_s:g} s to end"
        self.phases.enter(ServerPhase.DRAINING, detail)
        if self.announcer is not None:
            await stop_step(self.log, "withdrawing", self._withdraw(self.announcer))
        self._connections.drain("the server is stopping")
        self._acceptor.drain()
        self._hooks.leave()
        deadline = self._runtime.timers.seconds() + self._options.drain_timeout
        for closing in self._ports.close():
            await stop_step(self.log, "closing a port", closed(closing))
        return deadline

    async def _close(self) -> None:
        """
        Close connections, end threads, stop services.
        """
        self._connections.close("the server has stopped")
        timers = self._runtime.timers
        # Calls that were ended may still clean up, and need the services for it.
        ended = with_deadline(
            self._acceptor.when_empty(), timers, timers.seconds() + self._options.cleanup_timeout
        )
        await stop_step(self.log, "what calls that were given up do to clean up", ended)
        for threads in (self._threads, self._decode_thread.threads):
            ending = with_deadline(threads.stop(), timers, timers.seconds() + _THREADS_LIMIT_S)
            await stop_step(self.log, "ending the threads of calls", ending)
        await self.stack.plugins.stop()

    async def _withdraw(self, announcer: Announcer) -> None:
        timers = self._runtime.timers
        await with_deadline(
            announcer.stop(), timers, timers.seconds() + self._options.announce_timeout
        )

    async def _drain(self, deadline: float) -> None:
        await self._hooks.left(deadline)
        timers = self._runtime.timers
        try:
            await calls_ended(self.log, self._acceptor, timers, deadline)
            await with_deadline(self._connections.when_all_closed(), timers, deadline)
        except DeadlineExceeded:
            limit_s = self._options.drain_timeout
            if not self._give_up(f"[server] drain_timeout of {limit_s:g} s was over"):
                self.log.info(
                    "{peers} peers had no call open and had not closed their connections within "
                    "drain_timeout of {limit:g} s",
                    peers=len(self._connections),
                    limit=limit_s,
                )

    def _give_up(self, why: str) -> int:
        """
        End the calls that are still in flight, and return how many these were.
        """
        count = self._acceptor.give_up(Cancelled("the server is stopping"))
        self.given_up += count
        tell_given_up(self.log, count, why)
        return count

    def _make_port_acceptor(self) -> Acceptor:
        runtime = self._runtime
        acceptor = Acceptor(
            [runtime.protocol(name) for name in self._options.protocols],
            self._make_machine,
            self._connections,
            runtime.clock,
            self._options.handshake_timeout,
            self._quota,
            self._capacity,
        )
        acceptor.lingering = runtime.network.lingering
        return acceptor

    def _make_machine(self, protocol: WireProtocol) -> ServerSide:
        machine = self._runtime.server_machine(protocol)
        machine.serve(self._served)
        return machine
