"""
The admin ports of the fleet: asked again and again, for calls, errors, times, and who calls whom.

They are those of ``[console] admin``, and of instances with a tag ``admin``, as
``tcp:10.0.0.5:2290``. Anybody who can announce an instance could have the console connect anywhere.
So the host of the tag must be that of the instance, and all that is ever sent is a GET of one path,
with the credentials that are for admin ports alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from typing import Any

from twisted.internet.defer import Deferred

from rpcfw.console.announced_ports import AnnouncedPorts
from rpcfw.console.fleet import Fleet
from rpcfw.console.inspect_client import InspectClient
from rpcfw.console.inspected import Inspected
from rpcfw.console.port_schedule import PortSchedule
from rpcfw.console.seen_process import SeenProcess, each_once
from rpcfw.errors import DeadlineExceeded, RegistryError
from rpcfw.spi.runtime.background import in_background, loop_in_background
from rpcfw.spi.runtime.waiting import Waiter, as_coroutine, sleep, with_deadline
from rpcfw.transport.runtime import Runtime
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance

__all__ = ["AdminPorts"]

_MAX_PORTS = 5000
_TIMEOUT_S = 5.0
#: Of what is kept of all ports.
_MAX_BYTES = 256 << 20
_TOO_MUCH = (
    f"its tables are the largest ones, and those of all admin ports take more than "
    f"{_MAX_BYTES >> 20} MiB"
)


class AdminPorts:
    """
    Asks the admin ports.

    Args:
        client: asks one of them.
        listed: those of the configuration.
        announced: finds those that instances announce.
        changed: called after each round.
    """

    def __init__(
        self,
        runtime: Runtime,
        client: InspectClient,
        fleet: Fleet,
        listed: Iterable[Address],
        announced: AnnouncedPorts,
        interval_s: float,
        changed: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._client = client
        self._fleet = fleet
        self._listed = tuple(dict.fromkeys(listed))
        self._announced = announced
        self._interval_s = interval_s
        self._changed = changed
        self._seen: dict[Address, SeenProcess] = {}
        self._schedule = PortSchedule(interval_s)
        #: Of what is kept of all.
        self._size = 0
        self._loop: Deferred[None] | None = None
        self._running: set[Deferred[None]] = set()
        self._beginning = False
        self._idle: Waiter[None] | None = None

    @property
    def ports(self) -> dict[SeenProcess, SeenProcess | None]:
        """
        All that are known, by their addresses; with the process that is the same one, if any.
        """
        return each_once(self._seen.values())

    @property
    def processes(self) -> list[SeenProcess]:
        """
        The processes, each once.
        """
        return [one for one, same in self.ports.items() if same is None]

    def process_of(self, instance: Instance) -> SeenProcess | None:
        """
        Return the process of an instance, if the instance says where its admin port is.
        """
        address = self._announced.of(instance)
        return None if address is None else self._seen.get(address)

    def start(self) -> None:
        """
        Begin to ask.
        """
        self._loop = loop_in_background(self._rounds, "the admin ports", self._runtime.clock)

    def stop(self) -> None:
        """
        Ask no more.
        """
        if self._loop is not None:
            self._loop.cancel()
        self._schedule = PortSchedule(self._interval_s)
        for each in tuple(self._running):
            each.cancel()

    async def look(self, limit_s: float = _TIMEOUT_S) -> None:
        """
        Ask those that are due, and return when each has answered or has taken too long.

        Args:
            limit_s: if there are many that do not answer, the rest of them is asked meanwhile.
        """
        timers = self._runtime.timers
        self._find()
        self._schedule.begin(tuple(self._seen), timers.seconds())
        self._begin_next()
        if self._schedule.idle:
            return
        self._idle = Waiter()
        with suppress(DeadlineExceeded):
            await with_deadline(as_coroutine(self._idle), timers, timers.seconds() + limit_s)

    async def _rounds(self) -> None:
        seconds = self._runtime.timers.seconds
        while True:
            next_at = seconds() + self._interval_s
            await self.look(min(self._interval_s, _TIMEOUT_S))
            if self._seen:
                self._changed()
            await sleep(self._runtime.clock, max(next_at - seconds(), 0.0))

    def _find(self) -> None:
        """
        Find the ports that there are now.
        """
        instances = (one for service in self._fleet.services() for one in service.instances)
        announced = islice(self._announced.all(instances), _MAX_PORTS)
        found: dict[Address, SeenProcess] = {}
        for address in (*self._listed, *announced):
            if address not in found:
                known = self._seen.get(address)
                found[address] = known or SeenProcess(address, len(found) < len(self._listed))
        self._seen = found
        self._size = sum(one.size for one in found.values())

    def _begin_next(self) -> None:
        if self._beginning:  # a question that fails at once comes here while others are begun
            return
        self._beginning = True
        try:
            while (address := self._schedule.next(self._runtime.timers.seconds())) is not None:
                self._begin(address)
        finally:
            self._beginning = False

    def _begin(self, address: Address) -> None:
        running = in_background(self._ask(self._schedule, address), "a look at an admin port")
        self._running.add(running)

        def ended(_: Any) -> None:
            self._running.discard(running)
            self._begin_next()
            if self._schedule.idle and self._idle is not None and not self._idle.called:
                self._idle.callback(None)

        running.addBoth(ended)

    async def _ask(self, schedule: PortSchedule, address: Address) -> None:
        timers = self._runtime.timers
        error, size = "", 0
        try:
            asked = self._client.inspect(address)
            said, size = await with_deadline(asked, timers, timers.seconds() + _TIMEOUT_S)
            error = self._take(address, said)
        except DeadlineExceeded:
            error = f"no answer within {_TIMEOUT_S:g} s"
        except RegistryError as failure:
            error = str(failure)
        finally:
            schedule.ended(address, answered=not error, size=size)
        if error and address in self._seen:
            self._seen[address].failed(error)

    def _take(self, address: Address, said: Inspected) -> str:
        """
        Keep an answer, within the limit of all; return why it is not kept, if so.
        """
        seen = self._seen.get(address)
        if seen is None:
            return ""
        before = seen.size
        seen.take(said, self._runtime.timers.seconds())
        self._size += seen.size - before
        while self._size > _MAX_BYTES:
            largest = max(self._seen.values(), key=lambda one: one.size)
            self._size -= largest.size
            largest.drop(_TOO_MUCH)
        return seen.error
