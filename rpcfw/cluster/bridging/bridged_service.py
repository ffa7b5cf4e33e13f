"""
One service in two registries.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rpcfw.cluster.bridging.copies import wanted_copies
from rpcfw.cluster.bridging.target import Target
from rpcfw.spi.registry import OnRefused
from rpcfw.values.instance import Instance, Snapshot

__all__ = ["BridgedService"]


class BridgedService:
    """
    Watches a service in both registries, and keeps the copies of its instances.

    While a registry is unreachable, its last list counts, as it does for its consumers.

    Args:
        name: of the service.
        sides: the two registries.
        targets: those of them that copies are written to.
        bridge: name of the bridge.
        changed: called when `update` is due.
        refused: called when the service cannot be watched.
    """

    def __init__(
        self,
        name: str,
        sides: tuple[Target, Target],
        targets: tuple[Target, ...],
        bridge: str,
        changed: Callable[[str], None],
        refused: Callable[[str, Target], OnRefused],
    ) -> None:
        self._name = name
        self._sides = sides
        self._targets = targets
        self._bridge = bridge
        self._changed = changed
        #: What each side lists, once it is known.
        self._listed: dict[Target, tuple[Instance, ...]] = {}
        self._copies: dict[Target, dict[str, Instance]] = {each: {} for each in targets}
        #: The targets that did not take all copies.
        self.incomplete: set[Target] = set()
        self._watches = [
            side.registry.watch(name, partial(self._listen, side), refused(name, side))
            for side in sides
        ]

    @property
    def known(self) -> bool:
        """
        Whether both registries have said what they list.
        """
        return len(self._listed) == len(self._sides)

    @property
    def empty(self) -> bool:
        """
        Whether neither registry lists an instance, and no copy is kept for one.

        A registry lists no copy that it has not taken yet, but it would take it later.
        """
        kept = (*self._listed.values(), *self._copies.values())
        return self.known and not any(kept)

    def update(self) -> None:
        """
        Write what differs from what shall be there.
        """
        if not self.known:
            # What the target has must be known first, or an instance may be listed twice.
            return
        self.incomplete.clear()
        for target in self._targets:
            (source,) = (side for side in self._sides if side is not target)
            wanted = wanted_copies(self._listed[source], self._listed[target], self._bridge)
            self._write(target, wanted)

    def close(self) -> None:
        """
        Watch no longer. The copies stay as they are.
        """
        for watch in self._watches:
            watch.close()

    def _listen(self, side: Target, snapshot: Snapshot) -> None:
        self._listed[side] = snapshot.instances
        self._changed(self._name)

    def _write(self, target: Target, wanted: dict[str, Instance]) -> None:
        copies = self._copies[target]
        for id in copies.keys() - wanted.keys():
            target.remove(copies.pop(id))
        for id, copy in wanted.items():
            if copies.get(id) == copy:
                continue
            if target.put(copy):
                copies[id] = copy
            else:
                self.incomplete.add(target)
