"""
Hosts of their own around one in the middle, each of which can lose its way to single addresses.

The one in the middle has several addresses: of the registry, and of each provider. Every other
host is joined to it by a link of its own. What a host sends to an address can be dropped, and
what it sends to the others gets there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack

from tests.real.fleet.network import Namespace

__all__ = ["Host", "Star"]

#: A hardware address that nobody has.
_NOBODY = "02:00:00:00:00:99"
_MIDDLE = "02:00:00:00:00:01"


class Host:
    """
    One host beside the middle.

    Args:
        space: its network.
        number: of it.
        addresses: of the middle.
    """

    def __init__(self, space: Namespace, number: int, addresses: Sequence[str]) -> None:
        self._space = space
        self.enter = space.enter
        self.address = f"10.9.1.{number}"
        space.run(f"ip addr add {self.address}/32 dev out")
        space.run("ip link set out up")
        for each in addresses:
            space.run(f"ip route add {each}/32 dev out src {self.address}")
        self._addresses = addresses
        self._lost: set[str] = set(addresses)
        self.lose(())

    def lose(self, addresses: Iterable[str]) -> None:
        """
        Drop what is sent to these addresses of the middle, and nothing else.
        """
        lost = {*addresses}
        for each in self._lost ^ lost:
            hardware = _NOBODY if each in lost else _MIDDLE
            self._space.run(f"ip neigh replace {each} lladdr {hardware} dev out nud permanent")
        self._lost = lost


class Star:
    """
    See the module. Made when the block is entered, and gone when it is left.

    Args:
        addresses: of the middle.
        hosts: how many there are beside it.
    """

    def __init__(self, addresses: Sequence[str], hosts: int) -> None:
        self._addresses = addresses
        self._count = hosts
        self._stack = ExitStack()
        self.hosts: list[Host] = []

    def __enter__(self) -> Star:
        with self._stack:
            self.middle = self._space("unshare", "-r", "-n")
            self.middle.run("ip link set lo up")
            for each in self._addresses:
                self.middle.run(f"ip addr add {each}/32 dev lo")
            for number in range(1, self._count + 1):
                self.hosts.append(self._host(number))
            self._stack = self._stack.pop_all()
        return self

    def _space(self, *inside: str) -> Namespace:
        space = Namespace(*inside)
        self._stack.callback(space.close)
        return space

    def _host(self, number: int) -> Host:
        space = self._space(*self.middle.enter, "unshare", "-n")
        middle, own = f"to{number}", f"02:00:00:00:01:{number:02}"
        self.middle.run(f"ip link add {middle} type veth peer name out netns {space.pid}")
        self.middle.run(f"ip link set {middle} address {_MIDDLE}")
        space.run(f"ip link set out address {own}")
        self.middle.run(f"ip link set {middle} up")
        host = Host(space, number, self._addresses)
        self.middle.run(f"ip route add {host.address}/32 dev {middle}")
        self.middle.run(f"ip neigh replace {host.address} lladdr {own} dev {middle} nud permanent")
        return host

    def __exit__(self, *error: object) -> None:
        self._stack.close()
