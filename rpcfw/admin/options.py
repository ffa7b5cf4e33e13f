"""
What ``[admin]`` may say.
"""

from __future__ import annotations

from collections.abc import Iterator

from rpcfw.server.options import listen_problems
from rpcfw.spi.options import option, options
from rpcfw.values.address import Address
from rpcfw.values.inherited_socket import InheritedSocket, ListenAt
from rpcfw.values.peer_host import ip_of
from rpcfw.values.units import Seconds

__all__ = ["AdminOptions", "is_local"]


@options
class AdminOptions:
    """
    Pages about this process, by HTTP: probes, status, connections, configuration.
    """

    listen: tuple[ListenAt, ...] = option(
        "", "addresses of the admin pages, as tcp:127.0.0.1:2290; empty: none"
    )
    pages: tuple[str, ...] = option(
        "status, connections, calls, config, threads, profile, inspect, healthz, readyz, livez",
        "pages, in the order of the index",
    )
    extra_pages: tuple[str, ...] = option("", "further pages, as your own; they come after these")
    host_names: tuple[str, ...] = option(
        "",
        "names in the header Host that are accepted, besides IP addresses, localhost and those "
        "of listen; this stops DNS rebinding",
    )
    max_connections: int = option(
        "64", "maximum number of open connections; more close the slowest"
    )
    request_timeout: Seconds = option(
        "5s", "time limit for a request to come in, and for its response to be read"
    )

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find addresses that others can reach, and limits that would allow nothing.
        """
        for reason in listen_problems(self.listen):
            yield "listen", reason
        for where in self.listen:
            if not is_local(where):
                reason = f"{where} can be reached from other machines; expected an address of "
                reason += "this machine alone, as tcp:127.0.0.1:2290 or unix:/PATH"
                yield "listen", reason
        if self.listen and not (self.pages or self.extra_pages):
            yield "pages", "name at least one, or leave [admin] listen empty"
        for name in sorted({*self.pages} & {*self.extra_pages}):
            yield "extra_pages", f"{name} is among [admin] pages already"
        if self.max_connections < 1:
            yield "max_connections", f"must be at least 1, not {self.max_connections}"
        if self.request_timeout <= 0:
            yield "request_timeout", "must be more than 0s"


def is_local(where: Address | InheritedSocket) -> bool:
    """
    Tell whether only this machine can connect to an address.

    Of a socket that another process opened nobody knows.
    """
    if isinstance(where, InheritedSocket):
        return False
    if where.scheme in ("unix", "memory"):
        return True
    ip = ip_of(where.host)
    return where.host == "localhost" if ip is None else ip.is_loopback
