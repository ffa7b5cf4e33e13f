"""
What ``[console]`` may say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Literal

from rpcfw.admin.options import is_local
from rpcfw.server.options import listen_problems
from rpcfw.spi.options import below_minimum, option, options
from rpcfw.values.address import Address
from rpcfw.values.inherited_socket import ListenAt
from rpcfw.values.peer_host import ip_of
from rpcfw.values.units import Bytes, Seconds

__all__ = ["LOCAL_NETWORKS", "ConsoleOptions"]

#: Of the admin ports that are asked unless the configuration says otherwise.
LOCAL_NETWORKS: tuple[str, ...] = ("127.0.0.0/8", "::1/128")

#: RFC 9110, section 5.6.2.
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

_MINIMA = {
    "max_connections": 1,
    "max_connections_per_address": 1,
    "max_body": 1024,
    "max_failed_logins": 1,
    "max_event_streams": 1,
    "max_services": 1,
}
_TIMES = ("session_timeout", "idle_timeout", "poll_interval", "refresh_interval", "request_timeout")


@options
class ConsoleOptions:
    """
    The web console: where it listens, who may use it, and its limits.
    """

    listen: tuple[ListenAt, ...] = option(
        "tcp:127.0.0.1:2280", "addresses to listen at; tls: with the files of [tls]"
    )
    host_names: tuple[str, ...] = option(
        "",
        "names in the header Host that are accepted, besides IP addresses, localhost and those "
        "of listen; this stops DNS rebinding",
    )
    users: Path | None = option(
        "", "file of users, NAME:ROLE:HASH a line; rpcfw console password makes a line"
    )
    user_header: str = option(
        "", "header in which a trusted proxy names the user; empty: users log in with a password"
    )
    address_header: Literal["", "X-Forwarded-For", "Forwarded"] = option(
        "",
        "header in which trusted proxies name the address of the client, for the limits of logins "
        "and the audit trail; each must add to it, or set it",
    )
    trusted_proxies: tuple[str, ...] = option(
        "",
        "IP addresses whose user_header and address_header are believed; from all others they "
        "are ignored",
    )
    proxy_role: Literal["none", "viewer", "operator", "admin"] = option(
        "none", "role of a user whom a proxy names and the file does not; none: no access"
    )
    secure_cookies: bool = option(
        "no", "yes: cookies go over HTTPS only, if a proxy encrypts; always so with tls:"
    )
    session_timeout: Seconds = option("8h", "time after which a user has to log in again")
    idle_timeout: Seconds = option("30m", "the same, since the last request of the user")
    max_failed_logins: int = option(
        "10",
        "maximum number of failed logins in a minute from one address; of one name ten times that",
    )
    audit_file: Path | None = option(
        "", "file that a line is added to for each change; the log has it, too"
    )
    admin: tuple[Address, ...] = option(
        "", "admin ports of processes that are in no registry, as those of consumers"
    )
    admin_networks: tuple[str, ...] = option(
        ", ".join(LOCAL_NETWORKS),
        "networks of the admin ports that instances announce; those elsewhere are not asked",
    )
    poll_interval: Seconds = option("5s", "time between two looks at an admin port")
    refresh_interval: Seconds = option(
        "10s", "time between two questions to the registry which services there are"
    )
    max_services: int = option("10000", "maximum number of services that are watched")
    call_timeout: Seconds = option("10s", "time limit of a call that a user makes here")
    max_body: Bytes = option("1MiB", "maximum size of a form")
    max_connections: int = option(
        "500", "maximum number of open connections; over it the one that waits longest is closed"
    )
    max_connections_per_address: int = option(
        "100", "the same for one IP address, but for the trusted proxies"
    )
    max_event_streams: int = option("100", "maximum number of pages that are updated live")
    request_timeout: Seconds = option("20s", "time limit for the bytes of a request")

    @property
    def only_https(self) -> bool:
        """
        Whether browsers reach the console over HTTPS alone.
        """
        return self.secure_cookies or all(each.secure for each in self.listen)

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find what would let nobody in, or everybody.
        """
        yield from self._of_ports()
        if self.users is None and not self.user_header:
            yield "users", "nobody could log in: name a file of users, or set user_header"
        for name in ("user_header", "address_header"):
            if getattr(self, name) and not self.trusted_proxies:
                yield "trusted_proxies", f"name the proxies that may set {name}"
        if self.user_header and not _HEADER_NAME.fullmatch(self.user_header):
            yield "user_header", f"expected the name of a header; got {self.user_header!r}"
        for text in self.trusted_proxies:
            if ip_of(text) is None:
                yield "trusted_proxies", f"expected IP addresses; got {text!r}"
        yield from below_minimum(self, _MINIMA)
        for name in _TIMES:
            if getattr(self, name) <= 0:
                yield name, f"must be more than 0s, not {getattr(self, name):g}s"

    def _of_ports(self) -> Iterator[tuple[str, str]]:
        for reason in listen_problems(self.listen):
            yield "listen", reason
        if not self.listen:
            yield "listen", "expected at least one address; got none"
        for where in self.listen:
            known = isinstance(where, Address)  # not of a socket that another process opened
            if known and not (self.secure_cookies or where.secure or is_local(where)):
                reason = f"passwords would reach {where} unencrypted: listen at tls:, or at "
                reason += "127.0.0.1; or set secure_cookies = yes if a proxy encrypts"
                yield "listen", reason
        for text in self.admin_networks:
            try:
                ip_network(text)
            except ValueError:
                yield "admin_networks", f"expected networks as 10.1.0.0/16; got {text!r}"
