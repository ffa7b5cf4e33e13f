"""
Asks the registry servers of a group how they are, and whether their copies are equal.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from attrs import field, frozen

from rpcfw.errors import CallError
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.waiting import sleep, spawn
from rpcfw.values.address import Address
from rpcfw_registries.standalone.node.replication.status import NodeStatus

__all__ = ["Survey", "survey"]

_LOOK_S = 0.5
#: Servers of one group; a server remembers no more.
_MAX_SERVERS = 100

Ask = Callable[[Address], Awaitable[NodeStatus]]


@frozen
class Survey:
    """
    What the servers have answered.

    Args:
        nodes: by the address that was asked.
        failed: why others have not answered, by their addresses as they were given.
    """

    nodes: dict[Address, NodeStatus] = field(factory=dict)
    failed: dict[str, str] = field(factory=dict)

    @property
    def equal(self) -> bool:
        """
        Whether all copies were equal, those of the rules, too.
        """
        return self.equal_instances and self.equal_rules

    @property
    def equal_instances(self) -> bool:
        """
        Whether all copies of the instances were equal.
        """
        return len({node.hash for node in self.nodes.values()}) <= 1

    @property
    def equal_rules(self) -> bool:
        """
        Whether all servers that exchange rules had the same.
        """
        return len({node.rules for node in self.nodes.values()} - {""}) <= 1

    @property
    def fine(self) -> bool:
        """
        Whether all servers answered, and have equal copies.
        """
        return self.equal and not self.failed

    def lag(self, node: NodeStatus) -> int:
        """
        Return how many changes of the others a server has not received.
        """
        seen = {peer.node: peer.number for peer in node.peers}
        others = [each for each in self.nodes.values() if each.node != node.node]
        return sum(max(0, each.number - max(0, seen.get(each.node, 0))) for each in others)


async def survey(ask: Ask, addresses: Iterable[Address], clock: Clock) -> Survey:
    """
    Ask these servers, and those that they know.

    Changes are on their way at every moment, so copies that differ are looked at again for the
    time between two digests: they are called different if they differed each time.
    """
    addresses = tuple(dict.fromkeys(addresses))
    found = await _asked(ask, addresses)
    waits_s = max((node.digest_s for node in found.nodes.values()), default=0.0)
    until = clock.seconds() + waits_s
    while not found.equal and clock.seconds() < until:
        await sleep(clock, _LOOK_S)
        found = await _asked(ask, addresses)
    return found


async def _asked(ask: Ask, addresses: tuple[Address, ...]) -> Survey:
    found = Survey()
    await _ask_all(ask, addresses, found)
    known = {node.node for node in found.nodes.values()}
    asked = {*map(str, addresses), *(node.address for node in found.nodes.values())}
    peers = [peer for node in found.nodes.values() for peer in node.peers if not peer.leaving]
    more = {each.address: None for each in peers if each.address and each.node not in known}
    texts = [each for each in more if each not in asked][:_MAX_SERVERS]
    await _ask_all(ask, _parsed(texts, found), found)
    return found


def _parsed(texts: Iterable[str], found: Survey) -> list[Address]:
    """
    Return addresses that servers have sent. Each says itself where it is, and may be wrong.
    """
    addresses = []
    for text in texts:
        try:
            addresses.append(Address.parse(text))
        except ValueError as error:
            found.failed[text] = str(error)
    return addresses


async def _ask_all(ask: Ask, addresses: Iterable[Address], found: Survey) -> None:
    asking = [spawn(_ask_one(ask, address, found)) for address in addresses]
    for each in asking:
        await each


async def _ask_one(ask: Ask, address: Address, found: Survey) -> None:
    try:
        found.nodes[address] = await ask(address)
    except CallError as error:
        found.failed[str(address)] = str(error)
