"""
The names in the header Host that are ours.

A page of somebody else can have its own name resolve to 127.0.0.1, and then read from this port
in the browser of a person who looks at that page (DNS rebinding). Such a request has the name of
the other in its header Host. An IP address there is none that an attacker could own.
"""

from __future__ import annotations

from collections.abc import Iterable

from rpcfw.admin.exchange import Asked
from rpcfw.spi.page import PageRefused
from rpcfw.values.address import Address
from rpcfw.values.inherited_socket import InheritedSocket
from rpcfw.values.peer_host import ip_of

__all__ = ["HostNames"]


class HostNames:
    """
    The names by which this port may be called.

    Args:
        listen: where it listens; these hosts are ours.
        others: further names, of the configuration.
    """

    def __init__(
        self, listen: Iterable[Address | InheritedSocket], others: Iterable[str] = ()
    ) -> None:
        own = (where.host for where in listen if isinstance(where, Address) and where.authority)
        self._names = {name.lower().rstrip(".") for name in ("localhost", *own, *others)}

    def check(self, asked: Asked) -> None:
        """
        See that a request is meant for this server (RFC 9112, section 3.2).

        Raises:
            PageRefused: it has another name, or none.
        """
        host = asked.header("host")
        if not self.has(host):
            raise PageRefused(
                421,
                f"expected an IP address or localhost in the header Host, got {host[:100]!r}; "
                "names of this server are in [admin] host_names",
            )

    def has(self, host: str) -> bool:
        """
        Tell whether a header Host names this server.
        """
        name = host
        if host.startswith("["):
            name, bracket, _ = host[1:].partition("]")
            return bool(bracket) and ip_of(name) is not None
        name = name.partition(":")[0]
        return ip_of(name) is not None or name.lower().rstrip(".") in self._names
