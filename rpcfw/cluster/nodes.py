"""
The nodes of one service: made, kept and let go as its instances come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from rpcfw.cluster.node import Node
from rpcfw.transport.link import Link
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance

__all__ = ["MakeLink", "Nodes"]

#: (address, protocol, told of changes, whether it is kept) to a link.
MakeLink = Callable[[Address, str, Callable[[Link], None], bool], Link]


class Nodes:
    """
    The live set.

    Args:
        protocols: the wires this client speaks, best first.
        make_link: opens the way to a node.
        prepare: gives a new node its attempt stack.
        changed: told whenever what a picker was made from is no longer so.
        most_kept: so many links are kept connected; further nodes are connected
            to when they are first picked.
    """

    def __init__(
        self,
        protocols: tuple[str, ...],
        make_link: MakeLink,
        prepare: Callable[[Node], None],
        changed: Callable[[], None],
        most_kept: int,
    ) -> None:
        self._protocols = protocols
        self._make_link = make_link
        self._prepare = prepare
        self._changed = changed
        self._most_kept = most_kept
        self._by_id: dict[str, Node] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Node]:
        return iter(tuple(self._by_id.values()))

    def update(self, instances: Iterable[Instance]) -> None:
        """
        Make the set that of these instances.
        """
        old, self._by_id = self._by_id, {}
        for instance in instances:
            node = old.get(instance.id)
            if node is not None and _same_place(node.instance, instance):
                del old[instance.id]
                node.update(instance)
                self._by_id[instance.id] = node
            else:
                self._add(instance)
        for node in old.values():
            node.link.drain("the instance is gone from the registry")
        self._changed()

    def close(self) -> None:
        """
        Let all go at once.
        """
        nodes, self._by_id = self._by_id, {}
        for node in nodes.values():
            node.link.close("this client is stopping")

    def _add(self, instance: Instance) -> None:
        protocol = next((name for name in self._protocols if name in instance.protocols), None)
        if protocol is None:
            return  # it speaks nothing that we do, so it is no node for us
        kept = len(self._by_id) < self._most_kept
        link = self._make_link(instance.address, protocol, self._link_changed, kept)
        node = self._by_id[instance.id] = Node(instance, link)
        self._prepare(node)
        link.start()

    def _link_changed(self, link: Link) -> None:
        self._changed()


def _same_place(old: Instance, new: Instance) -> bool:
    return old.address == new.address and old.protocols == new.protocols
