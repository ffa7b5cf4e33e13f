"""
A bus that a broker carries.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IProtocolFactory
from twisted.logger import Logger

from rpcfw.spi.bus import Bus, OnConnected, OnMessage
from rpcfw.spi.network import ClientNetwork
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.followed_file import FollowedFile
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.address import Address
from rpcfw_buses.broker.client import BrokerClient
from rpcfw_buses.broker.machine import BrokerMachine, Login, check_subject
from rpcfw_buses.broker.options import BrokerOptions
from rpcfw_buses.subscriptions import Subscriptions

__all__ = ["BrokerBus", "secret_in"]


class BrokerBus(Bus):
    """
    A subclass says what is spoken with the broker.
    """

    log = Logger()
    #: Whether TLS begins later than the connection: the machine says when.
    starts_without_tls = False

    def __init__(self, options: BrokerOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._subscriptions = Subscriptions()
        self._client = BrokerClient(
            options, plugin_context, self._connect, self._make_machine, self._connection_changed
        )
        self._log = LimitedLog(self.log, plugin_context.clock.seconds)
        clock, path = plugin_context.clock, options.password_file
        self._secret_file = (
            None
            if path is None
            else FollowedFile(path, secret_in, clock.seconds, plugin_context.time_of_day)
        )
        meter = plugin_context.meter
        self._lost = meter.counter(
            "rpcfw_bus_connections_lost_total", "connections to the message broker that ended"
        ).of()
        self._too_large = meter.counter(
            "rpcfw_bus_too_large_total", "messages that were larger than the bus takes, and skipped"
        ).of()
        self._refused = meter.counter(
            "rpcfw_bus_refused_total", "requests that the message broker refused"
        ).of()

    @abstractmethod
    def machine(self, login: Login, address: Address) -> BrokerMachine:
        """
        Return what speaks to the broker at an address.
        """

    async def start(self) -> None:
        if self._secret_file is not None:
            self._secret_file.read()
        self._client.start()

    async def stop(self) -> None:
        await self._client.stop()

    @property
    def connected(self) -> bool:
        return self._client.ready

    @property
    def trouble(self) -> str:
        return self._client.trouble

    @property
    def subjects(self) -> list[str]:
        """
        What this process listens to.
        """
        return self._subscriptions.subjects

    def publish(self, subject: str, message: bytes) -> bool:
        self.check_size(message)
        connection = self._client.connection
        if connection is None or not connection.ready:
            return False
        return connection.publish(subject, message)

    def subscribe(self, subject: str, on_message: OnMessage) -> Callable[[], None]:
        check_subject(subject)
        is_new = subject not in self._subscriptions.subjects
        close = self._subscriptions.add(subject, on_message)
        if is_new and self._client.connection is not None:
            self._client.connection.subscribe(subject)

        def close_both() -> None:
            close()
            connection = self._client.connection
            if subject not in self._subscriptions.subjects and connection is not None:
                connection.unsubscribe(subject)

        return close_both

    def watch_connection(self, on_connected: OnConnected) -> Callable[[], None]:
        return self._subscriptions.watch(on_connected)

    def deliver(self, subject: str, message: bytes) -> None:
        """
        Take a message.
        """
        self._subscriptions.deliver(subject, message)

    def skipped(self) -> None:
        """
        Note a message that was too large.
        """
        self._too_large.value += 1

    def refused(self, text: str) -> None:
        """
        Note what the broker refused.
        """
        self._refused.value += 1
        self._log.warn_of("refused", "the message broker refuses: {text}", text=text)

    def _make_machine(self, address: Address) -> BrokerMachine:
        options, file = self.options, self._secret_file
        secret = options.secret if file is None else file.current()
        return self.machine(Login(self.plugin_context.application, options.user, secret), address)

    def _connect(
        self, network: ClientNetwork, address: Address, factory: IProtocolFactory
    ) -> Deferred[IProtocol]:
        if address.scheme == "tls" and self.starts_without_tls:
            address = evolve(address, scheme="tcp")
        return network.client(address, self.options.connect_timeout).connect(factory)

    def _connection_changed(self, connected: bool) -> None:
        self._lost.value += not connected
        self._subscriptions.connected(connected)


def secret_in(content: bytes) -> str:
    """
    Return the secret of a file: its only line.
    """
    secret = content.decode("utf-8").strip()
    if not secret or not secret.isprintable():
        raise ValueError("expected one line with the password")
    return secret
