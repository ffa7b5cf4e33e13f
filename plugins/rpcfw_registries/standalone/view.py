"""
What one watch on a registry server knows, put together from updates.

A list that comes in parts takes the place of the former one when its last part
is here. If it comes from another epoch, a node that was restarted or another node,
then what it lacks may merely not have been announced there yet: such instances
are held until their providers had the time of a lease to do so.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.instance import Instance, Snapshot, instance_from_json
from rpcfw_registries.standalone.messages import Update

__all__ = ["MAX_INSTANCES", "View"]

#: Instances of one service: more than anybody has. A server that sends further ones without
#: end would otherwise fill the memory.
MAX_INSTANCES = 200_000
_MAX_BEHIND_CHARS = 200


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
        #: See `Update`.
        self.behind = ""
        self._live: dict[str, Instance] = {}
        self._held: dict[str, Instance] = {}
        self._coming: dict[str, Instance] | None = None
        #: Changed since the last time that `apply` returned True.
        self._untold = True

    @property
    def holds(self) -> bool:
        """
        Whether something of an earlier epoch is held.
        """
        return bool(self._held)

    def snapshot(self) -> Snapshot:
        """
        Return the list.
        """
        return Snapshot(self._service, tuple((self._held | self._live).values()))

    def begin(self) -> None:
        """
        Forget the parts of a list that broke off: a new stream begins.
        """
        self._coming = None

    def apply(self, update: Update) -> bool:
        """
        Apply an update, and return whether the listener is to be called.
        """
        self.behind = update.behind[:_MAX_BEHIND_CHARS]
        if update.complete:
            self._coming = {}
        if self._coming is None:
            target = self._live
            self._untold |= bool(update.put or update.gone)
        else:
            target = self._coming
        for instance in self._read(update.put):
            if len(target) < self._max_instances or instance.id in target:
                target[instance.id] = instance
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

    def _take_over(self, coming: dict[str, Instance], epoch: str) -> bool:
        before = self._held | self._live
        if epoch != self.epoch:
            self._held = before
        self._live = coming
        self._held = {key: held for key, held in self._held.items() if key not in coming}
        return before != self._held | self._live

    def _log_full(self) -> None:
        self._log.warn_of(
            "full",
            "{service} has more than {limit} instances; the rest is left out",
            service=self._service,
            limit=self._max_instances,
        )

    def _read(self, records: Iterable[msgspec.Raw]) -> Iterable[Instance]:
        for record in records:
            try:
                instance = instance_from_json(bytes(record))
            except ValueError as error:
                self._log.warn_of(
                    "skipped",
                    "skipped a record of {service} that cannot be read: {error}",
                    service=self._service,
                    error=str(error),
                )
                continue
            if instance.service == self._service:
                yield instance
