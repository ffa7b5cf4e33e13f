"""
The connection to one of several brokers, made again whenever it ends.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.logger import Logger

from rpcfw.spi.network import ClientNetwork
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.background import loop_in_background
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import CANCELLED, Waiter, sleep
from rpcfw.values.address import Address
from rpcfw.values.backoff import Backoff
from rpcfw_buses.broker.connection import BrokerConnection
from rpcfw_buses.broker.machine import BrokerMachine
from rpcfw_buses.broker.options import BrokerOptions

__all__ = ["BrokerClient", "Connect", "MakeMachine"]

#: Before the second attempt.
_FIRST_DELAY_S = 0.1

#: Makes what speaks to the broker at an address; may raise SetupError.
MakeMachine = Callable[[Address], BrokerMachine]
#: Connects a protocol to an address; may raise SetupError.
Connect = Callable[[ClientNetwork, Address, IProtocolFactory], "Deferred[IProtocol]"]


class BrokerClient:
    """
    Connects to the addresses in turn.

    It waits after each failure: longer each time that all of them have failed, up to a limit,
    and with jitter, so that the servers of a group do not come all at once.

    Args:
        connect: connects; see `Connect`.
        on_connected: called at each change of `ready`.
    """

    log = Logger()

    def __init__(
        self,
        options: BrokerOptions,
        plugin_context: PluginContext,
        connect: Connect,
        make_machine: MakeMachine,
        on_connected: Callable[[bool], None],
    ) -> None:
        self._options = options
        self._plugin_context = plugin_context
        self._connect = connect
        self._make_machine = make_machine
        self._on_connected = on_connected
        self._log = LimitedLog(self.log, plugin_context.clock.seconds)
        max_s = options.max_reconnect_delay
        self._backoff = Backoff(initial_s=min(_FIRST_DELAY_S, max_s), max_s=max_s)
        self._addresses = options.addresses
        files, network = options.tls_files, plugin_context.network
        self._network = network.secured(files) if files.given else network
        self._turn = 0
        self._failures = 0
        self._stopping = False
        self._loop: Deferred[None] | None = None
        #: The connection, also before it is ready.
        self.connection: BrokerConnection | None = None
        #: Why it is not ready; empty if it is.
        self.trouble = "no broker has accepted a connection yet"

    @property
    def ready(self) -> bool:
        """
        Whether messages can be sent and received.
        """
        return self.connection is not None and self.connection.ready

    def start(self) -> None:
        """
        Connect, and connect again, from now on.
        """
        what = "the connection to the message broker"
        self._loop = loop_in_background(self._run, what, self._plugin_context.clock)

    async def stop(self) -> None:
        """
        Close the connection once what was written has left, or soon.
        """
        self._stopping = True
        if self._loop is None:
            return
        stopped: Waiter[None] = Waiter()
        self._loop.addBoth(lambda _: stopped.callback(None))
        if self.connection is None:
            self._loop.cancel()
        else:
            self.connection.close()
        await stopped

    async def _run(self) -> None:
        while not self._stopping:
            address = self._addresses[self._turn % len(self._addresses)]
            reason = await self._use(address)
            if not self._stopping:
                self._failed(address, reason)
                await sleep(self._plugin_context.clock, self._delay_s())

    async def _use(self, address: Address) -> str:
        """
        Connect, and return once the connection has ended, with the reason.
        """
        ended: Waiter[str] = Waiter()
        try:
            connection = self._make_connection(address, ended)
            factory = Factory.forProtocol(lambda: connection)
            factory.noisy = False
            await self._connect(self._network, address, factory)
        except CANCELLED:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a resolver, socket or file fails with
            return str(error) or type(error).__name__
        self.connection = connection
        limit_s = self._options.connect_timeout
        timer = self._plugin_context.clock.callLater(limit_s, self._check_accepted, connection)
        try:
            reason = await ended
            # Before those who watch the connection ask why it ended.
            self.trouble = _trouble(address, reason)
            return reason
        finally:
            if timer.active():
                timer.cancel()
            self.connection = None
            if connection.machine.ready:
                self._on_connected(False)

    def _make_connection(self, address: Address, ended: Waiter[str]) -> BrokerConnection:
        options, plugin_context = self._options, self._plugin_context
        return BrokerConnection(
            self._make_machine(address),
            plugin_context.clock,
            plugin_context.pauses,
            lambda: self._network.client_tls(address.host),
            options.ping_interval,
            options.max_waiting_bytes,
            lambda: self._accepted(address),
            ended.callback,
        )

    def _accepted(self, address: Address) -> None:
        if self._failures:
            self.log.info("the message broker {address} answers", address=str(address))
        self._failures = 0
        self.trouble = ""
        self._on_connected(True)

    def _check_accepted(self, connection: BrokerConnection) -> None:
        if not connection.machine.ready:
            limit_s = self._options.connect_timeout
            connection.fail(f"the broker has not accepted the connection within {limit_s:g}s")

    def _failed(self, address: Address, reason: str) -> None:
        self._failures += 1
        self._turn += 1
        self.trouble = _trouble(address, reason)
        self._log.warn_of("failed", "{trouble}; it is tried again", trouble=self.trouble)

    def _delay_s(self) -> float:
        rounds = (self._failures - 1) // len(self._addresses) + 1
        return self._backoff.delay_s(rounds, self._plugin_context.random.random())


def _trouble(address: Address, reason: str) -> str:
    return f"the message broker {address} is not connected: {reason}"
