"""
One process, as its admin port showed it: what is counted between two looks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import define, field, frozen

from rpcfw.console.inspected import Inspected, InspectedMethod, RecentMethod, size_of
from rpcfw.values.address import Address

__all__ = ["MethodRate", "SeenProcess", "each_once"]

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
        listed: the configuration names its port.
        error: why it was not asked; empty if it was.
        at: monotonic time of the last answer.
        since: the same, of the first answer of this process there.
        counted: whether there are rates: it has answered twice, and did so last time.
        size: of what is kept of it, in bytes; an estimate.
    """

    address: Address
    listed: bool = False
    said: Inspected | None = None
    error: str = "not asked yet"
    at: float = 0.0
    since: float = 0.0
    counted: bool = False
    rates: Sequence[MethodRate] = ()
    size: int = 0
    _counts: dict[tuple[str, str, str], tuple[int, int]] = field(factory=dict)

    @property
    def run_id(self) -> str:
        """
        What names the process, wherever it is reached; empty if nobody knows.
        """
        return self.said.process.run_id if self.said is not None and not self.error else ""

    def failed(self, error: str) -> None:
        """
        Remember why there was no answer. What was counted before says nothing of now.
        """
        self.error, self.rates, self.counted = error, (), False

    def drop(self, reason: str) -> None:
        """
        Keep nothing of the last answer.
        """
        self.failed(reason)
        self.said, self.size, self._counts = None, 0, {}

    def take(self, said: Inspected, now: float) -> None:
        """
        Take an answer, and find what has happened since the one before.
        """
        passed = now - self.at if self.said is not None else 0.0
        before = self._counts
        if self.said is None or said.process.run_id != self.said.process.run_id:
            self.since = now
        if self._is_another(said):
            before = {}
        counts: dict[tuple[str, str, str], tuple[int, int]] = {}
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
        self.rates, self._counts, self.size = rates, counts, size_of(said)
        self.counted = passed > 0

    def _is_another(self, said: Inspected) -> bool:
        """
        Tell whether another process answers now than before, as after a restart.

        What that has counted was all counted since. Without run ids, counts that are smaller
        than before say so.
        """
        before = self.said.process.run_id if self.said is not None else ""
        return bool(before and said.process.run_id) and before != said.process.run_id


def each_once(processes: Iterable[SeenProcess]) -> dict[SeenProcess, SeenProcess | None]:
    """
    Return processes in the order of their addresses, each with the one that it is, too.

    A process that is reached under two addresses says the same run id at both. It counts under
    one. A process could say the id of another to hide that one: so an address that the
    configuration lists comes first, and then the one that has said this id for the longest time.
    """
    first: dict[str, SeenProcess] = {}
    ordered = sorted(processes, key=lambda one: str(one.address))
    for one in sorted(ordered, key=lambda one: (not one.listed, one.since)):
        if one.run_id:
            first.setdefault(one.run_id, one)
    same = {one: first.get(one.run_id, one) for one in ordered}
    return {one: None if other is one else other for one, other in same.items()}


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
