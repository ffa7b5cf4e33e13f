"""
Keeps announced instances in a store: what shall be there against what is there.

Theory of operation. An entry says what the store shall hold for one instance: a
record, or nothing. An entry is in one of these states::

    asked     somebody announced or withdrew it, and it is not written yet
    to check  it was written, and may have been lost: after a check was due, or the
              lease or session was lost
    delayed   the store could not write it now; it is tried again after a delay
    refused   the store refused it; the next check or reconnect tries again, or a minute
    written   the store holds it

One coroutine repeats: open the store, renew the lease if that is due, write some
entries (those that are asked for come first), wait until there is more to do. An
answer counts only if the entry still wants what was sent: a later request is still to
be written. A withdrawn entry is forgotten once the store has removed it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import islice

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from rpcfw.errors import RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.background import loop_in_background
from rpcfw.spi.runtime.event import Event
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw.values.instance import Instance, instance_to_json
from rpcfw_registries.remote.delayed import DelayedEntries
from rpcfw_registries.remote.entry import Entry
from rpcfw_registries.remote.store import Change, InstanceStore, Key, TryAgain

__all__ = ["Reconciler"]

#: The delay before what was not done is tried again, give or take a fifth.
_RETRY_S = 1.0
#: The same after a refusal of everything: a person has to change something first.
_REFUSED_S = 5.0
#: The same for one instance, where nothing is checked: the store's rules may change again.
_REFUSED_ONE_S = 60.0

_log = Logger()


class Reconciler:
    """
    The instances that this process announces in one store.

    Args:
        store: where.
        where: what the store is called in the log.
        check_s: how often all is checked; infinity: the store's renewals say what is missing.
        record_of: returns what the store holds of an instance.
    """

    def __init__(
        self,
        store: InstanceStore,
        where: str,
        plugin_context: PluginContext,
        check_s: float = math.inf,
        record_of: Callable[[Instance], bytes] = instance_to_json,
    ) -> None:
        self._store = store
        self._where = where
        self._clock = plugin_context.clock
        self._random = plugin_context.random
        self._check_s = check_s
        self._record_of = record_of
        self._check_at = math.inf
        self._entries: dict[Key, Entry] = {}
        self._asked: dict[Key, Entry] = {}
        self._to_check: dict[Key, Entry] = {}
        self._delayed = DelayedEntries(self._due_at)
        self._changed = Event()
        #: Set when there is a reason to try again before a delay is over.
        self._retry_now = Event()
        self._loop: Deferred[None] | None = None
        self.stopped = False
        #: Why the last renewal failed; None if it did not.
        self._not_renewed: RegistryError | None = None
        self._log = LimitedLog(_log, plugin_context.clock.seconds, burst=1)

    @property
    def trouble(self) -> str:
        """
        Why something is not announced as it shall be; empty if all is.
        """
        errors = (entry.error for entry in self._entries.values() if entry.error is not None)
        error = next(errors, self._not_renewed)
        return "" if error is None else str(error)

    async def put(self, instance: Instance) -> None:
        """
        Keep ``instance`` announced; return once it is.

        Raises:
            RegistryError: the store refuses it. It is tried again at the next check, or where
                nothing is checked after a minute or the next reconnect.
        """
        await self.put_record((instance.service, instance.id), self._record_of(instance))

    async def put_record(self, key: Key, record: bytes) -> None:
        """
        Keep a record in the store, as `put` does.
        """
        if self.stopped:
            raise RegistryError(f"announcing in {self._where} was stopped")
        self._check_size(key, record)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = Entry(key)
        entry.record = record
        written = self._ask(entry)
        if self._loop is None:
            self._set_check()
            self._loop = loop_in_background(self._run, f"announcing in {self._where}", self._clock)
        await written

    async def remove(self, instance: Instance) -> None:
        """
        Keep ``instance`` announced no longer; return once it is gone, or nobody answers.
        """
        await self.remove_record((instance.service, instance.id))

    async def remove_record(self, key: Key) -> None:
        """
        Keep a record no longer, as `remove` does.
        """
        entry = self._entries.get(key)
        if entry is None:
            return
        entry.record = None
        if not entry.sent:
            self._forget(entry)
            return
        gone = self._ask(entry)
        if self._store.away:
            entry.finish()
        await gone

    async def stop(self) -> None:
        """
        Take everything back, and announce nothing more.
        """
        self.stopped = True
        if self._loop is not None:
            self._loop.cancel()
        entries = list(self._entries.values())
        for mine in (self._entries, self._asked, self._to_check, self._delayed):
            mine.clear()
        for entry in entries:
            entry.finish()
        await self._store.end([entry.key for entry in entries if entry.sent])

    def check(self) -> None:
        """
        Check everything now, after a reconnect say.
        """
        self._to_check.update(self._entries)
        self._delayed.clear()
        self._wake()

    def lost(self) -> None:
        """
        Learn that the connection was lost: nobody waits for a withdrawal any longer.
        """
        self._store.lost()
        self._delayed.clear()
        for entry in self._entries.values():
            if not entry.written:  # refused by that server, and perhaps not by the next
                self._to_check[entry.key] = entry
        # Those who wait go on at once, and may announce or withdraw further instances.
        for entry in [each for each in self._entries.values() if each.record is None]:
            entry.finish()
        self._wake()

    def _check_size(self, key: Key, record: bytes) -> None:
        service, id = key
        limit = self._store.max_record_bytes
        if len(record) > limit:
            raise RegistryError(
                f"the record of instance {id} of {service} has {len(record)} bytes; "
                f"{self._where} takes {limit} at most; shorten its tags"
            )

    def _ask(self, entry: Entry) -> Waiter[None]:
        waiter: Waiter[None] = Waiter()
        entry.waiters.append(waiter)
        self._delayed.pop(entry.key, None)
        self._asked[entry.key] = entry
        self._changed.set()
        return waiter

    def _wake(self) -> None:
        self._changed.set()
        self._retry_now.set()

    # The loop.

    async def _run(self) -> None:
        while True:
            await self._store.open()
            self._changed.clear()
            try:
                await self._renew()
                self._check_what_is_due()
                if due := self._asked or self._to_check:
                    await self._write(due)
                    continue
                await self._store.clean_up()
            except TryAgain as error:
                await self._not_now(error)
            except RegistryError as error:
                await self._all_refused(error)
            else:
                at = min(self._store.renew_at, self._check_at, self._delayed.next_at)
                await self._changed.wait_until(self._clock, at)

    async def _renew(self) -> None:
        if self._clock.seconds() < self._store.renew_at:
            return
        keys = [key for key, entry in self._entries.items() if entry.written]
        try:
            missing = await self._store.renew(keys)
        except RegistryError as error:
            self._not_renewed = error
            raise
        self._not_renewed = None
        for key in missing:
            if key in self._entries:
                self._to_check[key] = self._entries[key]

    def _check_what_is_due(self) -> None:
        now = self._clock.seconds()
        self._to_check.update(self._delayed.take_due(now))
        if now >= self._check_at:
            self._to_check.update(self._entries)
            self._delayed.clear()
            self._set_check()

    def _set_check(self) -> None:
        self._check_at = self._clock.seconds() + self._check_s * self._jitter(0.1)

    async def _write(self, due: dict[Key, Entry]) -> None:
        entries = tuple(islice(due.values(), self._store.max_changes))
        for entry in entries:
            entry.sent = True
        changes = [Change(each.key, each.record, each.key in self._asked) for each in entries]
        results = await self._store.write(changes)
        # Without strict: a store takes as many as fit.
        for entry, change, result in zip(entries, changes, results):  # noqa: B905
            # The latest request counts. One that came meanwhile is still to be written.
            if entry.record is change.record:
                self._take(entry, result)

    async def _not_now(self, error: TryAgain) -> None:
        """
        Act on a request that failed as a whole. If nobody is there, `open` waits.
        """
        if not self._store.away:
            self._log.warn_of(
                "not now",
                "announcing in {where} failed, and is tried again: {error}",
                where=self._where,
                error=error,
            )
            await self._pause(_RETRY_S)

    async def _all_refused(self, error: RegistryError) -> None:
        if error is self._not_renewed:
            self._log.warn_of(
                "not renewed",
                "{where} refuses to keep what is announced, and is asked again: {error}",
                where=self._where,
                error=error,
            )
        for entry in tuple((self._asked | self._to_check).values()):
            self._take(entry, error)
        await self._pause(_REFUSED_S)

    async def _pause(self, seconds: float) -> None:
        self._retry_now.clear()
        await self._retry_now.wait_until(self._clock, self._due_at(seconds))

    # Results.

    def _take(self, entry: Entry, result: RegistryError | None) -> None:
        """
        Take the store's answer to what the entry wants.
        """
        self._asked.pop(entry.key, None)
        self._to_check.pop(entry.key, None)
        entry.error = result
        entry.written = result is None
        if result is None:
            if entry.record is None:
                self._forget(entry)
            entry.finish()
        elif isinstance(result, TryAgain):
            self._delay(entry, result)
        else:
            self._refuse(entry, result)

    def _delay(self, entry: Entry, error: TryAgain) -> None:
        self._delayed.add(entry, _RETRY_S)
        self._warn(entry, "cannot be announced yet, and is tried again", error)

    def _refuse(self, entry: Entry, error: RegistryError) -> None:
        if entry.record is not None:
            self._warn(entry, "cannot be announced", error)
            entry.finish(error)
            if self._check_s == math.inf:  # no check tries again
                self._delayed.add(entry, _REFUSED_ONE_S)
            return
        # What cannot be removed ends with its lease. Nobody need wait for that.
        self._warn(entry, "cannot be withdrawn", error)
        entry.finish()
        if self._check_s == math.inf:  # no check tries again
            self._forget(entry)

    def _forget(self, entry: Entry) -> None:
        for mine in (self._entries, self._asked, self._to_check, self._delayed):
            mine.pop(entry.key, None)
        entry.finish()

    def _warn(self, entry: Entry, what: str, error: RegistryError) -> None:
        service, id = entry.key
        self._log.warn_of(
            f"{what} {service} {id}",
            "instance {id} of {service} {what} in {where}: {error}",
            id=id,
            service=service,
            what=what,
            where=self._where,
            error=error,
        )

    def _due_at(self, delay_s: float) -> float:
        return self._clock.seconds() + delay_s * self._jitter(0.2)

    def _jitter(self, share: float) -> float:
        return 1 - share + 2 * share * self._random.random()
