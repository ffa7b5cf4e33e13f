"""
Rules as the console reads and changes them: each within a time limit, each change by its author.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from rpcfw.app.application import Application
from rpcfw.app.rules.changing import answered, check_document
from rpcfw.app.rules.documents import INSTANCES
from rpcfw.app.rules.edited_instances import EditedInstances
from rpcfw.errors import SettingsError
from rpcfw.spi.rules import Rules
from rpcfw.values.rule import Author, RuleChange, RuleSet, Scope

__all__ = ["RuleBook"]

T = TypeVar("T")

#: How long a person waits for the place of rules.
_LIMIT_S = 10.0


class RuleBook:
    """
    The rules of the fleet.

    Args:
        application: whose place of rules, and whose configuration they are checked against.
    """

    def __init__(self, application: Application) -> None:
        self._application = application

    @property
    def rules(self) -> Rules:
        """
        Where they are.

        Raises:
            SettingsError: nowhere.
        """
        rules = self._application.rules
        if rules is None:
            raise SettingsError(
                "the configuration of the console has no place for rules: set [rules] plugin, or "
                "a registry that keeps them"
            )
        return rules

    async def read(self, scope: Scope) -> RuleSet:
        """
        Return the documents of a scope.
        """
        return await self._answered(self.rules.read(scope))

    async def history(self, scope: Scope, kind: str) -> list[RuleChange]:
        """
        Return the last changes of a document, the newest first.
        """
        changes = await self._answered(self.rules.history(scope))
        return [one for one in changes if one.kind == kind]

    def check(self, scope: Scope, kind: str, text: str) -> list[str]:
        """
        Return what is wrong with a document, each with its line.
        """
        try:
            check_document(self._application, scope, kind, text, kind)
        except SettingsError as error:
            return list(error.mistakes)
        return []

    async def put(self, scope: Scope, kind: str, text: str, version: int, author: Author) -> str:
        """
        Store a document, or remove it if the text is empty; return what was done, in words.

        Args:
            version: that was read.
        """
        if text.strip():
            putting = self.rules.put(scope, kind, text, version, author)
            stored = await self._answered(putting, changes=True)
            return f"{kind} of {scope}: version {stored.version}"
        await self._answered(self.rules.remove(scope, kind, version, author), changes=True)
        return f"{kind} of {scope}: removed"

    async def store(self, scope: Scope, edited: EditedInstances, author: Author) -> str:
        """
        Store a changed document of instances; return what was done, in words.
        """
        if edited.same or (not edited.text and not edited.version):
            return f"{INSTANCES} of {scope}: nothing to change"
        return await self.put(scope, INSTANCES, edited.text, edited.version, author)

    def _answered(
        self, waiting: Coroutine[Any, Any, T], *, changes: bool = False
    ) -> Coroutine[Any, Any, T]:
        timers = self._application.runtime.timers
        return answered(waiting, self.rules, timers, _LIMIT_S, changes=changes)
