"""
One of several registry servers that keep equal copies.

Theory of operation. Each live registration names the node that keeps its lease. That node
alone judges it: it removes what is not renewed, it contradicts a peer that removed what is
renewed here, and it removes what a peer believes to be kept here and is not. A provider that
moves announces itself at its new node: a newer version, so the old node's lease ends without
a removal. What a node keeps that was silent for ``lost_after_s`` is removed by all.

Changes are published once on the bus. The bus may lose, repeat and reorder them: each node
publishes a digest at intervals, and whoever has another hash fetches the buckets that differ.

Pure: no clock, no network. The code around it delivers messages, publishes what `take_messages`
returns, and compares with the peers that `take_comparisons` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rpcfw_registries.standalone.node.catalog import Catalog, CatalogFull
from rpcfw_registries.standalone.node.replication.copy import Copy, Key
from rpcfw_registries.standalone.node.replication.members import Member, Members
from rpcfw_registries.standalone.node.replication.messages import (
    Change,
    Digest,
    Entry,
    Message,
    State,
)
from rpcfw_registries.standalone.node.replication.outbox import MIN_DIGEST_S, Outbox
from rpcfw_registries.standalone.node.replication.times import Times
from rpcfw_registries.standalone.node.replication.version_counter import VersionCounter

__all__ = ["MAX_REMOVED", "Replica"]

#: As many as instances: a whole fleet may be replaced while a node is cut off.
MAX_REMOVED = 100_000

#: Entries that end, or removals that are forgotten, in one look: 30 milliseconds.
_ENDED_AT_ONCE = 2_000


class Replica:
    """
    The registrations of all nodes, as one node knows them.

    Args:
        node: names this life of this node; never used again after a restart.
        address: where peers reach it.
        catalog: is filled with what is live.
        moved: is called with service and id of what another node keeps from now on.
        written: is called when there is something to publish; None: nothing is published.
    """

    def __init__(
        self,
        node: str,
        address: str,
        catalog: Catalog,
        now: float,
        times: Times | None = None,
        max_removed: int = 0,
        moved: Callable[[str, str], None] = lambda service, id: None,
        written: Callable[[], None] | None = None,
    ) -> None:
        self.node = node
        self.members = Members(now)
        self.copy = Copy(max_removed)
        #: How many entries of peers did not fit into the limits of the catalog, since last asked.
        self.refused = 0
        self._address = address
        self._catalog = catalog
        self.times = times or Times()
        self._moved = moved
        self._now = now
        self._outbox = Outbox(node, self.times.digest_s, now, written)
        self._leaving = False
        #: Whether this node may know nothing yet; see `Freshness`.
        self.joining = False
        #: The hash of this node's rules; empty if it does not exchange them.
        self.rules_hash = ""
        self._versions = VersionCounter()
        #: What is kept here and was removed by a peer.
        self._contested: dict[Key, None] = {}
        self._comparisons: dict[str, None] = {}

    @property
    def counter(self) -> int:
        """
        The highest counter of a version that this node has seen or written.
        """
        return self._versions.value

    def holder(self, key: Key) -> tuple[str, ...]:
        """
        Return the names that the client of a live registration has proved, at whichever node.
        """
        entry = self.copy.get(key)
        return entry.holder if entry is not None and entry.state is State.LIVE else ()

    def put(
        self,
        service: str,
        id: str,
        record: bytes,
        owner: str,
        seen: int = 0,
        holder: tuple[str, ...] = (),
    ) -> bool:
        """
        Announce at this node, and say whether that made a version: the same again does not.

        Args:
            seen: the highest `counter` that the provider received. So the newest announcement of
                one provider wins, whichever nodes it went to. If it was ahead by more than
                clients may move the counter, the next one wins, after this node saw the former.
            holder: see `Entry`.

        Raises:
            CatalogFull: it would exceed a limit.
        """
        old = self.copy.get((service, id))
        if (
            old is not None
            and old.state is State.LIVE
            and (old.node, old.record, old.owner) == (self.node, record, owner)
            # Otherwise it was announced elsewhere meanwhile, and that version would win.
            and old.counter >= seen
        ):
            self.renewed(service, id)
            return False
        self._catalog.put(service, id, record, owner)
        self._versions.saw_of_client(seen)
        self._announce(service, id, record, owner, holder)
        return True

    def renewed(self, service: str, id: str) -> bool:
        """
        Note that a provider lives, and contradict who removed what it announced here.

        Returns:
            Whether this node keeps its lease.
        """
        key = (service, id)
        entry = self.copy.get(key)
        if entry is None or entry.state is not State.LIVE or entry.node != self.node:
            return False
        if self._contested.pop(key, self) is None:
            self._announce(service, id, entry.record, entry.owner, entry.holder)
        return True

    def remove(self, service: str, id: str, owner: str | None = None) -> bool:
        """
        Withdraw a registration, whichever node keeps it, and say whether it was there.

        Args:
            owner: remove it only if it is still theirs; None: whosever it is.
        """
        entry = self.copy.get((service, id))
        if entry is None:
            # A snapshot may have it, which is not taken for true yet.
            return self._catalog.remove(service, id, owner)
        if entry.state is not State.LIVE:
            return False
        if owner is not None and entry.owner != owner:
            return False
        self._end(entry, State.REMOVED)
        return True

    def receive(self, message: Message) -> None:
        """
        Take a message from the bus.
        """
        if message.node == self.node:
            return
        member = self.members.seen(message.node)
        if isinstance(message, Change):
            self.merge(message.entries)
            if member is not None:
                self._count(member, message.number)
        elif member is not None:
            if not member.address:
                # It has just joined: let it know at once whom to ask for a copy.
                self.announce_itself()
            self._compare_with(member, message)

    def merge(self, entries: Iterable[Entry]) -> None:
        """
        Take what another node knows.
        """
        for entry in entries:
            self._versions.saw(entry.counter)
            old = self.copy.get((entry.service, entry.id))
            if old is None or entry.order > old.order:
                self._take(entry, old)

    def merge_copy(self, entries: Iterable[Entry]) -> None:
        """
        Take a part of the copy of another node.

        A removal of what is not known here was forgotten here, or concerns nobody: two nodes that
        took such removals from each other would remember them for ever. A node that has just
        started takes them: it may have to tell others that return.
        """
        known = self.copy.get
        self.merge(
            one
            for one in entries
            if self.joining or one.state is State.LIVE or known((one.service, one.id)) is not None
        )

    def look(self, now: float) -> None:
        """
        Do what is due. To be called every second or so.
        """
        self._now = now
        self._versions.begin_interval()
        self.members.look(now)
        for node in self.copy.nodes():
            if node != self.node and self.members.get(node) is None:
                self.members.seen(node)
        left = _ENDED_AT_ONCE
        for member in self.members:
            if self.members.silence(member) > self.times.lost_after_s:
                left -= self._lose(member, left)
        self.copy.forget_removed(now - self.times.forget_after_s, _ENDED_AT_ONCE)

    def announce_itself(self) -> None:
        """
        Publish a digest now, not at the end of the interval.
        """
        self._outbox.digest_now(self._now)

    def leave(self) -> None:
        """
        Tell the others that this node stops; to be published by a last `take_messages`.
        """
        self._leaving = True
        self._outbox.digest_now(self._now)

    def take_messages(self) -> list[Message]:
        """
        Return what has to be published now.
        """
        messages: list[Message] = [*self._outbox.take_changes()]
        if self._outbox.takes_digest(self._now):
            messages.append(self.digest())
        return messages

    def take_comparisons(self) -> list[str]:
        """
        Return the nodes whose buckets have to be compared with ours.
        """
        nodes, self._comparisons = list(self._comparisons), {}
        return nodes

    def digest(self) -> Digest:
        """
        Return what this node says of itself.
        """
        state = self._leaving, self.joining, self.rules_hash
        return Digest(self.node, self._address, self._outbox.number, self.copy.hash, *state)

    def _take(self, entry: Entry, old: Entry | None) -> None:
        """
        Replace ``old`` by an entry of a peer, unless this node knows better.
        """
        if old is None or old.node != self.node or old.state is not State.LIVE:
            self._replace(entry)
        elif entry.state is State.LOST or (
            entry.state is State.REMOVED and entry.order[:2] != old.order[:2]
        ):
            # Nobody else judges what is renewed here, and the removal of another version says
            # nothing about this one. But has its provider moved while this node was cut off? Its
            # next renewal shows that it has not.
            self._contested[entry.service, entry.id] = None
        elif self._replace(entry):
            self._contested.pop((entry.service, entry.id), None)
            self._moved(entry.service, entry.id)

    def _replace(self, entry: Entry) -> bool:
        """
        Store an entry of a peer, and say whether it was taken.
        """
        if entry.state is not State.LIVE:
            self._catalog.remove(entry.service, entry.id)
        elif entry.node == self.node:
            # A peer believes that it is kept here; nobody would ever remove it.
            self._end(entry, State.REMOVED)
            return True
        else:
            try:
                self._catalog.put(entry.service, entry.id, entry.record, entry.owner)
            except CatalogFull:
                self.refused += 1
                return False
        self.copy.put(entry, self._now)
        return True

    def _announce(
        self, service: str, id: str, record: bytes, owner: str, holder: tuple[str, ...]
    ) -> None:
        counter = self._versions.next()
        self._write(Entry(service, id, counter, self.node, State.LIVE, owner, record, holder))

    def _write(self, entry: Entry) -> None:
        self.copy.put(entry, self._now)
        self._outbox.add(entry)

    def _end(self, entry: Entry, state: State) -> None:
        self._catalog.remove(entry.service, entry.id)
        self._contested.pop((entry.service, entry.id), None)
        self._write(Entry(entry.service, entry.id, entry.counter, entry.node, state, entry.owner))

    def _count(self, member: Member, number: int) -> None:
        if member.number is not None and number > member.number + 1:
            self._comparisons[member.name] = None
        member.number = max(number, member.number or 0)

    def _compare_with(self, member: Member, digest: Digest) -> None:
        member.address = digest.address
        member.leaving, member.joining, member.rules = digest.leaving, digest.joining, digest.rules
        member.number = max(digest.number, member.number or 0)
        if not digest.leaving and not digest.equals(self.digest()):
            self._comparisons[member.name] = None
            # During changes, copies differ by what is on its way: the interval is enough then.
            if self.copy.changed_at + MIN_DIGEST_S <= self._now:
                # So the others compare, too.
                self._outbox.digest_soon(self._now)

    def _lose(self, member: Member, most: int) -> int:
        """
        Remove what a silent node kept, the rest at the next looks; return how many there were.
        """
        entries = self.copy.kept_by(member.name, most)
        for entry in entries:
            self._end(entry, State.LOST)
        if len(entries) < most:
            self.members.forget(member.name)
        return len(entries)
