"""
The nodes of one service: made, kept and closed as its instances come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from rpcfw.cluster.node import Node, Rank
from rpcfw.errors import CallError
from rpcfw.transport.connection.driver import Driver
from rpcfw.transport.pool.link import LinkState
from rpcfw.transport.pool.pool import ConnectionPool
from rpcfw.values.address import Address
from rpcfw.values.copied_error import copied_error
from rpcfw.values.instance import Instance

__all__ = ["MakeLinks", "Nodes"]

#: (address, protocol, called on changes) to the links to a node.
MakeLinks = Callable[[Address, str, Callable[[], None]], ConnectionPool]

#: So many names of wires, which a registry gives, are in an error.
_MAX_SHOWN = 5


class Nodes:
    """
    The live set.

    Args:
        protocols: the wires this client speaks, best first.
        make_pool: opens the way to a node.
        prepare: gives a new node its attempt stack.
        weigh: sets the weights of the nodes, where they differ from their instances'.
        changed: called when what a picker was made from has changed.
        links_changed: called when the connections to a node have changed.
        max_kept: so many nodes are kept connected, as instances come and go; further
            ones are connected to once there are calls.
    """

    def __init__(
        self,
        protocols: tuple[str, ...],
        make_pool: MakeLinks,
        prepare: Callable[[Node], None],
        weigh: Callable[[Iterable[Node]], None],
        changed: Callable[[], None],
        links_changed: Callable[[Node], None],
        max_kept: int,
    ) -> None:
        self._protocols = protocols
        self._make_links = make_pool
        self._prepare = prepare
        self._weigh = weigh
        self._changed = changed
        self._links_changed = links_changed
        self._max_kept = max_kept
        self._by_id: dict[str, Node] = {}
        #: Known, and no nodes for us: they speak none of our wires.
        self._strangers: tuple[Instance, ...] = ()
        #: Gone from the set, with calls that were open then.
        self._draining: list[tuple[ConnectionPool, Driver]] = []

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[Node]:
        return iter(tuple(self._by_id.values()))

    @property
    def connecting(self) -> bool:
        """
        Whether a first try to connect to a node has not ended.
        """
        links = [node.links for node in self._by_id.values()]
        return any(each.state is LinkState.CONNECTING and not each.failed for each in links)

    @property
    def why_none(self) -> str:
        """
        Why instances that are known are no nodes; empty if there are none of that kind.
        """
        if not self._strangers:
            return ""
        spoken = sorted({name for each in self._strangers for name in each.protocols})
        return (
            f"{len(self._strangers)} known, and they speak {', '.join(spoken[:_MAX_SHOWN])}, "
            f"where this client speaks {', '.join(self._protocols)}; "
            "set [client] protocols here, or [server] protocols at the providers"
        )

    def update(self, instances: Iterable[Instance]) -> None:
        """
        Make the set that of these instances.
        """
        old, self._by_id = self._by_id, {}
        strangers = []
        for instance in instances:
            node = old.get(instance.id)
            if node is not None and _same_place(node.instance, instance):
                del old[instance.id]
                node.update(instance)
                self._by_id[instance.id] = node
            elif not self._add(instance):
                strangers.append(instance)
        self._strangers = tuple(strangers)
        for node in old.values():
            self._drain(node.links)
        self._weigh(self._by_id.values())
        self._keep_some()
        self._changed()

    def keep(self, max_kept: int) -> None:
        """
        Keep so many nodes connected from now on; those that are kept already stay so.
        """
        self._max_kept = max_kept
        self._keep_some()

    def close(self, error: CallError) -> None:
        """
        Close all at once; open calls fail with copies of ``error``.
        """
        nodes, self._by_id = self._by_id, {}
        self._changed()
        draining, self._draining = self._draining, []
        for node in nodes.values():
            # Else a call that waits would be begun in the place of one that fails here.
            node.links.refuse(error)
        going = [(node.links, driver) for node in nodes.values() for driver in node.links.drivers]
        for _, driver in (*going, *draining):
            _fail_calls(driver, error)
        for links in (*(node.links for node in nodes.values()), *(links for links, _ in draining)):
            links.close(error.message)

    def _drain(self, links: ConnectionPool) -> None:
        self._draining = [(one, driver) for one, driver in self._draining if driver.listeners]
        self._draining += [(links, driver) for driver in links.drivers if driver.listeners]
        links.drain("the instance is gone from the registry")

    def _add(self, instance: Instance) -> bool:
        """
        Make a node of an instance; return False if it speaks nothing that we do.
        """
        protocol = next((name for name in self._protocols if name in instance.protocols), None)
        if protocol is None:
            return False
        # By the id, since a reference to the node would be a cycle.
        changed = partial(self._note_links, instance.id)
        links = self._make_links(instance.address, protocol, changed)
        node = self._by_id[instance.id] = Node(instance, links)
        self._prepare(node)
        return True

    def _note_links(self, id: str) -> None:
        node = self._by_id.get(id)
        if node is not None:
            self._links_changed(node)

    def _keep_some(self) -> None:
        """
        Have as many nodes kept as may be, those that are ready first.
        """
        nodes = self._by_id.values()
        places = self._max_kept - sum(node.links.kept for node in nodes)
        if places > 0:
            others = sorted((node for node in nodes if not node.links.kept), key=_rank)
            for node in others[:places]:
                node.links.keep()


def _rank(node: Node) -> Rank:
    return node.rank


def _fail_calls(driver: Driver, error: CallError) -> None:
    for call_id, listener in tuple(driver.listeners.items()):
        driver.cancel(call_id, error.message)
        listener.lost(copied_error(error))


def _same_place(old: Instance, new: Instance) -> bool:
    return old.address == new.address and old.protocols == new.protocols
