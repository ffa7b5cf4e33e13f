"""
What the registry servers of one group say to one another.

A version names one announcement: its counter is a Lamport clock (Lamport 1978), and the name
of the node that wrote it makes it unique. A removal has the version of what it removes, so it
cannot remove what was announced later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Annotated

import msgspec

from rpcfw_registries.standalone.messages import (
    MAX_NAME_LENGTH,
    MAX_RECORD_BYTES,
    Counter,
    Name,
)
from rpcfw_registries.standalone.node.caller import MAX_PROVED, MAX_PROVED_CHARS
from rpcfw_registries.standalone.node.record_text import check_record_text

__all__ = [
    "MAX_NAMES_BYTES",
    "Change",
    "Digest",
    "Entries",
    "Entry",
    "Message",
    "State",
    "check_entries",
    "parts",
]

#: Of one message. A message is far below the limit of every bus: NATS takes 1 MiB.
_MAX_ENTRIES = 500
_MAX_BYTES = 256 << 10

#: At least as many bytes as all the names of an entry have, with what is around them.
MAX_NAMES_BYTES = 4 * (4 * MAX_NAME_LENGTH + MAX_PROVED * MAX_PROVED_CHARS) + 256

_ProvedName = Annotated[str, msgspec.Meta(max_length=MAX_PROVED_CHARS)]
Proved = Annotated[tuple[_ProvedName, ...], msgspec.Meta(max_length=MAX_PROVED)]


class State(IntEnum):
    """
    What is known of one version of a registration. A higher one replaces a lower one.
    """

    LIVE = 0
    #: Its node was silent for too long. The node contradicts this if it is wrong.
    LOST = 1
    #: Its provider withdrew it, or did not renew it.
    REMOVED = 2


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """
    One registration.

    Args:
        counter: with ``node``: its version.
        node: who keeps its lease.
        owner: who announced it, see `rpcfw_registries.standalone.node.catalog.Entry`.
        record: empty unless it is live.
        holder: the names that its client has proved, see `Caller.proved`.
    """

    service: Name
    id: Name
    counter: Counter
    node: Name
    state: State
    owner: Annotated[str, msgspec.Meta(max_length=256)]
    record: Annotated[bytes, msgspec.Meta(max_length=MAX_RECORD_BYTES)] = b""
    holder: Proved = ()

    @property
    def order(self) -> tuple[int, str, int]:
        """
        The entry with the highest order is the one that holds, at every node.
        """
        return self.counter, self.node, self.state

    @property
    def size(self) -> int:
        """
        At least as many bytes as it has in a message.
        """
        names = len(self.service) + len(self.id) + len(self.node) + len(self.owner)
        names += sum(map(len, self.holder))
        # A character of UTF-8 has at most 4 bytes. Numbers and lengths take the rest.
        return len(self.record) + 4 * names + 128


Entries = Annotated[list[Entry], msgspec.Meta(max_length=_MAX_ENTRIES)]


class Change(msgspec.Struct, tag="change"):
    """
    What one node has written.

    Args:
        number: counts the changes of this node; a missing number is a lost message.
    """

    node: Name
    number: Counter
    entries: Entries


class Digest(msgspec.Struct, tag="digest"):
    """
    Says at intervals what a node has, so that a lost change is noticed.

    Args:
        address: where the node answers its peers.
        number: of its last change.
        hash: of all live registrations; equal copies have equal ones.
        leaving: the node stops now.
        joining: it has just started, and may know nothing yet.
        rules: the hash of all rules; empty if the node does not exchange them.
    """

    node: Name
    address: Annotated[str, msgspec.Meta(max_length=256)]
    number: Counter
    hash: Annotated[str, msgspec.Meta(max_length=16)]
    leaving: bool = False
    joining: bool = False
    rules: Annotated[str, msgspec.Meta(max_length=16)] = ""

    def equals(self, other: Digest) -> bool:
        """
        Tell whether two nodes have the same instances, and the same rules if both exchange them.
        """
        rules = {self.rules, other.rules}
        return self.hash == other.hash and (len(rules) == 1 or "" in rules)


Message = Change | Digest


def check_entries(entries: Iterable[Entry]) -> None:
    """
    See that entries of another node harm no consumer, and take little memory once removed.

    Raises:
        ValueError: they do.
    """
    for entry in entries:
        if entry.state is State.LIVE:
            check_record_text(entry.record)
        elif entry.record or entry.holder:
            raise ValueError("a removal has a record or a holder")


def parts(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    """
    Cut entries into parts, each for one message.
    """
    part: list[Entry] = []
    size = 0
    for entry in entries:
        if part and (len(part) == _MAX_ENTRIES or size + entry.size > _MAX_BYTES):
            yield part
            part, size = [], 0
        part.append(entry)
        size += entry.size
    if part:
        yield part
