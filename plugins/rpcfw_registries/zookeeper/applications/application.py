"""
One application in ZooKeeper, watched: its processes, and what they offer.

The list of nodes is watched, and the data of each, since a node keeps its name when it changes.
A revision is read once, however many processes have it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from attrs import evolve

from rpcfw.errors import CallError, RegistryError
from rpcfw.printable import printable
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.waiting import spawn
from rpcfw.values.instance import Instance
from rpcfw_registries.layouts.dubbo.application_reader import (
    ProviderNode,
    Services,
    instances_of,
    read_node,
    read_services,
)
from rpcfw_registries.zookeeper.applications.metadata_service import ask_provider
from rpcfw_registries.zookeeper.applications.paths import SERVICES, ApplicationPaths
from rpcfw_registries.zookeeper.refresh import Refresh
from rpcfw_registries.zookeeper.session import Unreachable, ZnodeMissing, ZooKeeperSession

__all__ = ["ApplicationWatcher"]

#: Of one application. More are left out.
_MAX_NODES = 10_000
#: Services change rarely, so most processes have one of a few revisions.
_MAX_REVISIONS = 1000
_BATCH = 400
#: How many revisions are read at a time.
_MAX_READS = 8
#: How many processes of a revision are asked before it is tried again later.
_MAX_ASKED = 3
_RETRY_S = 5.0


class ApplicationWatcher:
    """
    The processes of an application.

    Args:
        changed: called after each change.
    """

    def __init__(
        self,
        name: str,
        paths: ApplicationPaths,
        session: ZooKeeperSession,
        plugin_context: PluginContext,
        min_interval_s: float,
        changed: Callable[[], None],
    ) -> None:
        self._name = name
        self._paths = paths
        self._session = session
        self._context = plugin_context
        self._changed = changed
        self._folder = f"{SERVICES}/{name}"
        self._refresh = Refresh(self._folder, self._read, session, plugin_context, min_interval_s)
        #: By name of the node; None for what cannot be read.
        self._nodes: dict[str, ProviderNode | None] = {}
        self._to_read: set[str] = set()
        self._services: dict[str, Services] = {}
        #: Whether it was read, or cannot be.
        self.known = False

    def outdated(self) -> None:
        """
        Read everything again.
        """
        self._to_read.update(self._nodes)
        self._refresh.outdated()

    def close(self) -> None:
        """
        Watch it no longer.
        """
        self._refresh.close()

    def instances(self, service: str) -> Iterator[Instance]:
        """
        Return the instances of a service that its processes are.
        """
        for name, node in self._nodes.items():
            if node is None:
                continue
            for each in self._services.get(node.revision, {}).get(service, ()):
                try:
                    instance = instances_of(node, each)
                except ValueError as error:
                    self._leave_out(name, error)
                    continue
                if instance is not None:
                    yield evolve(instance, application=self._name)

    def _leave_out(self, name: str, error: ValueError) -> None:
        shown = printable(name[:500])
        self._refresh.warn("unreadable", f"{self._folder}/{shown} is left out: {error}")

    async def _read(self) -> None:
        try:
            await self._read_nodes()
            await self._read_revisions()
        except Unreachable:
            raise
        except RegistryError:
            self.known = True  # it is refused; nobody waits for that to change
            self._changed()
            raise
        self.known = True
        self._changed()

    async def _read_nodes(self) -> None:
        names = await self._names()
        if len(names) > _MAX_NODES:
            self._refresh.warn("many", f"{self._folder} has more than {_MAX_NODES} instances")
        wanted = set(islice(sorted(names), _MAX_NODES))
        self._nodes = {name: node for name, node in self._nodes.items() if name in wanted}
        changed, self._to_read = self._to_read, set()
        new = sorted(wanted - self._nodes.keys() | wanted & changed)
        try:
            for at in range(0, len(new), _BATCH):
                part = new[at : at + _BATCH]
                paths = [f"{self._folder}/{name}" for name in part]
                nodes = await self._session.read(paths, self._node_changed)
                for name, node in zip(part, nodes, strict=True):
                    if node is not None:
                        self._nodes[name] = self._parsed(name, node.data)
        except RegistryError:
            self._to_read.update(new)
            raise

    async def _names(self) -> Sequence[str]:
        while True:
            try:
                return (await self._session.children(self._folder, self._refresh.outdated)).names
            except ZnodeMissing:
                if await self._session.exists(self._folder, self._refresh.outdated) is None:
                    return ()

    def _node_changed(self, path: str) -> None:
        self._to_read.add(path.rpartition("/")[2])
        self._refresh.outdated()

    def _parsed(self, name: str, data: bytes) -> ProviderNode | None:
        try:
            return read_node(data)
        except ValueError as error:
            self._leave_out(name, error)
            return None

    async def _read_revisions(self) -> None:
        by_revision: dict[str, list[ProviderNode]] = {}
        for node in self._nodes.values():
            if node is not None and node.revision:
                by_revision.setdefault(node.revision, []).append(node)
        self._services = {
            revision: services
            for revision, services in self._services.items()
            if revision in by_revision
        }
        new = [each for each in by_revision if each not in self._services]
        allowed = max(0, _MAX_REVISIONS - len(self._services))
        if len(new) > allowed:
            self._refresh.warn("many", f"{self._folder} has more than {_MAX_REVISIONS} revisions")
        for at in range(0, min(len(new), allowed), _MAX_READS):
            part = new[at : min(at + _MAX_READS, allowed)]
            running = [spawn(self._read_revision(each, by_revision[each])) for each in part]
            for each in running:
                await each

    async def _read_revision(self, revision: str, nodes: list[ProviderNode]) -> None:
        error: Exception | None = None
        for node in nodes[:_MAX_ASKED]:
            try:
                self._services[revision] = await self._services_of(node)
                return
            except (CallError, RegistryError, ValueError) as failure:
                error = failure
        shown = f"the services of revision {revision} of {self._name}"
        self._refresh.warn("metadata", f"{shown} cannot be read, and are left out: {error}")
        self._refresh.retry_later(_RETRY_S)

    async def _services_of(self, node: ProviderNode) -> Services:
        if not node.remote:
            where = node.metadata_service()
            return await ask_provider(self._context.open_channel, where, self._name, node.revision)
        folder, name = self._paths.of_metadata(self._name, node.revision)
        (found,) = await self._session.read([f"{folder}/{name}"])
        if found is None:
            raise ValueError(f"there is no {folder}/{name}")
        return read_services(found.data)
