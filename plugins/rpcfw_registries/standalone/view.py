"""
What a consumer knows of one service, put together from updates.

A list that comes in parts takes the place of the former one when its last part
is here. If it comes from another epoch, a node that was restarted or another node,
then what it lacks may merely not have been announced there yet: such instances
are held until their providers had the time of a lease to do so.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from attrs import frozen

from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.instance import Instance, instance_from_json
from rpcfw_registries.standalone.messages import MAX_COUNTER
from rpcfw_registries.standalone.updates import (
    HASH_BYTES,
    MAX_COMPARED,
    Update,
    Wanted,
    hash_of_list,
    hash_of_record,
)

__all__ = ["MAX_INSTANCES", "View"]

#: Instances of one service: more than anybody has. A server that sends further ones without
#: end would otherwise fill the memory.
MAX_INSTANCES = 200_000


@frozen(eq=False)
class _Known:
    """
    An instance, and the hash of its record.
    """

    instance: Instance
    hash: int


class View:
    """
    The list of one service.

    Args:
        log: for records that cannot be read.
        max_instances: the rest of a longer list is left out.
    """

    def __init__(self, service: str, log: LimitedLog, max_instances: int = MAX_INSTANCES) -> None:
        self._service = service
        self._log = log
        self._max_instances = max_instances
        self.epoch = ""
        self.number = 0
        self._live: dict[str, _Known] = {}
        self._held: dict[str, _Known] = {}
        self._coming: dict[str, _Known] | None = None
        #: Changed since the last time that `apply` returned True.
        self._untold = True

    @property
    def holds(self) -> bool:
        """
        Whether something of an earlier epoch is held.
        """
        return bool(self._held)

    def instances(self) -> tuple[Instance, ...]:
        """
        Return the list.
        """
        return tuple(known.instance for known in (self._held | self._live).values())

    def wanted(self, *, with_records: bool = False) -> Wanted:
        """
        Return what to ask a server for, with what is known; a new stream begins.

        Args:
            with_records: the server has asked for them.
        """
        # The parts of a list that broke off are forgotten.
        self._coming = None
        wanted = Wanted(self._service, self.epoch, self.number)
        # An empty list has no hashes of records to be asked for.
        if self.epoch and 0 < len(self._live) <= MAX_COMPARED:
            wanted.hash = self._hash()
            if with_records:
                hashes = (known.hash for known in self._live.values())
                wanted.records = b"".join(each.to_bytes(HASH_BYTES, "big") for each in hashes)
        return wanted

    def fits(self, update: Update) -> bool:
        """
        Tell whether an update continues what is known.
        """
        if not 0 <= update.number <= MAX_COUNTER:
            return False
        if update.complete or self._coming is not None:
            return True
        if update.hash:
            return bool(self.epoch) and update.hash == self._hash()
        return (update.epoch, update.since) == (self.epoch, self.number)

    def apply(self, update: Update) -> bool:
        """
        Apply an update that `fits`, and return whether the list to show is another one.
        """
        if update.complete:
            self._coming = {}
        elif update.hash:
            self._coming = self._without(update.gone_records)
        if self._coming is None:
            target = self._live
            self._untold |= bool(update.put or update.gone)
        else:
            target = self._coming
        for known in self._read(update.put):
            id = known.instance.id
            if len(target) < self._max_instances or id in target:
                target[id] = known
            else:
                self._log_full()
        for gone in update.gone:
            target.pop(gone, None)
            self._held.pop(gone, None)
        if update.more:
            return False
        if self._coming is not None:
            self._untold |= self._take_over(self._coming, update.epoch)
            self._coming = None
        self.epoch, self.number = update.epoch, update.number
        untold, self._untold = self._untold, False
        return untold

    def release(self) -> None:
        """
        Drop what is held.
        """
        self._held.clear()

    def _hash(self) -> str:
        return hash_of_list(known.hash for known in self._live.values())

    def _without(self, gone_records: bytes) -> dict[str, _Known]:
        starts = range(0, len(gone_records), HASH_BYTES)
        gone = {int.from_bytes(gone_records[at : at + HASH_BYTES], "big") for at in starts}
        return {id: known for id, known in self._live.items() if known.hash not in gone}

    def _take_over(self, coming: dict[str, _Known], epoch: str) -> bool:
        before = self._held | self._live
        if epoch != self.epoch:
            self._held = before
        self._live = coming
        self._held = {key: held for key, held in self._held.items() if key not in coming}
        now = self._held | self._live
        return before.keys() != now.keys() or any(
            before[id].instance != known.instance for id, known in now.items()
        )

    def _log_full(self) -> None:
        self._log.warn_of(
            "full",
            "{service} has more than {limit} instances; the rest is left out",
            service=self._service,
            limit=self._max_instances,
        )

    def _read(self, records: Iterable[msgspec.Raw]) -> Iterable[_Known]:
        for raw in records:
            record = bytes(raw)
            try:
                instance = instance_from_json(record)
            except ValueError as error:
                self._log.warn_of(
                    "skipped",
                    "skipped a record of {service} that cannot be read: {error}",
                    service=self._service,
                    error=str(error),
                )
                continue
            if instance.service == self._service:
                yield _Known(instance, hash_of_record(record))
