"""
The config centre of Dubbo in ZooKeeper, as one more place of rules beside our own.

Each document is a znode ``ROOT/config/dubbo/KEY.KIND``, as ``shop.tag-router`` or
``com.acme.Order:1.0.0:.condition-router``. Dubbo Admin writes them; here they are read only.
Our own documents are where they always are: the kind of a scope tells the two apart.
"""

from __future__ import annotations

from rpcfw.errors import RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.rules import OnRefused, RuleListener, Rules, RuleWatch, ignore
from rpcfw.values.rule import (
    Author,
    Document,
    RuleChange,
    RuleSet,
    Scope,
)
from rpcfw_dubbo_rules.scopes import KINDS
from rpcfw_registries.zookeeper.records import ZooKeeperRecords
from rpcfw_registries.zookeeper.watched_scope import WatchedScope, read_document

__all__ = ["config_center"]


def config_center(
    own: Rules, records: ZooKeeperRecords, root: str, plugin_context: PluginContext
) -> Rules:
    """
    Return the documents of Dubbo and our own as one place.

    Args:
        own: our own.
        records: reads and watches znodes.
        root: path of the registry.
    """
    return _ConfigCenter(own, records, root, plugin_context)


class _ConfigCenter(Rules):
    def __init__(
        self, own: Rules, records: ZooKeeperRecords, root: str, plugin_context: PluginContext
    ) -> None:
        super().__init__(None, plugin_context)
        self._own = own
        self._records = records
        self._folder = f"{root}/config/dubbo"
        #: Each is watched once, whoever is interested: a consumer's router and its registry are.
        self._watched: dict[Scope, WatchedScope] = {}

    @property
    def trouble(self) -> str:
        return self._own.trouble

    async def read(self, scope: Scope) -> RuleSet:
        if scope.kind not in KINDS:
            return await self._own.read(scope)
        paths = {kind: self._path(scope, kind) for kind in KINDS[scope.kind]}
        found = {kind: await self._records.read_path(path) for kind, path in paths.items()}
        documents = {kind: read_document(kind, data) for kind, data in found.items() if data}
        return RuleSet(scope, len(documents), documents)

    async def put(
        self, scope: Scope, kind: str, body: str, version: int, author: Author
    ) -> Document:
        self._check_own(scope)
        return await self._own.put(scope, kind, body, version, author)

    async def remove(self, scope: Scope, kind: str, version: int, author: Author) -> None:
        self._check_own(scope)
        await self._own.remove(scope, kind, version, author)

    async def history(self, scope: Scope) -> tuple[RuleChange, ...]:
        return () if scope.kind in KINDS else await self._own.history(scope)

    def watch(
        self, scope: Scope, listener: RuleListener, on_refused: OnRefused = ignore
    ) -> RuleWatch:
        if scope.kind not in KINDS:
            return self._own.watch(scope, listener, on_refused)
        watched = self._watched.get(scope)
        if watched is None:
            paths = {kind: self._path(scope, kind) for kind in KINDS[scope.kind]}
            clock = self.plugin_context.clock
            watched = WatchedScope(scope, self._records, paths, clock, self._watched.pop)
            self._watched[scope] = watched
        return watched.add(listener, on_refused)

    def known(self, scope: Scope) -> RuleSet | None:
        if scope.kind not in KINDS:
            return self._own.known(scope)
        watched = self._watched.get(scope)
        return None if watched is None else watched.known

    def _path(self, scope: Scope, kind: str) -> str:
        # No name of Dubbo has a slash, and none of ours may lead elsewhere.
        return f"{self._folder}/{scope.name.replace('/', '%2F')}.{kind}"

    def _check_own(self, scope: Scope) -> None:
        if scope.kind in KINDS:
            raise RegistryError(f"the documents of {scope} are changed with Dubbo Admin")
