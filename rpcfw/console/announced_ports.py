"""
Which of the admin ports that instances announce are asked.

Whoever can write to the registry says where an instance is, and where its admin port is. So the
address alone must not be enough to have the console connect to any machine in its network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from rpcfw.values.address import Address
from rpcfw.values.instance import Instance
from rpcfw.values.peer_host import ip_of

__all__ = ["ADMIN_TAG", "AnnouncedPorts"]

#: The tag of an instance that says where the admin port of its process is.
ADMIN_TAG = "admin"

#: One host could announce thousands.
_MAX_OF_HOST = 200


class AnnouncedPorts:
    """
    Reads the tags of instances.

    Args:
        networks: of hosts that are asked.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: list[IPv4Network | IPv6Network] = list(map(ip_network, networks))

    def of(self, instance: Instance) -> Address | None:
        """
        Return the admin port of an instance; None if it announces none that may be asked.

        It is at the IP address of the instance, and in one of the networks. A name would lead
        wherever the DNS says later.
        """
        text = instance.tags.get(ADMIN_TAG, "")
        if not text:
            return None
        try:
            address = Address.parse(text)
        except ValueError:
            return None
        if address.scheme == "memory":
            return address
        return address if self._may_be_asked(address, instance.address) else None

    def all(self, instances: Iterable[Instance]) -> Iterator[Address]:
        """
        Yield the admin ports of many instances, each once, of one host only so many.
        """
        of_host = Counter[str]()
        read: set[tuple[str, str]] = set()
        for one in instances:
            # A process announces the same port with each of its services.
            announced = one.tags.get(ADMIN_TAG, ""), one.address.host
            if not announced[0] or announced in read:
                continue
            read.add(announced)
            address = self.of(one)
            if address is not None and of_host[address.host] < _MAX_OF_HOST:
                of_host[address.host] += 1
                yield address

    def _may_be_asked(self, address: Address, of: Address) -> bool:
        ip = ip_of(address.host)
        if address.scheme not in ("tcp", "tls") or address.at or ip is None or ip != ip_of(of.host):
            return False
        return any(ip in network for network in self._networks)
