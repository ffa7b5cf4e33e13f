"""
What ``[admin]`` may say.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

from rpcfw.server.options import listen_problems
from rpcfw.spi.access.followed_rules import read_access_file
from rpcfw.spi.access.rules import read_access_rules
from rpcfw.spi.options import option, options
from rpcfw.spi.runtime.followed_file import file_problem
from rpcfw.values.address import Address
from rpcfw.values.inherited_socket import InheritedSocket, ListenAt
from rpcfw.values.peer_host import ip_of
from rpcfw.values.units import Seconds

__all__ = ["ACCESS_FIELDS", "INDEX", "AdminOptions", "is_local"]

#: What conditions of the access rules can be on.
ACCESS_FIELDS = ("action", "host", "identity", "page")
#: The name of the page ``/``, and of what is no page.
INDEX = "index"


@options
class AdminOptions:
    """
    Pages about this process, by HTTP: probes, status, connections, configuration.
    """

    listen: tuple[ListenAt, ...] = option(
        "", "addresses of the admin pages, as tcp:127.0.0.1:2290; empty: none"
    )
    pages: tuple[str, ...] = option(
        "status, connections, calls, metrics, config, threads, profile, inspect, healthz, readyz, "
        "livez",
        "pages, in the order of the index",
    )
    extra_pages: tuple[str, ...] = option("", "further pages, as your own; they come after these")
    host_names: tuple[str, ...] = option(
        "",
        "names in the header Host that are accepted, besides IP addresses, localhost and those "
        "of listen; this stops DNS rebinding",
    )
    access: str = option(
        "", "who may see what, one a line: allow CONDITIONS, or deny CONDITIONS; empty: all"
    )
    access_file: Path | None = option("", "file with more such lines; read again when it changes")
    access_default: Literal["deny", "allow"] = option(
        "deny", "what none of these lines is about, if there are any"
    )
    authenticators: tuple[str, ...] = option(
        "",
        "what finds out who asks, by the headers, in this order; each with a section "
        "[authenticator NAME]. A certificate of the client counts without one",
    )
    changes: bool = option("no", "whether pages that change something may be used")
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
        yield from self._access_problems()
        if self.listen and not (self.pages or self.extra_pages):
            yield "pages", "name at least one, or leave [admin] listen empty"
        for name in sorted({*self.pages} & {*self.extra_pages}):
            yield "extra_pages", f"{name} is among [admin] pages already"
        if self.max_connections < 1:
            yield "max_connections", f"must be at least 1, not {self.max_connections}"
        if self.request_timeout <= 0:
            yield "request_timeout", "must be more than 0s"

    def _access_problems(self) -> Iterator[tuple[str, str]]:
        """
        Find rules that cannot be read, and pages that anybody in the network could see.
        """
        try:
            rules = read_access_rules(self.access, ACCESS_FIELDS)
        except ValueError as error:
            yield "access", str(error)
            return
        read = partial(read_access_file, fields=ACCESS_FIELDS)
        problem = self.access_file and file_problem(self.access_file, read)
        if problem:
            yield "access_file", problem
        if rules or self.access_file is not None:
            return
        for where in self.listen:
            if not is_local(where):
                reason = f"{where} can be reached from other machines: say who may see the pages, "
                reason += "with [admin] access, or listen at tcp:127.0.0.1:2290 or unix:/PATH"
                yield "listen", reason


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
