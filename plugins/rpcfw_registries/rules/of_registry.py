"""
Rules that are kept in another registry than the instances.
"""

from __future__ import annotations

from typing import Any

from rpcfw.errors import ContractError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Registry
from rpcfw.spi.rules import OnRefused, RuleListener, Rules, RuleWatch, ignore
from rpcfw.values.rule import Author, Document, RuleChange, RuleSet, Scope

__all__ = ["RulesOfRegistry"]


class RulesOfRegistry(Rules):
    """
    The rules of a registry of its own, in which nothing is announced.

    Args:
        registry: with the same options.
    """

    def __init__(self, registry: Registry, options: Any, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        rules = registry.rules()
        if rules is None:
            raise ContractError(f"{type(registry).__name__} keeps no rules")
        self._registry = registry
        self._rules = rules

    def __str__(self) -> str:
        self._registry.name = self.name
        return str(self._registry)

    @property
    def trouble(self) -> str:
        return self._rules.trouble

    async def start(self) -> None:
        await self._registry.start()

    async def stop(self) -> None:
        await self._registry.stop()

    async def read(self, scope: Scope) -> RuleSet:
        return await self._rules.read(scope)

    async def put(
        self, scope: Scope, kind: str, body: str, version: int, author: Author
    ) -> Document:
        return await self._rules.put(scope, kind, body, version, author)

    async def remove(self, scope: Scope, kind: str, version: int, author: Author) -> None:
        await self._rules.remove(scope, kind, version, author)

    async def history(self, scope: Scope) -> tuple[RuleChange, ...]:
        return await self._rules.history(scope)

    def watch(
        self, scope: Scope, listener: RuleListener, on_refused: OnRefused = ignore
    ) -> RuleWatch:
        return self._rules.watch(scope, listener, on_refused)

    def known(self, scope: Scope) -> RuleSet | None:
        return self._rules.known(scope)
