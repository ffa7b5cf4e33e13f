"""
Documents that are followed: the last good one of each scope and kind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import Factory, define
from twisted.logger import Logger

from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.rules import Rules, RuleWatch
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.rule import Document, RuleSet, Scope

__all__ = ["FollowedRules", "Readers"]

#: More applications, versions and groups than the services of a process have.
_MAX_SCOPES = 1000
#: So much of a reason is in the log.
_MAX_SHOWN = 300

_log = Logger()

#: By kind, what reads the text of a document, or raises ValueError.
Readers = Mapping[str, Callable[[str], Any]]


@define(eq=False)
class _Followed:
    watch: RuleWatch | None = None
    documents: dict[str, Document] = Factory(dict)
    #: What the last good ones say.
    read: dict[str, Any] = Factory(dict)
    #: Whether it is known which documents there are, or that they cannot be read.
    known: bool = False


class FollowedRules:
    """
    Follows the documents of some scopes.

    Args:
        rules: where they are.
        readers: of the kinds that are of use here.
        changed: called after each change.
    """

    def __init__(
        self,
        rules: Rules,
        readers: Readers,
        changed: Callable[[], None],
        plugin_context: PluginContext,
    ) -> None:
        self._rules = rules
        self._readers = readers
        self._changed = changed
        self._log = LimitedLog(_log, plugin_context.clock.seconds, burst=1)
        self._followed: dict[Scope, _Followed] = {}
        self._refused = plugin_context.meter.counter(
            "rpcfw_rules_refused_total", "documents of rules that were wrong", "kind"
        )

    def add(self, scopes: Iterable[Scope]) -> bool:
        """
        Follow these scopes, too. Return whether the documents of all of them are known.

        What is known in this process already is in use when this returns. ``changed`` is not
        called for it.
        """
        known = True
        for scope in scopes:
            if scope not in self._followed and not self._begin(scope):
                continue
            followed = self._followed[scope]
            if not followed.known:
                found = self._rules.known(scope)
                if found is not None:
                    self._use(scope, followed, found)
            known = known and followed.known
        return known

    def follows(self, scope: Scope) -> bool:
        """
        Tell whether a scope is followed: there may have been too many.
        """
        return scope in self._followed

    def get(self, scope: Scope, kind: str) -> Any:
        """
        Return what the last good document says; None if there is none.
        """
        followed = self._followed.get(scope)
        return None if followed is None else followed.read.get(kind)

    def close(self) -> None:
        """
        Follow nothing any more.
        """
        for followed in self._followed.values():
            if followed.watch is not None:
                followed.watch.close()
        self._followed.clear()

    def _begin(self, scope: Scope) -> bool:
        if len(self._followed) >= _MAX_SCOPES:
            what = (
                f"more than {_MAX_SCOPES} applications, versions and groups; not all are followed"
            )
            self._log.warn_of("many", "{what}", what=what)
            return False
        followed = self._followed[scope] = _Followed()

        def listener(found: RuleSet) -> None:
            self._take(scope, followed, found)

        def refused(reason: str) -> None:
            what = f"the rules of {scope} cannot be read, the last ones stay: {reason}"
            self._log.warn_of(what, "{what}", what=what)
            followed.known = True
            self._changed()

        followed.watch = self._rules.watch(scope, listener, refused)
        return True

    def _take(self, scope: Scope, followed: _Followed, found: RuleSet) -> None:
        self._use(scope, followed, found)
        self._changed()

    def _use(self, scope: Scope, followed: _Followed, found: RuleSet) -> None:
        followed.known = True
        for kind, read in self._readers.items():
            document = found.documents.get(kind)
            if document is None:
                if followed.documents.pop(kind, None) is not None:
                    followed.read.pop(kind, None)
                    _log.info("{kind} of {scope} removed", kind=kind, scope=str(scope))
            elif followed.documents.get(kind) != document:
                followed.documents[kind] = document
                self._read(scope, followed, document, read)

    def _read(
        self, scope: Scope, followed: _Followed, document: Document, read: Callable[[str], Any]
    ) -> None:
        try:
            followed.read[document.kind] = read(document.body)
        except (ValueError, RecursionError) as error:
            self._refused.of(document.kind).value += 1
            _log.warn(
                "refused, and the last good one stays in use: {kind} of {scope}: {reason}",
                kind=document.kind,
                scope=str(scope),
                reason=" ".join(str(error).split())[:_MAX_SHOWN],
            )
            return
        _log.info("{kind} of {scope} in use", kind=document.kind, scope=str(scope))
