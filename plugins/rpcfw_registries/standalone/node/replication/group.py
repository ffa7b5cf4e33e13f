"""
Keeps the copy of one registry server equal to those of its group: bus, clock and peers.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rpcfw.errors import CallError
from rpcfw.spi.bus import Bus
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.clock import DelayedCall
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.address import Address
from rpcfw.values.call_options import CallOptions
from rpcfw_registries.standalone.node.replication.freshness import Freshness
from rpcfw_registries.standalone.node.replication.members import Member
from rpcfw_registries.standalone.node.replication.messages import (
    Change,
    Digest,
    Message,
    check_entries,
)
from rpcfw_registries.standalone.node.replication.metrics import GroupMetrics
from rpcfw_registries.standalone.node.replication.peers import COMPARE, Part, Peers
from rpcfw_registries.standalone.node.replication.replica import Replica
from rpcfw_registries.standalone.node.replication.rule_exchange import RuleExchange
from rpcfw_registries.standalone.node.replication.snapshot import Snapshot
from rpcfw_registries.standalone.node.replication.status import NodeStatus, PeerStatus

__all__ = ["BusOfGroup", "Group"]

_LOOK_S = 1.0
#: Changes within this time are published as one message.
_PUBLISH_S = 0.01
#: A peer has this time to send the buckets that differ.
_COMPARE_S = 30.0
#: Comparisons at a time; the next digest asks for what was left out.
_MAX_COMPARISONS = 3
#: A peer from which nothing comes meanwhile is cut off.
_MAX_SILENCE_S = 5.0

_decode = msgspec.msgpack.Decoder(Message).decode
_encode = msgspec.msgpack.Encoder().encode


@frozen
class BusOfGroup:
    """
    What joins a server with its group.

    Args:
        address: where the others reach this server.
    """

    bus: Bus
    address: str


class Group:
    """
    One server's part in its group.

    Args:
        name: of the group: its messages have a subject of their own on the bus.
        wait_s: see `Freshness`.
        on_behind: is called with `Freshness.behind`, and whether there is nothing to answer
            with yet; now and when that has changed.
        snapshot: its file; None: there is none.
        rules: None: those of this server are its own.
    """

    log = Logger()

    def __init__(
        self,
        replica: Replica,
        bus: Bus,
        name: str,
        plugin_context: PluginContext,
        wait_s: float,
        on_behind: Callable[[str, bool], None],
        snapshot: Snapshot | None = None,
        rules: RuleExchange | None = None,
    ) -> None:
        self.replica = replica
        self.bus = bus
        self._name = name
        self._subject = f"rpcfw.registry.{name}"
        self._plugin_context = plugin_context
        self._clock = plugin_context.clock
        self._log = LimitedLog(self.log, self._clock.seconds)
        self._on_behind = on_behind
        self.freshness = Freshness(self._clock.seconds(), wait_s, self._freshness_changed)
        self.replica.joining = True
        self._snapshot = snapshot
        self.rules = rules
        if rules is not None:
            rules.records.on_news = self._rules_changed
            replica.rules_hash = rules.hash
        on_behind(self.freshness.behind, True)
        self._closing: list[Callable[[], None]] = []
        self._looking: DelayedCall | None = None
        self._publishing: DelayedCall | None = None
        self._comparing: dict[str, Deferred[None]] = {}
        #: To be compared again: something came while the comparison was going on.
        self._again: dict[str, None] = {}
        self._metrics = GroupMetrics(plugin_context.meter)
        self._metrics.behind.value = True

    async def start(self) -> None:
        """
        Join.
        """
        self._closing = [
            self.bus.subscribe(self._subject, self._received),
            self.bus.watch_connection(self._connection_changed),
        ]
        if self._snapshot is not None:
            await self._snapshot.load()
            self._on_behind(self.freshness.behind, not self._snapshot.loaded)
        await self.bus.start()
        self._connection_changed(self.bus.connected)
        self._look()

    async def leave(self) -> None:
        """
        Tell the others that this server stops, and stop the bus.
        """
        self.replica.leave()
        self._publish()
        for close in self._closing:
            close()
        for timer in (self._looking, self._publishing):
            if timer is not None and timer.active():
                timer.cancel()
        self._again.clear()
        if self.rules is not None:
            self.rules.records.on_news = lambda: None
        for comparing in tuple(self._comparing.values()):
            comparing.cancel()
        await self.bus.stop()
        if self._snapshot is not None:
            await self._snapshot.close()

    def written(self) -> None:
        """
        Publish soon: there is something new.
        """
        if self._publishing is None or not self._publishing.active():
            self._publishing = self._clock.callLater(_PUBLISH_S, self._publish)

    def status(self, leases: int, watches: int) -> NodeStatus:
        """
        Return how this server is, and what it knows of the others.

        Args:
            leases: that this server keeps.
            watches: open at it.
        """
        own = self.replica.digest()
        return NodeStatus(
            node=own.node,
            group=self._name,
            address=own.address,
            hash=own.hash,
            number=own.number,
            instances=self.replica.copy.live,
            leases=leases,
            watches=watches,
            rules=own.rules,
            rule_scopes=0 if self.rules is None else len(self.rules.records.marks),
            behind=self.freshness.behind,
            connected=self.bus.connected,
            trouble=self.bus.trouble,
            digest_s=self.replica.times.digest_s,
            peers=[self._peer_status(member) for member in self.replica.members],
        )

    def _peer_status(self, member: Member) -> PeerStatus:
        number = -1 if member.number is None else member.number
        silent_s = self.replica.members.silence(member)
        return PeerStatus(member.name, member.address, number, silent_s, member.leaving)

    def _look(self) -> None:
        self._looking = self._clock.callLater(_LOOK_S, self._look)
        self.replica.look(self._clock.seconds())
        self.freshness.look(self._clock.seconds())
        self._metrics.members.value = len(list(self.replica.members))
        self._note_refused()
        if not self.bus.connected:
            self._compare_without_bus()
        if self._snapshot is not None:
            self._snapshot.look(self._clock.seconds())
        self._publish()

    def _note_refused(self) -> None:
        refused, self.replica.refused = self.replica.refused, 0
        self._metrics.refused.value += refused
        if refused:
            self._log.warn_of(
                "full",
                "{count} instances of other servers do not fit into this one: give it as much "
                "max_services, max_instances and max_total_bytes as the others have",
                count=refused,
            )

    def _connection_changed(self, connected: bool) -> None:
        members = self.replica.members
        if connected is members.connected:
            return
        self.replica.look(self._clock.seconds())
        members.connected = connected
        self._metrics.connected.value = connected
        self.freshness.connection_changed(connected, self._clock.seconds())
        if connected:
            self.log.info("the bus is connected")
            self.replica.announce_itself()
            self._publish()
        else:
            self.log.warn(
                "the bus is not connected: {trouble}; this server answers with what it has",
                trouble=self.bus.trouble,
            )

    def _compared_with(self, name: str) -> None:
        member = self.replica.members.get(name)
        if member is None or member.joining:
            return
        if self._snapshot is not None:
            self._snapshot.settle(compared=True)
        self.freshness.compared()

    def _freshness_changed(self) -> None:
        behind = self.freshness.behind
        self.replica.joining = self.freshness.joining
        self._metrics.behind.value = bool(behind)
        if behind:
            self.log.warn("this server may lack what others know: {behind}", behind=behind)
        else:
            self.log.info("this server knows what the others of its group know")
        if self._snapshot is not None and not self.replica.joining:
            self._snapshot.settle(compared=False)
        self._on_behind(behind, self.replica.joining)

    def _rules_changed(self) -> None:
        assert self.rules is not None
        self.replica.rules_hash = self.rules.hash
        self.replica.announce_itself()

    def _publish(self) -> None:
        for message in self.replica.take_messages():
            if not self.bus.publish(self._subject, _encode(message)):
                self._metrics.dropped.value += 1

    def _received(self, packed: bytes) -> None:
        try:
            message = _decode(packed)
            if isinstance(message, Change):
                check_entries(message.entries)
        # Text may be no UTF-8 (a ValueError), and fields that are skipped may be nested too deep.
        except (ValueError, RecursionError) as error:
            self._metrics.unreadable.value += 1
            self._log.warn_of(
                "unreadable",
                "a message of {size} bytes on the bus cannot be read: {error}",
                size=len(packed),
                error=str(error)[:200],
            )
            return
        self.replica.receive(message)
        if isinstance(message, Digest) and message.equals(self.replica.digest()):
            self._compared_with(message.node)
        for name in self.replica.take_comparisons():
            if name in self._comparing:
                self._again[name] = None
            elif len(self._comparing) < _MAX_COMPARISONS:
                self._begin_comparing(name)

    def _compare_without_bus(self) -> None:
        """
        Compare with some of the others, as no changes and digests come.
        """
        random = self._plugin_context.random
        members = [each for each in self.replica.members if not each.leaving]
        # Others the next time: some may be unreachable, too.
        for member in sorted(members, key=lambda _: random.random()):
            if member.name not in self._comparing and len(self._comparing) < _MAX_COMPARISONS:
                self._begin_comparing(member.name)

    def _begin_comparing(self, name: str) -> None:
        member = self.replica.members.get(name)
        if member is None or not member.address:
            return
        running = in_background(self._compare(name, member.address), f"comparing with {name}")
        self._comparing[name] = running

        def ended(_: object) -> None:
            self._comparing.pop(name, None)
            if name in self._again:
                del self._again[name]
                self._begin_comparing(name)

        running.addCallback(ended)

    async def _compare(self, name: str, at: str) -> None:
        self._metrics.compared.value += 1
        channel = None
        try:
            address = Address.parse(at)
            channel = self._plugin_context.open_channel(
                address, "native", service=Peers.service_name, max_silence_s=_MAX_SILENCE_S
            )
            request = COMPARE.request_type(hashes=self.replica.copy.hashes())
            async with channel.stream(COMPARE, request, CallOptions(_COMPARE_S)) as stream:
                async for part in stream:
                    assert isinstance(part, Part)
                    check_entries(part.entries)
                    self.replica.merge_copy(part.entries)
            member = self.replica.members.get(name)
            if self.rules is not None and member is not None and member.rules:
                await self.rules.compare(channel)
            self._compared_with(name)
        except (CallError, ValueError) as error:
            self.freshness.failed(self._clock.seconds())
            self._log.warn_of(
                "compare",
                "cannot compare with the registry server {name} at {at}: {error}",
                name=name,
                at=at,
                error=str(error),
            )
        finally:
            if channel is not None:
                await channel.close()
