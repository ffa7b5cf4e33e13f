"""
What a server may be told.
"""

from __future__ import annotations

from collections.abc import Iterator

from rpcfw.kernel.stack import Insert
from rpcfw.server.reachable import is_every_interface
from rpcfw.spi.options import option, options
from rpcfw.values.address import Address
from rpcfw.values.inherited_socket import InheritedSocket, ListenAt
from rpcfw.values.instance import MAX_TAG_CHARS, MAX_TEXTS, MAX_WEIGHT, text_problem
from rpcfw.values.units import Bytes, Seconds, TimeLimit

__all__ = ["ServerOptions"]

#: Below this, clients would do little but connect.
_LEAST_LIFETIME_S = 1.0

#: Below these, no call would be served.
_LEAST = {
    "threads": 1,
    "max_thread_queue": 0,
    "max_connections": 1,
    "max_unsent_bytes": 1,
    "max_connection_unsent_bytes": 1,
    "max_connections_per_address": 0,
}


@options
class ServerOptions:
    """
    How services are served and announced.
    """

    listen: tuple[ListenAt, ...] = option("tcp:127.0.0.1:0", "where to listen; port 0: any free")
    advertise: Address | None = option(
        "", "where callers reach it, port 0: the one it listens at; empty: found out, and logged"
    )
    services: tuple[str, ...] = option("", "what to serve, as module:Class")
    builtin: tuple[str, ...] = option("", "services that describe the server, as grpc_health")
    protocols: tuple[str, ...] = option("native", "wires spoken on each port")
    weight: int = option("100", "share of calls wanted, against other instances")
    group: str = option("", "business group of the instances")
    version: str = option("", "version of the services")
    zone: str = option("", "where this process runs")
    tags: tuple[str, ...] = option("", "further facts for routers, as name=value")
    threads: int = option("16", "threads for blocking methods")
    max_thread_queue: int = option(
        "64", "calls that may wait for a thread; more are refused", was="thread_queue"
    )
    max_timeout: TimeLimit = option(
        "1h", "limit of calls whose caller named none, or a longer one", was="max_call"
    )
    max_connections: int = option("10000", "connections open at once; more are closed")
    max_connections_per_address: int = option(
        "1000",
        "those of one IP address, or IPv6 /64; 0: any number. Set 0 behind a proxy or a NAT of "
        "many clients. Loopback and Unix sockets are not counted",
    )
    max_unsent_bytes: Bytes = option(
        "64MiB", "answers of all connections that wait for slow readers; the slowest is closed"
    )
    max_connection_unsent_bytes: Bytes = option(
        "16MiB", "answers of one that wait for its flow control; then it begins no more calls"
    )
    handshake_timeout: Seconds = option(
        "10s", "how long a connection may stay without a first word", was="hello_timeout"
    )
    frame_timeout: Seconds = option(
        "60s", "how long a client may take for one frame, a large message too; 0s: any time"
    )
    keepalive: Seconds = option("60s", "silence after which a client is asked for a sign of life")
    keepalive_timeout: Seconds = option("20s", "how long that may take")
    max_connection_age: Seconds | None = option(
        "", "age at which a connection is left for a new one; empty: none"
    )
    max_connection_age_grace: Seconds | None = option(
        "", "limit of the calls that are open then; empty: their own"
    )
    max_connection_idle: Seconds | None = option(
        "", "how long a connection may be without a call; empty: for ever"
    )
    min_ping_interval: Seconds = option(
        "5m", "least time between the pings of a gRPC client; 0s: any"
    )
    pings_without_calls: bool = option(
        "no", "whether that holds without an open call too; else it is 2h then"
    )
    announce_timeout: Seconds = option(
        "10s", "how long the start waits for the registry", was="announce_limit"
    )
    startup_timeout: Seconds = option(
        "5m", "how long each service's started() may take", was="startup_limit"
    )
    drain_timeout: Seconds = option(
        "10s", "how long a stop waits for open calls, and leaving()", was="drain_limit"
    )
    cleanup_timeout: Seconds = option(
        "5s",
        "how long calls that were given up, and each stopped(), may take to end",
        was="cleanup_limit",
    )
    insert: tuple[Insert, ...] = option("", "further filters, as: mine before AUTH")
    remove: tuple[str, ...] = option("", "filters to leave out, by their place")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what is wrong with values that no conversion refuses.
        """
        yield from self._listen_problems()
        if not self.protocols:
            yield "protocols", "name at least one wire, as native"
        for name, least in _LEAST.items():
            if getattr(self, name) < least:
                yield name, f"must be at least {least}, not {getattr(self, name)}"
        if self.advertise is not None and is_every_interface(self.advertise):
            reason = f"{self.advertise} is every interface; name the host that callers connect to"
            yield "advertise", f"{reason}, as: advertise = tcp:10.0.0.5:2200"
        if not 0 <= self.weight <= MAX_WEIGHT:
            yield "weight", f"must be 0 to {MAX_WEIGHT}, not {self.weight}"
        yield from self._text_problems()
        for name in ("max_connection_age", "max_connection_idle"):
            limit_s = getattr(self, name)
            if limit_s is not None and limit_s < _LEAST_LIFETIME_S:
                yield name, f"must be at least 1s, or empty, not {limit_s:g}s"

    def _text_problems(self) -> Iterator[tuple[str, str]]:
        """
        Find text that no client would take from a registry: it would skip the instance.
        """
        for name in ("group", "version", "zone"):
            problem = text_problem(getattr(self, name))
            if problem:
                yield name, f"it {problem}"
        for text in self.tags:
            tag, _, value = (part.strip() for part in text.partition("="))
            problem = text_problem(tag) or text_problem(value, MAX_TAG_CHARS)
            if not tag or "=" not in text:
                yield "tags", f"{text!r} is not name=value"
            elif problem:
                yield "tags", f"a tag {problem}"
        if len(self.tags) > MAX_TEXTS:
            yield "tags", f"has {len(self.tags)} of them; at most {MAX_TEXTS}"

    def _listen_problems(self) -> Iterator[tuple[str, str]]:
        if not self.listen:
            yield "listen", "name at least one address, as tcp:127.0.0.1:2200"
        fixed = []
        for where in self.listen:
            if isinstance(where, InheritedSocket):
                fixed.append(f"{where.source}:{where.name}")  # with TLS or without
                continue
            if where.at:
                yield "listen", f"{where} is one that was looked up; leave out what follows the @"
            if where.port or not where.authority:
                fixed.append(str(where))
        for text in sorted({each for each in fixed if fixed.count(each) > 1}):
            yield "listen", f"{text} is named twice"
