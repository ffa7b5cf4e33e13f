"""
The options of a server.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rpcfw.kernel.edits import Insert
from rpcfw.server.reachable import is_every_interface
from rpcfw.spi.options import below_minimum, option, options
from rpcfw.values.address import Address
from rpcfw.values.inherited_socket import InheritedSocket, ListenAt
from rpcfw.values.instance import MAX_TAG_CHARS, MAX_TEXTS, MAX_WEIGHT, text_problem
from rpcfw.values.units import Bytes, Seconds, Share, TimeLimit

__all__ = ["ServerOptions", "fixed_places", "listen_problems"]

#: With less, clients would do little else than connect.
_MIN_LIFETIME_S = 1.0

#: With less, no call would be served.
_MINIMA = {
    "threads": 1,
    "max_thread_queue": 0,
    "max_connections": 1,
    "max_buffered_bytes": 1,
    "max_connection_buffered_bytes": 1,
    "max_connections_per_address": 0,
}


@options
class ServerOptions:
    """
    How services are served and announced.
    """

    listen: tuple[ListenAt, ...] = option(
        "tcp:127.0.0.1:0", "addresses to listen at; port 0: any free port"
    )
    advertise: Address | None = option(
        "", "address for callers; port 0: the listening port; empty: detected and logged"
    )
    services: tuple[str, ...] = option("", "services to serve, as module:Class")
    builtin: tuple[str, ...] = option("", "services about the server itself, such as grpc_health")
    protocols: tuple[str, ...] = option("native", "wire protocols on each port")
    weight: int = option("100", "share of the calls, relative to other instances; 0: drained")
    group: str = option("", "business group of this instance")
    version: str = option("", "version of the services")
    zone: str = option("", "zone that this process runs in")
    tags: tuple[str, ...] = option("", "tags for routers, as name=value")
    threads: int = option("16", "number of threads for blocking methods")
    max_thread_queue: int = option(
        "64", "maximum number of calls that wait for a thread; more are refused", was="thread_queue"
    )
    max_method_threads: Share = option(
        "75%", "share of the threads, and of their queue, for calls of one method; 100%: all"
    )
    max_queue_time: TimeLimit = option(
        "none", "longest time that a call waits for a thread; then it is refused"
    )
    max_timeout: TimeLimit = option(
        "1h", "time limit of a call whose caller set no limit, or a longer one", was="max_call"
    )
    max_connections: int = option("10000", "maximum number of open connections; more are closed")
    max_connections_per_address: int = option(
        "1000",
        "the same for one IP address, or one IPv6 /64; 0: no limit. Set 0 behind a proxy or a NAT "
        "with many clients. Loopback and Unix sockets are not counted",
    )
    max_buffered_bytes: Bytes = option(
        "128MiB",
        "messages and responses that all connections hold until they are read. Over half of "
        "it each connection has an equal share; over it, one is closed",
        was="max_unsent_bytes",
    )
    max_connection_buffered_bytes: Bytes = option(
        "16MiB",
        "the same for one connection; over it new calls wait, and the largest ones end",
        was="max_connection_unsent_bytes",
    )
    handshake_timeout: Seconds = option(
        "10s",
        "time limit for the first bytes of a new connection, with the TLS handshake",
        was="hello_timeout",
    )
    frame_timeout: Seconds = option(
        "60s", "time limit for one frame of a client, also of a large message; 0s: no limit"
    )
    keepalive: Seconds = option("60s", "idle time after which a keepalive ping is sent")
    keepalive_timeout: Seconds = option("20s", "time limit for the answer to that ping")
    max_connection_age: Seconds | None = option(
        "", "age at which a connection is replaced by a new one; empty: no limit"
    )
    max_connection_age_grace: Seconds | None = option(
        "", "time limit for the calls that are open then; empty: no limit"
    )
    max_connection_idle: Seconds | None = option(
        "", "a connection without a call for this time is closed; empty: never"
    )
    min_ping_interval: Seconds = option(
        "5m", "shortest time between two pings of a gRPC client; 0s: no limit"
    )
    pings_without_calls: bool = option(
        "no", "yes: the same without an open call; no: it is 2h then"
    )
    announce_timeout: Seconds = option(
        "10s",
        "time limit of a start for announcing; then it continues without the registry",
        was="announce_limit",
    )
    announce_delay: Seconds = option(
        "0s",
        "time from when the services are ready until health checks succeed and they are announced",
    )
    startup_timeout: Seconds = option(
        "5m", "time limit for started() and for ready() of each service", was="startup_limit"
    )
    drain_timeout: Seconds = option(
        "10s",
        "time limit of a stop for open calls and for leaving(); then calls are cancelled",
        was="drain_limit",
    )
    cleanup_timeout: Seconds = option(
        "5s",
        "time limit for cancelled calls, and for each stopped(), to clean up",
        was="cleanup_limit",
    )
    load_report: bool = option(
        "yes", "whether the load of this process and its machine is sent to clients that ask for it"
    )
    limiters: tuple[str, ...] = option(
        "", "limiters in their order, each with a section [limiter NAME]"
    )
    authenticators: tuple[str, ...] = option(
        "",
        "what finds out who calls, in this order, each with a section [authenticator NAME]; if "
        "there is one, calls without an identity are refused",
    )
    open_methods: tuple[str, ...] = option(
        "", "methods that callers without an identity may call, as grpc.health.v1.Health/*"
    )
    insert: tuple[Insert, ...] = option("", "filters to insert, as: mine before AUTH")
    remove: tuple[str, ...] = option("", "filters to remove, by their place")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find values that are of the right type, and wrong.
        """
        if not self.listen:
            yield "listen", "name at least one address, as tcp:127.0.0.1:2200"
        for reason in listen_problems(self.listen):
            yield "listen", reason
        if not self.protocols:
            yield "protocols", "name at least one wire protocol, such as native"
        yield from below_minimum(self, _MINIMA)
        if self.advertise is not None and is_every_interface(self.advertise):
            reason = f"{self.advertise} is every interface; name the host that callers connect to"
            yield "advertise", f"{reason}, as: advertise = tcp:10.0.0.5:2200"
        if not 0 <= self.weight <= MAX_WEIGHT:
            yield "weight", f"must be 0 to {MAX_WEIGHT}, not {self.weight}"
        yield from self._text_problems()
        yield from self._time_problems()

    def _time_problems(self) -> Iterator[tuple[str, str]]:
        """
        Find times that are too short.
        """
        if self.max_timeout == 0:
            yield "max_timeout", "must be more than 0s: no call could succeed; none: no limit"
        for name in ("max_connection_age", "max_connection_idle"):
            limit_s = getattr(self, name)
            if limit_s is not None and limit_s < _MIN_LIFETIME_S:
                yield name, f"must be at least 1s, or empty, not {limit_s:g}s"

    def _text_problems(self) -> Iterator[tuple[str, str]]:
        """
        Find text for which a client would skip the instance.
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


def fixed_places(listen: Iterable[Address | InheritedSocket]) -> list[str]:
    """
    Return the places among these at which only one can listen: all but any free port.
    """
    places = []
    for where in listen:
        if isinstance(where, InheritedSocket):
            places.append(f"{where.source}:{where.name}")  # with TLS or without
        elif where.port or not where.authority:
            places.append(str(where))
    return places


def listen_problems(listen: Sequence[Address | InheritedSocket]) -> Iterator[str]:
    """
    Find places that cannot be listened at, or not twice.
    """
    for where in listen:
        if isinstance(where, Address) and where.at:
            yield f"{where} is one that was looked up; leave out what follows the @"
    places = fixed_places(listen)
    for text in sorted({each for each in places if places.count(each) > 1}):
        yield f"{text} is named twice"
