"""
Takes the rules of other registry servers of a group.

The bus carries a hash of all rules. A server with another hash asks for the scopes that differ,
and then for their records, one at a time: a record may be as large as a message of the bus.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Annotated, Literal

import msgspec
from twisted.logger import Logger

from rpcfw.errors import CallError, Overloaded, RegistryError
from rpcfw.spi.channel import Channel
from rpcfw.spi.runtime.metrics import Meter
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.service import Service, method
from rpcfw.spi.service_class import offered
from rpcfw.status import Status
from rpcfw.values.call_options import CallOptions
from rpcfw.values.rule import RuleChange, Scope, service_scope
from rpcfw_registries.rules.store import Stored
from rpcfw_registries.standalone.messages import MAX_PER_MESSAGE, Name, RecordsOfRules
from rpcfw_registries.standalone.node.caller import current_caller
from rpcfw_registries.standalone.node.guard import Action, Guard
from rpcfw_registries.standalone.node.records import NodeRecords
from rpcfw_registries.standalone.node.replication.rule_marks import BUCKETS
from rpcfw_registries.standalone.node.rules import scope_of

__all__ = ["RuleExchange", "RulePeers"]

Hash = Annotated[int, msgspec.Meta(ge=0)]
Hashes = Annotated[list[Hash], msgspec.Meta(min_length=BUCKETS, max_length=BUCKETS)]

#: A peer has this time to send one record.
_RECORD_S = 10.0
_COMPARE_S = 30.0


class Marked(msgspec.Struct, array_like=True):
    """
    The mark of one scope.
    """

    kind: Literal["application", "service"]
    name: Name
    mark: Hash

    @property
    def scope(self) -> Scope:
        """
        The scope.
        """
        return Scope(self.kind, self.name)


class Marks(msgspec.Struct):
    """
    A part of the marks that may differ.
    """

    marks: Annotated[list[Marked], msgspec.Meta(max_length=MAX_PER_MESSAGE)]


class RulePeers(Service, name="rpcfw.registry.v1.RulePeers"):
    """
    Sends the rules of this server to the others of its group.
    """

    def __init__(self, records: NodeRecords, guard: Guard) -> None:
        self._records = records
        self._guard = guard

    @method(idempotent=True, timeout="60s")
    async def compare(self, hashes: Hashes) -> AsyncIterator[Marks]:
        """
        Send the marks of the scopes in the buckets whose hashes are not these.
        """
        self._check()
        marks = [
            Marked(scope.kind, scope.name, mark)  # type: ignore[arg-type]  # one of the two
            for scope, mark in self._records.marks.different(hashes)
        ]
        for start in range(0, len(marks), MAX_PER_MESSAGE):
            yield Marks(marks[start : start + MAX_PER_MESSAGE])

    @method(idempotent=True)
    async def read(self, kind: Name, name: Name) -> RecordsOfRules:
        """
        Send what is stored for one scope.
        """
        self._check()
        scope = scope_of(kind, name)
        try:
            stored = await self._records.read(scope)
        except RegistryError as error:
            raise CallError(str(error), status=Status.UNAVAILABLE) from error
        return RecordsOfRules(stored.documents, stored.history, stored.stamp)

    def _check(self) -> None:
        # With the permission to compare instances.
        self._guard.check(current_caller(), Action.JOIN, service_scope(PEERS))


#: The service that the permission is about.
PEERS = "rpcfw.registry.v1.Peers"

_METHODS = {one.attribute: one.method for one in offered(RulePeers)}


class RuleExchange:
    """
    Takes what the others have.

    Args:
        records: of this server.
        now: the seconds of a clock.
    """

    log = Logger()

    def __init__(self, records: NodeRecords, meter: Meter, now: Callable[[], float]) -> None:
        self.records = records
        self._log = LimitedLog(self.log, now)
        self._conflicts = meter.counter(
            "rpcfw_registry_rule_conflicts_total",
            "documents that two servers of a group have changed at the same time",
        ).of()
        self._refused = meter.counter(
            "rpcfw_registry_rules_not_taken_total",
            "rules of other servers that this one could not take, at each attempt",
        ).of()

    @property
    def hash(self) -> str:
        """
        The hash of all rules of this server.
        """
        return self.records.marks.hash

    @property
    def conflicts(self) -> int:
        """
        How many conflicts were found here.
        """
        return int(self._conflicts.value)

    @property
    def refused(self) -> int:
        """
        How often a record was not taken.
        """
        return int(self._refused.value)

    async def compare(self, channel: Channel) -> None:
        """
        Take what differs at the server at the other end of a channel.

        Raises:
            CallError: it did not answer.
        """
        for scope in await self._differing(channel):
            request = _METHODS["read"].request_type(kind=scope.kind, name=scope.name)
            found = await channel.call(_METHODS["read"], request, CallOptions(_RECORD_S))
            assert isinstance(found, RecordsOfRules)
            await self._take(scope, Stored(found.documents, found.history, found.stamp))

    async def _differing(self, channel: Channel) -> list[Scope]:
        marks = self.records.marks
        compare = _METHODS["compare"]
        request = compare.request_type(hashes=marks.hashes())
        differ: list[Scope] = []
        async with channel.stream(compare, request, CallOptions(_COMPARE_S)) as stream:
            async for part in stream:
                assert isinstance(part, Marks)
                differ += self._different(part)
                if len(differ) > self.records.max_scopes:
                    break
        return differ

    def _different(self, part: Marks) -> Iterator[Scope]:
        for one in part.marks:
            if self.records.marks.get(one.scope) != one.mark:
                yield one.scope

    async def _take(self, scope: Scope, theirs: Stored) -> None:
        try:
            conflicts = await self.records.merge(scope, theirs)
        except (ValueError, Overloaded, RegistryError) as error:
            self._refused.value += 1
            self._log.warn_of(
                "refused",
                "the rules of {scope} that another server of the group has are not taken: {error}",
                scope=str(scope),
                error=str(error),
            )
            return
        for change in conflicts:
            self._note(scope, change)

    def _note(self, scope: Scope, change: RuleChange) -> None:
        self._conflicts.value += 1
        self._log.warn_of(
            "conflict",
            "{document} of {scope}: the change by {who} stays in use, as version {version}; "
            "{reason}. rpcfw rule history shows both",
            document=change.kind,
            scope=str(scope),
            who=change.who,
            version=change.version,
            reason=change.reason,
        )
