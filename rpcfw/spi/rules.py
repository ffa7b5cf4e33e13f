"""
Rules: documents that are kept beside the instances, and change running processes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from rpcfw.errors import RegistryError
from rpcfw.spi.plugin import Plugin, PluginContext
from rpcfw.values.rule import Author, Document, RuleChange, RuleSet, Scope

__all__ = ["OnRefused", "RuleConflict", "RuleListener", "RuleWatch", "Rules", "ignore"]

#: Called with all documents of a scope, in the reactor's thread; must not raise or block.
RuleListener = Callable[[RuleSet], None]

#: Called with a reason in words for a person. The same rules.
OnRefused = Callable[[str], None]


def ignore(reason: str) -> None:
    """
    Do nothing about a refusal.
    """


class RuleConflict(RegistryError):
    """
    Somebody has changed a document since it was read.
    """


class RuleWatch(ABC):
    """
    One subscription.
    """

    @abstractmethod
    def close(self) -> None:
        """
        Stop it: the listener is not called again. May be repeated.
        """


class Rules(Plugin):
    """
    A place where documents are kept, by scope and kind.

    Contract. Every method is called in the reactor's thread, and none blocks it. `start` does
    not wait until the place is reachable.

    A document is changed only by somebody who has read the version that is there. Otherwise
    the change is refused with `RuleConflict`, which says who has changed it and when. The
    versions of a scope grow with each change in it, and never go back.

    One watch covers all documents of a scope, so that a process has one for each service and
    not one for each rule. Its listener gets all documents: once as soon as they are known
    (also if there are none), then after each change. Changes in a short time may come as one.
    While the place is unreachable the listener is not called, and the last documents are
    still valid. After a reconnect no change is missed and none is reported twice. A place
    that has lost all its data is no change: only who removes a document takes it away.

    What is stored and cannot be read is a refusal, once. The last good documents stay. So
    they do if the place has older documents again, as after a backup was restored, until
    somebody puts others.
    """

    def __init__(self, options: Any, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        #: Its name in the INI, for errors. Set by the code that made it.
        self.name = "rules"

    def __str__(self) -> str:
        return self.name

    @property
    def trouble(self) -> str:
        """
        Why the place is unreachable, in words for a person; empty if no problem is known.
        """
        return ""

    @abstractmethod
    async def read(self, scope: Scope) -> RuleSet:
        """
        Return the documents of a scope as they are now.

        Raises:
            RegistryError: the place cannot be asked just now.
        """

    @abstractmethod
    async def put(
        self, scope: Scope, kind: str, body: str, version: int, author: Author
    ) -> Document:
        """
        Store a document, and return it with its new version.

        Args:
            version: of the document that was read; 0: there was none.

        Raises:
            RuleConflict: another version is there.
            RegistryError: it was not stored, or nobody knows whether it was.
        """

    @abstractmethod
    async def remove(self, scope: Scope, kind: str, version: int, author: Author) -> None:
        """
        Remove a document. Arguments and errors are those of `put`.
        """

    @abstractmethod
    async def history(self, scope: Scope) -> tuple[RuleChange, ...]:
        """
        Return the last changes of all documents of a scope, the newest first.

        Raises:
            RegistryError: the place cannot be asked just now.
        """

    @abstractmethod
    def watch(
        self, scope: Scope, listener: RuleListener, on_refused: OnRefused = ignore
    ) -> RuleWatch:
        """
        Call ``listener`` with the documents of a scope, now and after each change.

        Args:
            on_refused: called when they may not or cannot be read, perhaps again with a new reason.
                Neither it nor ``listener`` is called before this returns.
        """

    def known(self, scope: Scope) -> RuleSet | None:
        """
        Return what was reported last of a scope that somebody in this process watches.

        None if nobody watches it, nothing was reported yet, or the place does not tell. It is for
        those who cannot wait for their first report.
        """
        return None
