"""
kazoo's results and watch events on their way into the reactor's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from attrs import frozen
from kazoo.exceptions import NoNodeError

from rpcfw.errors import RegistryError
from rpcfw.spi.waiting import Waiter
from rpcfw_registries.kazoo_errors import first_failure, translated
from rpcfw_registries.keeper import Children, Node, Stat, Unreachable

__all__ = [
    "Batch",
    "Operation",
    "Posted",
    "as_children",
    "as_committed",
    "as_node",
    "as_nothing",
    "as_stat",
]

T = TypeVar("T")


class Operation(Waiter[T]):
    """
    One request under way.
    """

    def expire(self) -> None:
        if not self.called:
            self.errback(Unreachable("ZooKeeper did not answer in time"))

    def answer(self, result: T) -> None:
        """
        Hand over the result, unless it was given up.
        """
        if not self.called:
            self.callback(result)

    def fail(self, error: RegistryError) -> None:
        """
        Hand over why there is none, unless it was given up.
        """
        if not self.called:
            self.errback(error)


@frozen
class Posted:
    """
    A watcher as kazoo calls it. Equal for equal watchers: kazoo keeps a set of them.
    """

    post: Callable[..., None]
    watcher: Callable[[], None]

    def __call__(self, event: Any) -> None:
        self.post(self.watcher)


class Batch:
    """
    Many results, gathered in kazoo's one connection thread and handed over together.
    """

    def __init__(self, size: int, done: Callable[[list[Any]], None]) -> None:
        self._results: list[Any] = [None] * size
        self._missing = size
        self._done = done

    def came(self, index: int, result: Any) -> None:
        self._results[index] = result
        self._missing -= 1
        if not self._missing:
            self._done(self._results)


def as_stat(stat: Any) -> Stat | None:
    """
    Return what the seam knows of a node.
    """
    if stat is None:
        return None
    return Stat(stat.czxid, stat.ephemeralOwner, stat.version, stat.pzxid)


def as_children(result: Any) -> Children:
    """
    Return the names, and when they changed.
    """
    names, stat = result
    return Children(names, stat.pzxid)


def as_node(result: Any) -> Node | None:
    """
    Return one of many reads: what may be missing must not fail the others.
    """
    if isinstance(result.exception, NoNodeError):
        return None
    if result.exception is not None:
        raise translated(result.exception)
    data, stat = result.value
    return Node(data, stat.czxid)


def as_nothing(_: Any) -> None:
    """
    Return nothing: that it was done is all there is to know.
    """
    return


def as_committed(results: Any) -> None:
    """
    Return nothing, or raise why the transaction failed.
    """
    failure = first_failure(results)
    if failure is not None:
        raise translated(failure)
