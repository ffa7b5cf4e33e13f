"""
The rules of a service or an application, encoded once for all consumers that watch them.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.errors import Unavailable
from rpcfw.values.rule import Scope
from rpcfw_registries.standalone.node.encodings import (
    Encoded,
    Encodings,
    Known,
    Part,
    encoded_part,
)
from rpcfw_registries.standalone.node.records import NodeRecords
from rpcfw_registries.standalone.updates import RulesUpdate, WantedRules

__all__ = ["RuleEncoder"]

#: Of encodings that are kept for the next consumer.
_MAX_KEPT_BYTES = 32 << 20


class RuleEncoder:
    """
    The updates of the rules of one server.

    Args:
        joining: tells whether others may know rules of scopes that have none here.
    """

    def __init__(self, records: NodeRecords, joining: Callable[[], bool]) -> None:
        self._records = records
        self._joining = joining
        self._kept = Encodings[Scope](_MAX_KEPT_BYTES)

    def listen(self, changed: Callable[[Scope], None]) -> None:
        """
        Call ``changed`` at each change, from now on.
        """
        self._records.changed = changed

    def scope(self, scope: Scope) -> Scope:
        """
        Return what the permission to watch is asked for.
        """
        return scope

    def is_unknown(self, scope: Scope) -> bool:
        """
        Tell whether it is too early to say what there is.
        """
        return self._joining() and self._records.known(scope).documents is None

    def refusal(self, scope: Scope, reason: str, final: bool) -> Part:
        """
        Return the update that says why rules are not watched.
        """
        return encoded_part(RulesUpdate(scope.kind, scope.name, refused=reason, final=final))

    def answer(self, wanted: WantedRules) -> Encoded:
        """
        Return what is new to a consumer that says what it has.

        Raises:
            Unavailable: the rules could not be read from the folder.
        """
        scope = wanted.topic
        reason = self._records.unread.get(scope)
        if reason is not None:
            raise Unavailable(reason)
        return self.news(scope, wanted.stamp) or Encoded(wanted.stamp)

    def news(self, scope: Scope, known: Known) -> Encoded | None:
        """
        Return the rules for a consumer that has those with another stamp; None: it has them.
        """
        stored = self._records.known(scope)
        if stored.stamp == known:
            return None
        kept = self._kept.get(scope, stored.stamp)
        if kept is not None:
            return kept
        update = RulesUpdate(scope.kind, scope.name, stored.documents, stored.stamp)
        return self._kept.put(scope, Encoded(stored.stamp, (encoded_part(update),)))
