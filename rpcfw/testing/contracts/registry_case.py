"""
What the contract suites of registries share: an instance, a listener, and time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve
from twisted.internet.defer import Deferred

from rpcfw.values.address import Address
from rpcfw.values.instance import Instance, Snapshot

if TYPE_CHECKING:
    from twisted.trial.unittest import TestCase
else:
    TestCase = object

__all__ = ["ODD_IDS", "ODD_SERVICES", "ReceivedUpdates", "RegistryCase", "an_instance"]

T = TypeVar("T")

#: Names that a place with paths or patterns of its own may stumble over.
ODD_SERVICES = ("demo.Größe", "服务", "..", "a%2Fb", "com.x.Y:1.0:group", "zookeeper", "*", "a=b,c")
ODD_IDS = ("tcp:10.0.0.1:2200", "..", ".", "-a_b.c:D9")


def an_instance(service: str = "demo.Greeter", id: str = "a", **fields: Any) -> Instance:
    """
    Return an instance in which nothing is left at its default.
    """
    plain = Instance(
        service,
        id,
        Address("tcp", "10.0.0.5", 2200),
        protocols=("native", "grpc"),
        weight=70,
        group="blue",
        version="1.2",
        zone="east",
        started_at=1234.5,
        tags={"owner": "equipe-é"},
    )
    return evolve(plain, **fields)


class ReceivedUpdates:
    """
    A listener that remembers what it received.
    """

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []
        #: Reasons for which the watch was refused.
        self.refusals: list[str] = []

    def __call__(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    @property
    def last(self) -> list[Instance] | None:
        """
        The last list, by id; None before the first.
        """
        if not self.snapshots:
            return None
        return sorted(self.snapshots[-1].instances, key=lambda instance: instance.id)


class RegistryCase(ABC, TestCase):
    """
    Waiting, whatever time is.
    """

    #: How long a promise may take to come true.
    limit_s: float = 20.0
    #: How often to look.
    step_s: float = 0.05
    #: Longer than a lease or session of the place lasts without being renewed.
    lease_over_s: float = 5.0

    @abstractmethod
    async def pass_time(self, seconds: float) -> None:
        """
        Let ``seconds`` go by: advance the Clock, or await real time.
        """

    async def until(self, seen: Callable[[], object], what: str) -> None:
        """
        Return once ``seen()`` is true; fail if it never is.
        """
        waited_s = 0.0
        while not seen():
            if waited_s > self.limit_s:
                self.fail(f"not within {self.limit_s:g}s: {what}")
            await self.pass_time(self.step_s)
            waited_s += self.step_s

    async def done(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """
        Return what ``coroutine`` returns, letting time pass until it does.
        """
        ended: Deferred[T] = Deferred.fromCoroutine(coroutine)
        await self.until(lambda: ended.called, f"{coroutine!r} returns")
        return await ended
