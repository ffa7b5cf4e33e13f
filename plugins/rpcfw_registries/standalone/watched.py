"""
All that one process watches at a registry server, and how it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

from rpcfw.values.rule import Scope
from rpcfw_registries.standalone.messages import MAX_PER_MESSAGE
from rpcfw_registries.standalone.updates import (
    RulesOf,
    Topic,
    Wanted,
    WantedRules,
    WatchRequest,
)
from rpcfw_registries.standalone.watched_rules import WatchedRules
from rpcfw_registries.standalone.watched_service import WatchedService

__all__ = ["Watched"]

#: Hashes of records in one request, of all services; more go into the next one.
_REQUEST_BYTES = 256 << 10


class _WatchedTopic(Protocol):
    """
    A list, or rules.
    """

    is_asked: bool

    def wanted(self) -> Wanted | WantedRules: ...
    def take(self, update: Any) -> bool: ...
    def fail(self, reason: str, *, refused: bool) -> None: ...
    def close(self) -> None: ...


class Watched:
    """
    Lists by service, and rules by scope.
    """

    def __init__(self) -> None:
        self.lists: dict[str, WatchedService] = {}
        self.rules: dict[Scope, WatchedRules] = {}

    def __bool__(self) -> bool:
        return bool(self.lists or self.rules)

    def topics(self) -> tuple[Topic, ...]:
        """
        Return what is watched.
        """
        return *self.lists, *self.rules

    def find(self, topic: Topic) -> _WatchedTopic | None:
        """
        Return the watches of something, if it is watched.
        """
        return self.rules.get(topic) if isinstance(topic, Scope) else self.lists.get(topic)

    def remove(self, topic: Topic) -> bool:
        """
        End the watches of something, and return whether there were any.
        """
        watched = self.find(topic)
        if watched is None:
            return False
        watched.close()
        if isinstance(topic, Scope):
            del self.rules[topic]
        else:
            del self.lists[topic]
        return True

    def fail(self, reason: str, *, refused: bool) -> None:
        """
        Have all learn that nothing can be watched, see `WatchedService.fail`.
        """
        for watched in self._all():
            watched.fail(reason, refused=refused)

    def close(self) -> None:
        """
        End all watches.
        """
        for watched in self._all():
            watched.close()
        self.lists.clear()
        self.rules.clear()

    def requests(self, topics: Iterable[Topic]) -> Iterator[WatchRequest]:
        """
        Return what to send of some topics, each request made when it is asked for.
        """
        request, count, size = _empty(), 0, 0
        for topic in topics:
            watched = self.find(topic)
            wanted = None if watched is None else watched.wanted()
            _put(request, topic, wanted)
            count += 1
            size += len(wanted.records) if isinstance(wanted, Wanted) else 0
            if count == MAX_PER_MESSAGE or size > _REQUEST_BYTES:
                yield request
                request, count, size = _empty(), 0, 0
        if count:
            yield request

    def _all(self) -> tuple[_WatchedTopic, ...]:
        return *self.lists.values(), *self.rules.values()


def _empty() -> WatchRequest:
    return WatchRequest([], [], [], [])


def _put(request: WatchRequest, topic: Topic, wanted: Wanted | WantedRules | None) -> None:
    """
    Put what is wanted into a request; None: it is not wanted any more.
    """
    if isinstance(wanted, WantedRules):
        request.add_rules.append(wanted)
    elif wanted is not None:
        request.add.append(wanted)
    elif isinstance(topic, Scope):
        request.remove_rules.append(RulesOf(topic.kind, topic.name))
    else:
        request.remove.append(topic)
