"""
Which other nodes there are, and which were silent for too long.

Silence is counted only while this node could listen: not while it was paused, and not while it
has no connection to the bus. So a node that was cut off does not take the others for dead.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define

__all__ = ["Member", "Members"]

#: A longer time between two looks is a pause of this process.
_MAX_LOOK_S = 5.0


@define(eq=False)
class Member:
    """
    Another node.

    Args:
        seen_at: in seconds of listening.
        number: of its last change that was applied; None: not known yet.
        rules: the hash of its rules, see `Digest`.
    """

    name: str
    seen_at: float
    address: str = ""
    number: int | None = None
    leaving: bool = False
    joining: bool = False
    rules: str = ""


class Members:
    """
    All other nodes of the group.

    Args:
        max_members: more than these are not remembered.
    """

    def __init__(self, now: float, max_members: int = 100) -> None:
        self._max_members = max_members
        self._members: dict[str, Member] = {}
        self._looked = now
        self._listened = 0.0
        #: Whether the bus is connected.
        self.connected = False

    def __iter__(self) -> Iterator[Member]:
        return iter(tuple(self._members.values()))

    def get(self, name: str) -> Member | None:
        """
        Return a member.
        """
        return self._members.get(name)

    def seen(self, name: str) -> Member | None:
        """
        Note that a node lives; None if there are too many.
        """
        member = self._members.get(name)
        if member is not None:
            member.seen_at = self._listened
        elif len(self._members) < self._max_members:
            member = self._members[name] = Member(name, self._listened)
        return member

    def look(self, now: float) -> None:
        """
        Count the time since the last look. To be called every second or so.
        """
        passed, self._looked = now - self._looked, now
        if self.connected:
            self._listened += min(passed, _MAX_LOOK_S)

    def silence(self, member: Member) -> float:
        """
        Return for how many seconds this node listened and received nothing of a member.
        """
        return self._listened - member.seen_at

    def forget(self, name: str) -> None:
        """
        Forget a node that is gone.
        """
        self._members.pop(name, None)
