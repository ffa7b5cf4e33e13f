"""
The admin ports of the fleet: asked again and again, for calls, errors, times, and who calls whom.

They are those of ``[console] admin``, and of instances with a tag ``admin``, as
``tcp:10.0.0.5:2290``. Anybody who can announce an instance could have the console connect anywhere.
So the host of the tag must be that of the instance, and all that is ever sent is a GET of one path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, DeferredSemaphore

from rpcfw.console.announced_ports import AnnouncedPorts
from rpcfw.console.fleet import Fleet
from rpcfw.console.inspect_client import inspect
from rpcfw.console.inspected import Inspected, InspectedMethod, RecentMethod
from rpcfw.errors import DeadlineExceeded, RegistryError
from rpcfw.spi.runtime.background import in_background, loop_in_background
from rpcfw.spi.runtime.waiting import sleep, with_deadline
from rpcfw.transport.runtime import Runtime
from rpcfw.values.address import Address
from rpcfw.values.instance import Instance

__all__ = ["AdminPorts", "MethodRate", "SeenProcess"]

_MAX_PORTS = 5000
_MAX_CONCURRENT = 16
_TIMEOUT_S = 5.0
#: Methods of one process.
_MAX_METHODS = 2000
_NO_TIMES = RecentMethod("", "", "")


@frozen
class MethodRate:
    """
    A method of a process between the last two looks.

    Args:
        calls_per_s: that ended; None before the second look.
        failures_per_s: likewise.
        p50_ms: in the last minute; None if no call ended in it. Since the start of the process,
            if that says nothing of the last minute.
        p99_ms: likewise.
    """

    of: InspectedMethod
    calls_per_s: float | None
    failures_per_s: float | None
    p50_ms: float | None
    p99_ms: float | None


@define(eq=False)
class SeenProcess:
    """
    One process, as it was when it was asked last.

    Args:
        error: why it was not asked; empty if it was.
        at: monotonic time of the last answer.
    """

    address: Address
    said: Inspected | None = None
    error: str = "not asked yet"
    at: float = 0.0
    rates: Sequence[MethodRate] = ()
    _counts: dict[tuple[str, str, str], tuple[int, int]] = field(factory=dict)

    def failed(self, error: str) -> None:
        """
        Remember why there was no answer. What was counted before says nothing of now.
        """
        self.error, self.rates = error, ()

    def take(self, said: Inspected, now: float) -> None:
        """
        Take an answer, and find what has happened since the one before.
        """
        passed = now - self.at if self.said is not None else 0.0
        before, counts = self._counts, dict[tuple[str, str, str], tuple[int, int]]()
        recent = {_key(each): each for each in said.last_minute or ()}
        rates = []
        for each in said.methods[:_MAX_METHODS]:
            key = _key(each)
            counts[key] = each.ended, each.failed
            calls, failures = _rate(each, before.get(key, (0, 0)) if passed else (0, 0), passed)
            # A method that is not there was not called: how long it took long ago is not its time.
            times = each if said.last_minute is None else recent.get(key, _NO_TIMES)
            rates.append(MethodRate(each, calls, failures, times.p50_ms, times.p99_ms))
        self.said, self.error, self.at = said, "", now
        self.rates, self._counts = rates, counts


def _key(method: InspectedMethod | RecentMethod) -> tuple[str, str, str]:
    return method.side, method.service, method.method


def _rate(
    method: InspectedMethod, before: tuple[int, int], passed_s: float
) -> tuple[float, float] | tuple[None, None]:
    if passed_s <= 0:
        return None, None
    ended, failed = method.ended - before[0], method.failed - before[1]
    if ended < 0 or failed < 0:  # another process is there now
        ended, failed = method.ended, method.failed
    return ended / passed_s, failed / passed_s


class AdminPorts:
    """
    Asks the admin ports.

    Args:
        listed: those of the configuration.
        announced: finds those that instances announce.
        changed: called after each round.
    """

    def __init__(
        self,
        runtime: Runtime,
        fleet: Fleet,
        listed: Iterable[Address],
        announced: AnnouncedPorts,
        interval_s: float,
        changed: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._fleet = fleet
        self._listed = tuple(listed)
        self._announced = announced
        self._interval_s = interval_s
        self._changed = changed
        self._seen: dict[Address, SeenProcess] = {}
        self._loop: Deferred[None] | None = None
        self._running: set[Deferred[None]] = set()
        self._semaphore = DeferredSemaphore(_MAX_CONCURRENT)

    @property
    def processes(self) -> list[SeenProcess]:
        """
        All that are known, by their addresses.
        """
        return sorted(self._seen.values(), key=lambda one: str(one.address))

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
        for each in tuple(self._running):
            each.cancel()

    async def look(self) -> None:
        """
        Ask all once, and return when each has answered or has taken too long.
        """
        wanted = dict.fromkeys(self._addresses())
        for gone in self._seen.keys() - wanted.keys():
            del self._seen[gone]
        for address in wanted:
            self._seen.setdefault(address, SeenProcess(address))
        for each in [self._begin(seen) for seen in tuple(self._seen.values())]:
            await each

    async def _rounds(self) -> None:
        while True:
            await self.look()
            if self._seen:
                self._changed()
            await sleep(self._runtime.clock, self._interval_s)

    def _begin(self, seen: SeenProcess) -> Deferred[None]:
        running = in_background(self._ask(seen), "a look at an admin port")
        self._running.add(running)
        return running.addBoth(lambda _: self._running.discard(running))

    def _addresses(self) -> Iterator[Address]:
        yield from self._listed
        instances = (one for service in self._fleet.services() for one in service.instances)
        yield from islice(self._announced.all(instances), _MAX_PORTS)

    async def _ask(self, seen: SeenProcess) -> None:
        timers = self._runtime.timers
        await self._semaphore.acquire()
        try:
            deadline = timers.seconds() + _TIMEOUT_S
            asked = inspect(self._runtime.network, seen.address)
            said = await with_deadline(asked, timers, deadline)
        except DeadlineExceeded:
            seen.failed(f"no answer within {_TIMEOUT_S:g} s")
        except RegistryError as error:
            seen.failed(str(error))
        else:
            seen.take(said, timers.seconds())
        finally:
            self._semaphore.release()
