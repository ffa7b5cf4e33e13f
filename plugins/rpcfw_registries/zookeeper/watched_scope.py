"""
The documents of Dubbo for one scope, watched once for all who are interested.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import define

from rpcfw.spi.rules import OnRefused, RuleListener, RuleWatch
from rpcfw.spi.runtime.clock import Clock
from rpcfw.values.rule import MAX_DOCUMENT_BYTES, Document, RuleSet, Scope
from rpcfw_registries.zookeeper.records import ZooKeeperRecords

__all__ = ["WatchedScope", "read_document"]

#: Stands for a document that is too large: no reader takes it, and each says why.
_TOO_LARGE = f"!too large: more than {MAX_DOCUMENT_BYTES} bytes"


@define(eq=False)
class _Subscription(RuleWatch):
    listener: RuleListener
    on_refused: OnRefused
    closing: Callable[[_Subscription], None]
    open: bool = True

    def close(self) -> None:
        if self.open:
            self.open = False
            self.closing(self)


class WatchedScope:
    """
    All documents of a scope, for all who watch it. They are reported once each of them is known.

    Args:
        emptied: called with the scope when nobody watches it any more.
    """

    def __init__(
        self,
        scope: Scope,
        records: ZooKeeperRecords,
        paths: dict[str, str],
        clock: Clock,
        emptied: Callable[[Scope], object],
    ) -> None:
        self._scope = scope
        self._clock = clock
        self._emptied = emptied
        self._subscriptions: list[_Subscription] = []
        self._documents: dict[str, Document | None] = {}
        self._version = 0
        self._count = len(paths)
        #: What was reported last, and why the documents cannot be read.
        self.known: RuleSet | None = None
        self._reason = ""
        self._watches = [
            records.watch_path(path, partial(self._take, kind), self._refuse)
            for kind, path in paths.items()
        ]

    def add(self, listener: RuleListener, on_refused: OnRefused) -> RuleWatch:
        """
        Report to one more listener: soon, if there is something to report.
        """
        subscription = _Subscription(listener, on_refused, self._remove)
        self._subscriptions.append(subscription)
        if self.known is not None:
            self._clock.callLater(0, self._report, subscription)
        elif self._reason:
            self._clock.callLater(0, self._report_refusal, subscription)
        return subscription

    def _remove(self, subscription: _Subscription) -> None:
        self._subscriptions.remove(subscription)
        if not self._subscriptions:
            for watch in self._watches:
                watch.close()
            self._emptied(self._scope)

    def _take(self, kind: str, data: bytes | None) -> None:
        self._version += 1
        # Dubbo Admin leaves an empty node where it removes a document.
        self._documents[kind] = read_document(kind, data, self._version) if data else None
        if len(self._documents) == self._count:
            present = {name: each for name, each in self._documents.items() if each is not None}
            self.known, self._reason = RuleSet(self._scope, self._version, present), ""
            for subscription in tuple(self._subscriptions):
                self._report(subscription)

    def _refuse(self, reason: str) -> None:
        self._reason = reason
        for subscription in tuple(self._subscriptions):
            self._report_refusal(subscription)

    def _report(self, subscription: _Subscription) -> None:
        if subscription.open and self.known is not None:
            subscription.listener(self.known)

    def _report_refusal(self, subscription: _Subscription) -> None:
        if subscription.open and self._reason:
            subscription.on_refused(self._reason)


def read_document(kind: str, data: bytes, version: int = 1) -> Document:
    """
    Return the document that a znode has.
    """
    text = _TOO_LARGE if len(data) > MAX_DOCUMENT_BYTES else data.decode("utf-8", "replace")
    return Document(kind, text, version)
