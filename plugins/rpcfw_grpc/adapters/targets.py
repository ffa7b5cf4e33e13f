"""
Targets of grpcio's channels, as instances of a registry.

A name that is written in a target is a host name; nothing here looks it up.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from rpcfw.errors import ContractError
from rpcfw.values.address import Address

__all__ = ["addresses", "instances"]

_FORMS = "host:port, dns:///host:port, ipv4:1.2.3.4:5,..., ipv6:[::1]:5,... or unix:/path"
#: What would end an address where instances are written.
_NOT_IN_A_LINE = re.compile(r"[\s,@=]")
_FAMILIES = {"ipv4": ipaddress.IPv4Address, "ipv6": ipaddress.IPv6Address}


def instances(found: tuple[Address, ...]) -> str:
    """
    Return the line of a registry for servers that all speak gRPC and serve anything.
    """
    return "* = " + ", ".join(f"{address} protocols=grpc" for address in found)


def addresses(target: str, *, secure: bool) -> tuple[Address, ...]:
    """
    Return the addresses that a target names.

    Args:
        secure: they are reached over TLS.

    Raises:
        ContractError: it names none that can be used.
    """
    if not isinstance(target, str):
        raise ContractError(f"a channel's target is text, as {_FORMS}; got {target!r}")
    try:
        return tuple(_read(target, "tls" if secure else "tcp"))
    except ValueError as error:
        raise ContractError(f"the target {target!r} cannot be used: {error}") from None


def _read(target: str, scheme: str) -> Iterator[Address]:
    kind, _, rest = target.partition(":")
    if kind == "unix":
        if scheme == "tls":
            raise ValueError("there is no TLS over a Unix socket; use insecure_channel")
        yield _address("unix", rest.removeprefix("//"))
    elif kind in _FAMILIES:
        for each in rest.split(","):
            yield _of_family(kind, _address(scheme, each))
    elif kind == "dns":
        if rest.startswith("//") and not rest.startswith("///"):
            raise ValueError("it is the system that looks names up; write dns:///host:port")
        yield _address(scheme, rest.removeprefix("///"))
    else:
        yield _address(scheme, target)


def _address(scheme: str, text: str) -> Address:
    """
    Read an address that can be in a registry's line.
    """
    if _NOT_IN_A_LINE.search(text) or (scheme != "unix" and "/" in text):
        raise ValueError(f"expected {_FORMS}")
    try:
        address = Address.parse(f"{scheme}:{text}")
    except ValueError:
        raise ValueError(f"expected {_FORMS}, the port always with it") from None
    if scheme != "unix" and address.port == 0:
        raise ValueError("nobody can be called at port 0")
    return address


def _of_family(kind: str, address: Address) -> Address:
    try:
        _FAMILIES[kind](address.host)
    except ValueError:
        raise ValueError(f"{address.host!r} is no address of {kind}") from None
    return address
