"""
A store in memory that fails in every way that a store may.
"""

from __future__ import annotations

import math

from rpcfw.errors import RegistryError
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.waiting import sleep
from rpcfw_registries.remote.store import InstanceStore, TryAgain


class FaultyStore(InstanceStore):
    """
    Holds records by key, for as long as its lease lasts.

    `faults` says what happens to the next writes, one each: a name of `FAULTS`.
    """

    #: ``lost``: nothing was done. ``unheard``: it was done, and the answer was lost.
    #: ``denied``: everything was refused. ``later`` and ``refused``: the first change was.
    #: ``short``: one change was taken. ``expired``: the lease is gone, and all it held.
    FAULTS = ("lost", "unheard", "denied", "later", "refused", "short", "expired")

    max_changes = 3
    max_record_bytes = 4096

    def __init__(self, clock, lease_s=math.inf):
        self.held = {}
        self.faults = []
        self.renewal_refused = False
        #: The keys of each write.
        self.writes = []
        self.ended = None
        self.cleaned = 0
        self._clock = clock
        self._lease_s = lease_s
        self._renew_at = 0.0
        self._leased = False
        self._writing = False
        self._reached = Event()
        self._reached.set()
        self._is_away = False

    @property
    def renew_at(self):
        return self._renew_at

    @property
    def away(self):
        return self._is_away

    def leave(self, reconciler):
        """
        Be out of reach, as `reconciler` learns.
        """
        self._is_away = True
        self._reached.clear()
        reconciler.lost()

    def come_back(self):
        self._is_away = False
        self._reached.set()

    def wipe(self):
        """
        Lose everything, and say nothing.
        """
        self.held.clear()

    def lost(self):
        self._renew_at = 0.0

    async def open(self):
        await self._reached.wait()

    async def renew(self, keys):
        await self._travel()
        if self.renewal_refused:
            raise RegistryError("not permitted")
        self._renew_at = self._clock.seconds() + self._lease_s / 3
        self._leased = True
        return [key for key in keys if key not in self.held]

    async def write(self, changes):
        assert not self._writing, "two writes at once"
        assert changes, "a write of nothing"
        assert len(changes) <= self.max_changes
        fault = self.faults.pop(0) if self.faults else None
        self.writes.append([change.key for change in changes])
        self._writing = True
        try:
            await self._travel()
        finally:
            self._writing = False
        return self._written(changes, fault)

    def _written(self, changes, fault):
        if fault == "expired" or not self._leased:
            self.wipe()
            self._leased, self._renew_at = False, 0.0
            return []
        if fault == "lost":
            raise TryAgain("no answer")
        if fault == "denied":
            raise RegistryError("not permitted")
        some = changes[:1] if fault == "short" else changes
        results = [None] * len(some)
        if fault in ("later", "refused"):
            results[0] = TryAgain("full") if fault == "later" else RegistryError("too large")
        for change, result in zip(some, results, strict=True):
            if result is None:
                self._hold(change)
        if fault == "unheard":
            raise TryAgain("no answer")
        return results

    def _hold(self, change):
        if change.record is None:
            self.held.pop(change.key, None)
        else:
            self.held[change.key] = change.record

    async def _travel(self):
        await sleep(self._clock, 0.01)
        if self._is_away:
            raise TryAgain("away")

    async def clean_up(self):
        self.cleaned += 1

    async def end(self, keys):
        self.ended = keys
