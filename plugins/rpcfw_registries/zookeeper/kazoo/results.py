"""
kazoo's results and watch events on their way into the reactor's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from attrs import frozen
from kazoo.exceptions import NoNodeError

from rpcfw.errors import RegistryError
from rpcfw.spi.runtime.waiting import Waiter
from rpcfw_registries.zookeeper.kazoo.errors import first_failure, translated
from rpcfw_registries.zookeeper.session import Children, Stat, Unreachable, Write, Znode

__all__ = [
    "Batch",
    "Operation",
    "Posted",
    "as_children",
    "as_committed",
    "as_node",
    "as_nothing",
    "as_stat",
    "begin_swap",
    "begin_writes",
]

T = TypeVar("T")

#: How many reads of a batch the reactor's thread begins.
_FIRST = 50


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
    watcher: Callable[..., None]
    arguments: tuple[str, ...] = ()

    def __call__(self, event: Any) -> None:
        self.post(self.watcher, *self.arguments)


class Batch:
    """
    Many reads, handed over together.

    The reactor's thread asks for the first only; kazoo's connection thread asks for
    more, two with each reply, until all are under way. So the reactor's thread is
    neither kept long nor woken by each.

    Args:
        get: kazoo's method to read a znode.
        paths: of the znodes, at least one.
        done: called with all results in the order of the paths: once, or never if
            ``failed`` was called. Both are called in any thread.
        failed: called with the first error other than a missing znode.
    """

    def __init__(
        self,
        get: Callable[[str], Any],
        paths: Sequence[str],
        done: Callable[[list[Any]], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._get = get
        self._done = done
        self._failed = failed
        self._results: list[Any] = [None] * len(paths)
        # Iterators, because taking the next is one step for all threads.
        self._to_ask = iter(list(enumerate(paths)))
        self._answers = iter(range(1, len(paths) + 1))

    def begin(self) -> None:
        """
        Ask for the first.
        """
        for _ in range(_FIRST):
            self._ask_next()

    def _ask_next(self) -> None:
        index, path = next(self._to_ask, (0, None))
        if path is not None:
            self._get(path).rawlink(partial(self._came, index))

    def _came(self, index: int, result: Any) -> None:
        if result.exception is not None and not isinstance(result.exception, NoNodeError):
            self._failed(result.exception)
            return
        self._results[index] = result
        if next(self._answers) == len(self._results):
            self._done(self._results)
        self._ask_next()
        self._ask_next()


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


def as_node(result: Any) -> Znode | None:
    """
    Return one of many reads: what may be missing must not fail the others.
    """
    if isinstance(result.exception, NoNodeError):
        return None
    data, stat = result.value
    return Znode(data, stat.czxid, stat.ephemeralOwner, stat.version)


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


def begin_swap(transaction: Any, path: str, data: bytes, old: str) -> Any:
    """
    Begin to create an ephemeral znode and to delete another.
    """
    transaction.create(path, data, ephemeral=True)
    transaction.delete(old)
    return transaction.commit_async()


def begin_writes(transaction: Any, writes: Sequence[Write]) -> Any:
    """
    Begin to write persistent znodes.
    """
    for each in writes:
        if each.version is None:
            transaction.create(each.path, each.data)
        else:
            transaction.set_data(each.path, each.data, each.version)
    return transaction.commit_async()
