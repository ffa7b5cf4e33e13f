"""
What one registry server has to publish: its changes, each once, and a digest at intervals.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw_registries.standalone.node.replication.copy import Key
from rpcfw_registries.standalone.node.replication.messages import Change, Entry, parts

__all__ = ["MIN_DIGEST_S", "Outbox"]

#: Copies that differ answer one another's digests, but not more often than this.
MIN_DIGEST_S = 1.0


class Outbox:
    """
    Pure: no clock, no network.

    Args:
        node: whose it is.
        digest_s: the longest time between two digests.
        written: is called when there is something to publish; None: nothing is published.
    """

    def __init__(
        self, node: str, digest_s: float, now: float, written: Callable[[], None] | None
    ) -> None:
        #: Of the last change that was published.
        self.number = 0
        self._node = node
        self._digest_s = digest_s
        self._written = written
        self._next_digest = self._last_digest = now
        self._changes: dict[Key, Entry] = {}

    def add(self, entry: Entry) -> None:
        """
        Publish a change, unless another one of the same instance comes before.
        """
        if self._written is None:
            return
        if not self._changes:
            self._written()
        self._changes[entry.service, entry.id] = entry

    def digest_now(self, now: float) -> None:
        """
        Publish a digest now, not at the end of the interval.
        """
        self._next_digest = now
        if self._written is not None:
            self._written()

    def digest_soon(self, now: float) -> None:
        """
        Publish a digest as soon as others may be answered again.
        """
        soonest = self._last_digest + MIN_DIGEST_S
        if soonest <= now:
            self.digest_now(now)
        else:
            self._next_digest = min(self._next_digest, soonest)

    def take_changes(self) -> list[Change]:
        """
        Return the changes, in as many messages as they need.
        """
        messages = []
        for part in parts(self._changes.values()):
            self.number += 1
            messages.append(Change(self._node, self.number, part))
        self._changes.clear()
        return messages

    def takes_digest(self, now: float) -> bool:
        """
        Tell whether a digest is due, which is published then.
        """
        if now < self._next_digest:
            return False
        self._next_digest = now + self._digest_s
        self._last_digest = now
        return True
