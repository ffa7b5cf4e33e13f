"""
Hosts that all reach each other, until some are cut off from others.

Each is a network namespace with one link to a common bridge. What is sent to a host from which
the sender is cut off is lost without a word, as it is when a switch between them fails.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from itertools import permutations, product

from tests.real.fleet.network import Namespace
from tests.real.hosts import Host

__all__ = ["Mesh"]

#: A hardware address that nobody has.
_NOBODY = "02:00:00:00:00:99"


class Mesh:
    """
    See the module. Made when the block is entered, and gone when it is left.

    Args:
        names: of the hosts.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._stack = ExitStack()
        self._spaces: dict[str, Namespace] = {}
        self._cut: set[tuple[str, str]] = set()

    def __enter__(self) -> Mesh:
        with self._stack:
            middle = self._space("unshare", "-r", "-n")
            middle.run("ip link add bridge type bridge")
            middle.run("ip link set bridge up")
            for name in self._names:
                self._spaces[name] = self._joined(middle, name)
            for pair in permutations(self._names, 2):
                self._join(*pair)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def host(self, name: str) -> Host:
        """
        Return a host.
        """
        return Host(self._address(name), self._spaces[name].enter)

    def cut(self, groups: Iterable[Collection[str]], joined: Collection[str] = ()) -> None:
        """
        Drop what hosts of different groups send each other. A host may be in no group.

        Args:
            joined: these reach each other all the same.
        """
        for one, other in permutations(groups, 2):
            for pair in product(one, other):
                if not {*pair} <= {*joined}:
                    self._cut.add(pair)
                    self._know(*pair, _NOBODY)

    def heal(self) -> None:
        """
        Drop nothing any more.
        """
        for pair in self._cut:
            self._join(*pair)
        self._cut.clear()

    def _joined(self, middle: Namespace, name: str) -> Namespace:
        space = self._space(*middle.enter, "unshare", "-n")
        link = f"to-{self._number(name)}"
        middle.run(f"ip link add {link} type veth peer name out netns {space.pid}")
        middle.run(f"ip link set {link} master bridge")
        middle.run(f"ip link set {link} up")
        space.run(f"ip link set out address {self._hardware(name)}")
        space.run(f"ip addr add {self._address(name)}/24 dev out")
        space.run("ip link set out up")
        space.run("ip link set lo up")
        return space

    def _join(self, one: str, other: str) -> None:
        self._know(one, other, self._hardware(other))

    def _know(self, one: str, other: str, hardware: str) -> None:
        entry = f"{self._address(other)} lladdr {hardware} dev out nud permanent"
        self._spaces[one].run(f"ip neigh replace {entry}")

    def _space(self, *inside: str) -> Namespace:
        space = Namespace(*inside)
        self._stack.callback(space.close)
        return space

    def _number(self, name: str) -> int:
        return self._names.index(name) + 1

    def _address(self, name: str) -> str:
        return f"10.9.3.{self._number(name)}"

    def _hardware(self, name: str) -> str:
        return f"02:00:00:00:03:{self._number(name):02}"
