"""
Where callers reach a server that listens on every interface.

Nobody can connect to `0.0.0.0` or `[::]`. The address that the host's own name resolves to is
not of use either: on Debian it is 127.0.1.1, from /etc/hosts. So the address is the first of:

1. the local address of the route to the registry, since callers use the registry too;
2. the local address of the default route;
3. the address of the only interface besides loopback;
4. loopback, if there is no other interface, and the registry, if it has an address, is on
   this machine too.

If there is none, the server does not start, and the error says what to set.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address

from attrs import evolve, frozen

from rpcfw.errors import SetupError
from rpcfw.server.interfaces import addresses_of_interfaces
from rpcfw.spi.runtime.local_address import ANYWHERE, local_address_towards
from rpcfw.values.address import Address

__all__ = [
    "AddressQueries",
    "AdvertisedAddress",
    "advertised_address",
    "is_every_interface",
    "is_loopback",
]


@frozen
class AddressQueries:
    """
    The functions that ask the system for addresses.

    Args:
        towards: returns the local address of the route to (host, port, family), or "".
        interfaces: returns the addresses of all interfaces in a family.
    """

    towards: Callable[[str, int, int], str] = local_address_towards
    interfaces: Callable[[int], tuple[str, ...]] = addresses_of_interfaces


@frozen
class AdvertisedAddress:
    """
    An address, and why it was chosen.
    """

    address: Address
    why: str


def is_every_interface(address: Address) -> bool:
    """
    Tell whether a listening address means all addresses of the machine.
    """
    if address.scheme not in ("tcp", "tls"):
        return False
    if address.host == "0":  # as the C library reads it
        return True
    try:
        return ip_address(address.host).is_unspecified
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """
    Tell whether only its own machine can reach a host, given by name or address.
    """
    if host.lower().rstrip(".") in ("localhost", "ip6-localhost", "localhost.localdomain"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def advertised_address(
    address: Address, registry: Sequence[Address], queries: AddressQueries
) -> AdvertisedAddress:
    """
    Return where callers reach a server that listens at ``address``, on every interface.

    Args:
        registry: addresses of the registry's servers; empty if it has none.

    Raises:
        SetupError: it is not known; the message says what to set.
    """
    for host, why in _candidates(address, registry, queries):
        return AdvertisedAddress(evolve(address, host=host), why)
    hosts = [host for family in _families(address) for host in _outward(queries, family)]
    here = f"this machine has {', '.join(hosts)}" if hosts else "this machine has only loopback"
    example = hosts[0] if hosts else "10.0.0.5"
    shown = Address(address.scheme, example, address.port)
    raise SetupError(
        f"[server] listen = {address} is every interface, and it is not known at which address "
        f"callers reach it: no route leads to the registry or anywhere else, and {here}; "
        f"set [server] advertise, as: advertise = {shown}"
    )


def _candidates(
    address: Address, registry: Sequence[Address], queries: AddressQueries
) -> Iterator[tuple[str, str]]:
    families = _families(address)
    distant = [each for each in registry if each.authority]
    for place in distant:
        for family in families:
            host = queries.towards(place.at or place.host, place.port, family)
            if _usable(host):
                yield host, f"it is this machine's on the way to the registry at {place}"
    for family in families:
        host = queries.towards(ANYWHERE[family], 1, family)
        if _usable(host):
            yield host, "it is this machine's on the default route"
    outward = [host for family in families for host in _outward(queries, family)]
    if len(outward) == 1:
        yield outward[0], "it is this machine's only one except loopback"
    if not outward and all(is_loopback(place.host) for place in distant):
        host = "::1" if families[0] == socket.AF_INET6 else "127.0.0.1"
        yield host, "this machine has no other, so only processes on it can call"


def _families(address: Address) -> tuple[int, ...]:
    """
    Return the families in which the address is listened at: ``[::]`` takes both.
    """
    if ":" in address.host:
        return socket.AF_INET6, socket.AF_INET
    return (socket.AF_INET,)


def _outward(queries: AddressQueries, family: int) -> list[str]:
    return [host for host in queries.interfaces(family) if _usable(host)]


def _usable(host: str) -> bool:
    """
    Tell whether other machines can connect to it: not to loopback or link-local addresses.
    """
    try:
        found = ip_address(host)
    except ValueError:
        return False
    return not (found.is_loopback or found.is_unspecified or found.is_link_local)
