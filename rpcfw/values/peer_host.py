"""
The host of the other end of a connection.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

__all__ = ["host_of", "ip_of", "network_of"]

#: One customer of a provider has at least so many addresses of IPv6 (RFC 6177).
_IPV6_BITS = 64


# A server asks for the same peer at each of its calls.
@lru_cache(maxsize=1024)
def host_of(peer: str) -> str:
    """
    Return the IP address in the text of a server's peer; empty if there is none.

    Args:
        peer: as `Call.peer` in a server: ``10.0.0.7:4711``, ``[fe80::1]:4711``, or
            ``a local peer``.
    """
    host, _, port = peer.rpartition(":")
    ip = ip_of(host.strip("[]") if port.isdigit() else peer)
    return "" if ip is None else str(ip)


@lru_cache(maxsize=1024)
def network_of(host: str) -> str:
    """
    Return what counts as one address, an IPv6 address with its /64; empty if it is none.
    """
    ip = ip_of(host)
    if ip is None:
        return ""
    if isinstance(ip, IPv4Address):
        return str(ip)
    start = int(ip) >> (128 - _IPV6_BITS) << (128 - _IPV6_BITS)
    return f"{IPv6Address(start)}/{_IPV6_BITS}"


def ip_of(host: str) -> IPv4Address | IPv6Address | None:
    """
    Return the address that a text has, without its zone; None if it has none.

    An IPv4 address that an IPv6 socket shows as ``::ffff:10.0.0.7`` is ``10.0.0.7``.
    """
    try:
        ip = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip
