"""
The addresses of this machine, asked from the system. Nothing here sends a packet.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from rpcfw.spi.runtime.local_address import without_scope

__all__ = ["addresses_of_interfaces"]

#: Linux's request for the IPv4 address of an interface (netdevice(7)).
_SIOCGIFADDR = 0x8915
_IF_INET6 = Path("/proc/net/if_inet6")


def addresses_of_interfaces(family: int) -> tuple[str, ...]:
    """
    Return the addresses of this machine in one family, those of its loopback too.

    If the system cannot tell, these are the addresses of its host name.
    """
    found = list(_ipv6() if family == socket.AF_INET6 else _ipv4())
    if not found:
        try:
            named = socket.getaddrinfo(socket.gethostname(), None, family, socket.SOCK_DGRAM)
        except (OSError, UnicodeError):
            named = []
        found = [without_scope(str(address[0])) for *_, address in named]
    return tuple(dict.fromkeys(found))


def _ipv4() -> Iterator[str]:
    try:
        from fcntl import ioctl
    except ImportError:
        return
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            try:
                record = ioctl(asked, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
            except OSError:
                continue  # it has no IPv4 address
            yield socket.inet_ntoa(record[20:24])


def _ipv6() -> Iterator[str]:
    try:
        lines = _IF_INET6.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        yield str(ip_address(bytes.fromhex(line.split()[0])))
