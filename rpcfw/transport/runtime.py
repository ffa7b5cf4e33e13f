"""
What a client and a server of one process both stand on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from attrs import evolve, field, frozen
from twisted.logger import Logger

from rpcfw.errors import PluginError
from rpcfw.spi.machine import Limits, Machine
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.protocol import WireProtocol
from rpcfw.spi.runtime.clock import Clock, RandomSource
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.timers import Timers
from rpcfw.transport.network.endpoints import Network
from rpcfw.transport.payload import Payload
from rpcfw.transport.pool.counts import PoolCounts
from rpcfw.transport.pool.link import Link, LinkOptions
from rpcfw.transport.pool.pool import ConnectionPool
from rpcfw.values.address import Address
from rpcfw.values.tls_files import TLSFiles
from rpcfw.values.units import Bytes

__all__ = ["LimitOptions", "Runtime"]

_log = Logger()

_LEAST = {
    "max_receive_bytes": 1,
    "max_send_bytes": 1,
    "max_header_bytes": 1024,
    "max_calls": 1,
    "stream_window_bytes": 1,
    "max_resets": 0,
    "max_pings": 0,
}


@options
class LimitOptions:
    """
    What one side takes from the other, for every protocol.
    """

    max_receive_bytes: Bytes = option(
        "4MiB", "largest message that is accepted, compressed and decompressed"
    )
    max_send_bytes: Bytes = option("64MiB", "largest message that is sent")
    max_header_bytes: Bytes = option("16KiB", "largest header of a call: path, metadata, trailers")
    max_calls: int = option("10000", "maximum number of open calls on one connection")
    stream_window_bytes: Bytes = option(
        "1MiB", "flow-control window of a stream: bytes that may be sent before they are read"
    )
    max_resets: int = option(
        "200", "calls that a peer may open and cancel at once, before it counts as hostile"
    )
    max_pings: int = option("100", "pings without other frames, before a peer counts as hostile")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find the limits that leave nothing to take.
        """
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                yield name, f"must be at least {least}, not {getattr(self, name)}"

    def limits(self) -> Limits:
        """
        Return them as machines take them.
        """
        return Limits(
            max_receive_bytes=self.max_receive_bytes,
            max_send_bytes=self.max_send_bytes,
            max_header_bytes=self.max_header_bytes,
            max_calls=self.max_calls,
            stream_window_bytes=self.stream_window_bytes,
            max_resets=self.max_resets,
            max_pings=self.max_pings,
        )


@frozen(eq=False)
class Runtime:
    """
    The things that are one in a process.

    Args:
        reactor: Twisted's, or a clock where there are no sockets. Time is measured by
            `clock`.
        timers: deadlines on that.
        random: randomness.
        network: ways to listen and to connect.
        payload: codecs and compressors.
        protocols: wires by name.
        limits: what is taken from peers.
        link_options: how connections are kept.
        plugin_context: what plugins may use.
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
    log: LimitedLog = field(init=False)

    @log.default
    def _make_log(self) -> LimitedLog:
        # One for all links: what a thousand servers cause is bounded too.
        return LimitedLog(_log, self.timers.seconds)

    @property
    def clock(self) -> Clock:
        """
        What time is measured by.
        """
        return self.plugin_context.clock

    @property
    def pauses(self) -> Pauses:
        """
        The time that this process lost.
        """
        return self.plugin_context.pauses

    def secured(self, tls: TLSFiles) -> Runtime:
        """
        Return the same ground with other files for TLS, for what connects from it.
        """
        return evolve(self, network=self.network.secured(tls))

    def protocol(self, name: str) -> WireProtocol:
        """
        Return a wire by name.

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
        Return the way to an address; fits `rpcfw.cluster.nodes.MakeLinks`.
        """
        wire = self.protocol(protocol)
        make_link = partial(self._make_link, address, wire)
        counts = PoolCounts(self.plugin_context.meter)
        options = self.link_options
        return ConnectionPool(address, make_link, options, self.clock, counts, changed)

    def _make_link(
        self, address: Address, wire: WireProtocol, changed: Callable[[Link], None]
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
            changed,
        )
        link.protocol = wire.name
        link.log = self.log
        link.keepalive_floor_s = wire.keepalive_floor_s
        return link

    def server_machine(self, protocol: WireProtocol) -> Machine:
        """
        Return a machine for an accepted connection.
        """
        return protocol.server(self.limits, self.payload.accepts)
