"""
What a server may be told.
"""

from __future__ import annotations

from rpcfw.kernel.stack import Insert
from rpcfw.spi.options import option, options
from rpcfw.values.address import Address
from rpcfw.values.units import Seconds

__all__ = ["ServerOptions"]


@options
class ServerOptions:
    """
    How services are served and announced.
    """

    listen: tuple[Address, ...] = option("tcp:127.0.0.1:0", "where to listen; port 0: any free")
    advertise: Address | None = option("", "where callers reach it; empty: where it listens")
    services: tuple[str, ...] = option("", "what to serve, as module:Class")
    builtin: tuple[str, ...] = option("", "services that describe the server, as grpc_health")
    protocols: tuple[str, ...] = option("native", "wires spoken on each port")
    weight: int = option("100", "share of calls wanted, against other instances")
    group: str = option("", "business group of the instances")
    version: str = option("", "version of the services")
    zone: str = option("", "where this process runs")
    tags: tuple[str, ...] = option("", "further facts for routers, as name=value")
    threads: int = option("16", "threads for blocking methods")
    thread_queue: int = option("64", "calls that may wait for a thread; more are refused")
    max_call: Seconds = option("1h", "limit of calls whose caller named none, or a longer one")
    max_connections: int = option("10000", "connections open at once; more are closed")
    hello_timeout: Seconds = option("10s", "how long a connection may stay without a first word")
    keepalive: Seconds = option("60s", "silence after which a client is asked for a sign of life")
    keepalive_timeout: Seconds = option("20s", "how long that may take")
    announce_limit: Seconds = option("10s", "how long the start waits for the registry")
    drain_limit: Seconds = option("10s", "how long a stop waits for open calls")
    insert: tuple[Insert, ...] = option("", "further filters, as: mine before AUTH")
    remove: tuple[str, ...] = option("", "filters to leave out, by their place")
