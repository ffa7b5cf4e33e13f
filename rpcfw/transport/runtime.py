"""
What a client and a server of one process share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from attrs import Factory, evolve, field, frozen
from twisted.logger import Logger

from rpcfw.errors import PluginError
from rpcfw.filters.access_log import AccessLogs
from rpcfw.filters.tracing.sampling import Tracing
from rpcfw.spi.machine import Limits, Machine, ServerSide
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.protocol import WireProtocol
from rpcfw.spi.runtime.clock import Clock, RandomSource
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.timers import Timers
from rpcfw.transport.connection.byte_counts import client_bytes
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.payload import Payload
from rpcfw.transport.pool.counts import PoolCounts
from rpcfw.transport.pool.link import Link, LinkOptions
from rpcfw.transport.pool.pool import ConnectionPool
from rpcfw.values.address import Address
from rpcfw.values.tls_files import TLSFiles

__all__ = ["Runtime"]

_log = Logger()


@frozen(eq=False)
class Runtime:
    """
    The objects of which a process has one.

    Args:
        reactor: Twisted's, or a clock where there are no sockets. Time is measured by `clock`.
        timers: deadlines on that.
        random: randomness.
        network: listens and connects.
        payload: codecs and compressors.
        protocols: wire protocols by name.
        limits: what is accepted from peers.
        link_options: of the connections to servers.
        plugin_context: what plugins may use.
        access_logs: what logs calls.
        tracing: has calls recorded; None: none are.
    """

    reactor: Any
    timers: Timers
    random: RandomSource
    network: Network
    payload: Payload
    protocols: Mapping[str, WireProtocol]
    limits: Limits
    link_options: LinkOptions
    plugin_context: PluginContext
    access_logs: AccessLogs = Factory(AccessLogs)
    tracing: Tracing | None = None
    log: LimitedLog = field(init=False)

    @log.default
    def _make_log(self) -> LimitedLog:
        # One for all links, so that the lines about a thousand servers are bounded, too.
        return LimitedLog(_log, self.timers.seconds)

    @property
    def clock(self) -> Clock:
        """
        The clock that measures time.
        """
        return self.plugin_context.clock

    @property
    def pauses(self) -> Pauses:
        """
        The time that this process lost in pauses.
        """
        return self.plugin_context.pauses

    def secured(self, tls: TLSFiles) -> Runtime:
        """
        Return the same runtime with other TLS files, for connections from it.
        """
        return evolve(self, network=self.network.secured(tls))

    def noticing(self, max_silence_s: float) -> Runtime:
        """
        Return the same runtime with connections that notice silence within this time.
        """
        return evolve(self, link_options=self.link_options.noticing(max_silence_s))

    def protocol(self, name: str) -> WireProtocol:
        """
        Return a wire protocol by name.

        Raises:
            PluginError: this process was not set up with it.
        """
        known = self.protocols.get(name)
        if known is None:
            names = ", ".join(self.protocols)
            raise PluginError(f"the protocol {name!r} is not in use here; in use are: {names}")
        return known

    def make_pool(
        self, address: Address, protocol: str, changed: Callable[[], None]
    ) -> ConnectionPool:
        """
        Return the connections to an address; fits `rpcfw.cluster.nodes.MakeLinks`.
        """
        wire = self.protocol(protocol)
        counts = PoolCounts(self.plugin_context.meter)
        make_link = partial(self._make_link, address, wire, counts)
        options = self.link_options
        return ConnectionPool(address, make_link, options, self.clock, counts, changed)

    def _make_link(
        self,
        address: Address,
        wire: WireProtocol,
        counts: PoolCounts,
        changed: Callable[[Link], None],
    ) -> Link:
        payload, limits = self.payload, self.limits

        def make_machine() -> Machine:
            return wire.client(
                limits, payload.accepts, authority=address.authority, secure=address.secure
            )

        link = Link(
            address,
            self.network.speaking(wire.alpn),
            make_machine,
            self.link_options,
            self.clock,
            self.random,
            counts.watched(changed),
        )
        link.protocol = wire.name
        counts_of_wire = client_bytes(self.plugin_context.meter, wire.name)
        link.bytes_of = lambda _: counts_of_wire
        link.log = self.log
        link.keepalive_floor_s = wire.keepalive_floor_s
        return link

    def server_machine(self, protocol: WireProtocol) -> ServerSide:
        """
        Return a machine for an accepted connection.
        """
        return protocol.server(self.limits, self.payload.accepts)
