"""
What is known of the instances of one service, from the registry and a file.

A registry may be unreachable, wiped, or late. So additions count at once and removals
only after a grace period. An empty list does not replace a good one, unless the user
accepts that. The last good list is kept in a file, so that a client can start while the
registry is unreachable.

A call waits until the list is known. It does not wait if the registry refuses to tell
it (no permission, say): no time that the call has would change that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from rpcfw.cluster.snapshot_file import SnapshotFile
from rpcfw.spi.options import option, options
from rpcfw.spi.registry import Registry, Watch
from rpcfw.spi.runtime.clock import Clock
from rpcfw.spi.runtime.event import Event
from rpcfw.values.instance import Instance, Snapshot
from rpcfw.values.units import Seconds

__all__ = ["Directory", "DirectoryOptions"]


@options
class DirectoryOptions:
    """
    How the lists of a registry are used.
    """

    removal_grace: Seconds = option(
        "5s", "how long an instance is still used after it has left the registry"
    )
    accept_empty: bool = option(
        "no", "yes: use an empty list, even if the last one was not empty", was="trust_empty"
    )
    snapshot_dir: str = option(
        "", "folder for snapshots of the last good lists and rules; empty: none"
    )


class Directory:
    """
    Watches one service.

    Args:
        registry: where it is announced.
        service: its name.
        options: see `DirectoryOptions`.
        clock: for the grace.
        file: the last good list on disk, if it is kept.
        changed: called with the instances after each change.
    """

    log = Logger()

    def __init__(
        self,
        registry: Registry,
        service: str,
        options: DirectoryOptions,
        clock: Clock,
        file: SnapshotFile | None,
        changed: Callable[[tuple[Instance, ...]], None],
    ) -> None:
        #: Where it is watched.
        self.registry = registry
        self._service = service
        self._options = options
        self._clock = clock
        self._file = file
        self._changed = changed
        self._watch: Watch | None = None
        self._seen: dict[str, Instance] = {}
        self._known: dict[str, Instance] = {}
        self._leaving: dict[str, float] = {}
        self._timer: Any = None
        self._answered = False
        self._stopped = False
        #: Set once there is no reason for a call to wait: the list is known, refused, or
        #: this has stopped.
        self._decided = Event()

    @property
    def why_none(self) -> str:
        """
        Why no instance is known, for errors.
        """
        if not self._answered:
            return f"{self.why_silent}; no snapshot file has any either"
        return (
            f"the registry ({self.registry}) has none; "
            "is a provider running, and announced under this name?"
        )

    @property
    def why_silent(self) -> str:
        """
        Why it is not known where the service is, as the registry reports it.
        """
        trouble = self._watch.trouble if self._watch is not None else self.registry.trouble
        reason = " ".join(trouble.split()) or "no answer yet; is it running?"
        return f"the registry ({self.registry}) has not said where {self._service} is: {reason}"

    @property
    def has_list(self) -> bool:
        """
        Whether the registry has answered, or a snapshot file had a list.
        """
        return self._answered or bool(self._known)

    async def start(self) -> None:
        """
        Begin to watch; return at once.
        """
        if self._file is not None:
            self._begin_with(await self._file.load(self._service))
            if self._stopped:
                return
        self._watch = self.registry.watch(self._service, self._listen, self._refused)

    async def first_list(self) -> None:
        """
        Return once the registry has answered, or a snapshot file had a list.

        Also if it has refused to, until it no longer does.
        """
        await self._decided.wait()

    def stop(self) -> None:
        """
        Watch no longer.
        """
        self._stopped = True
        if self._watch is not None:
            self._watch.close()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._decided.set()

    def _begin_with(self, instances: tuple[Instance, ...]) -> None:
        if instances and not self._answered and not self._stopped:
            self._known = {instance.id: instance for instance in instances}
            self._publish()
            self._decided.set()

    def _listen(self, snapshot: Snapshot) -> None:
        seen = {instance.id: instance for instance in snapshot.instances}
        self._answered = True
        if not seen and self._known and not self._options.accept_empty:
            self.log.warn(
                "the registry says that {service} has no instances any more; "
                "the last {count} stay in use (accept_empty = yes would drop them)",
                service=self._service,
                count=len(self._known),
            )
            self._decided.set()
            return
        self._take(seen)
        self._decided.set()

    def _refused(self, reason: str) -> None:
        self._decided.set()

    def _take(self, seen: dict[str, Instance]) -> None:
        now = self._clock.seconds()
        grace_s = self._options.removal_grace
        gone = self._known.keys() - seen.keys()
        self._leaving = {id: self._leaving.get(id, now + grace_s) for id in gone}
        self._seen = seen
        self._sweep()
        if self._file is not None and seen:
            self._file.save(self._service, tuple(seen.values()))

    def _sweep(self) -> None:
        """
        Drop what has been gone for the grace, and publish what is left.
        """
        now = self._clock.seconds()
        self._leaving = {id: until for id, until in self._leaving.items() if until > now}
        staying = {id: self._known[id] for id in self._leaving}
        self._known = {**self._seen, **staying}
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        if self._leaving:
            self._timer = self._clock.callLater(min(self._leaving.values()) - now, self._sweep)
        self._publish()

    def _publish(self) -> None:
        self._changed(tuple(self._known.values()))
