"""
A service at application level: the applications that offer it, and their processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rpcfw.errors import RegistryError
from rpcfw.spi.plugin import PluginContext
from rpcfw.values.instance import Instance
from rpcfw_registries.layouts.dubbo.application_reader import applications_in
from rpcfw_registries.zookeeper.applications.application import ApplicationWatcher
from rpcfw_registries.zookeeper.applications.paths import ApplicationPaths
from rpcfw_registries.zookeeper.refresh import Refresh
from rpcfw_registries.zookeeper.session import Unreachable, ZooKeeperSession

__all__ = ["ServiceApplications", "WatchedApplications"]


class WatchedApplications:
    """
    The applications that offer a watched service. Each is watched once.

    Args:
        min_interval_s: least time between two reads of one thing.
    """

    def __init__(
        self,
        paths: ApplicationPaths,
        session: ZooKeeperSession,
        plugin_context: PluginContext,
        min_interval_s: float,
    ) -> None:
        self.paths = paths
        self.session = session
        self.plugin_context = plugin_context
        self.min_interval_s = min_interval_s
        self._watchers: dict[str, ApplicationWatcher] = {}
        self._services: dict[str, list[ServiceApplications]] = {}
        self._open: list[ServiceApplications] = []

    def outdated(self) -> None:
        """
        Read everything again.
        """
        for service in tuple(self._open):
            service.outdated()
        for watcher in tuple(self._watchers.values()):
            watcher.outdated()

    def close(self) -> None:
        """
        Watch nothing any more.
        """
        for service in tuple(self._open):
            service.close()

    def opened(self, service: ServiceApplications) -> None:
        """
        Learn that a service is watched.
        """
        self._open.append(service)

    def closed(self, service: ServiceApplications) -> None:
        """
        Learn that a service is watched no longer.
        """
        self._open.remove(service)

    def add(self, name: str, service: ServiceApplications) -> ApplicationWatcher:
        """
        Watch an application for a service.
        """
        self._services.setdefault(name, []).append(service)
        watcher = self._watchers.get(name)
        if watcher is None:
            watcher = self._watchers[name] = ApplicationWatcher(
                name,
                self.paths,
                self.session,
                self.plugin_context,
                self.min_interval_s,
                lambda: self._changed(name),
            )
            watcher.outdated()
        return watcher

    def remove(self, name: str, service: ServiceApplications) -> None:
        """
        Watch an application no longer for a service.
        """
        self._services[name].remove(service)
        if not self._services[name]:
            del self._services[name]
            self._watchers.pop(name).close()

    def _changed(self, name: str) -> None:
        for service in tuple(self._services.get(name, ())):
            service.changed()


class ServiceApplications:
    """
    The instances of one service at application level, watched between `open` and `close`.

    Args:
        changed: called after each change.
    """

    def __init__(
        self, service: str, applications: WatchedApplications, changed: Callable[[], None]
    ) -> None:
        self._service = service
        self._all = applications
        self.changed = changed
        self._watchers: dict[str, ApplicationWatcher] = {}
        self._refresh: Refresh | None = None
        self._mapping_known = False
        self._path = "/".join(applications.paths.of_mapping(service))

    @property
    def known(self) -> bool:
        """
        Whether the instances are known, or cannot be.
        """
        return self._mapping_known and all(each.known for each in self._watchers.values())

    def instances(self) -> Iterator[Instance]:
        """
        Return the instances that are known.
        """
        for watcher in self._watchers.values():
            yield from watcher.instances(self._service)

    def open(self) -> None:
        """
        Begin to watch.
        """
        if self._refresh is None:
            shared = self._all
            self._refresh = Refresh(
                self._path, self._read, shared.session, shared.plugin_context, shared.min_interval_s
            )
            shared.opened(self)
            self._refresh.outdated()

    def outdated(self) -> None:
        """
        Read the mapping again.
        """
        if self._refresh is not None:
            self._refresh.outdated()

    def close(self) -> None:
        """
        Watch no longer, and forget what is known.
        """
        if self._refresh is not None:
            self._refresh.close()
            self._refresh = None
            self._mapping_known = False
            self._all.closed(self)
            self._take(())

    async def _read(self) -> None:
        try:
            data = await self._mapping()
        except Unreachable:
            raise
        except RegistryError:
            self._mapping_known = True  # it is refused; nobody waits for that to change
            self.changed()
            raise
        if self._refresh is not None:
            self._take(self._names(data))
            self._mapping_known = True
            self.changed()

    async def _mapping(self) -> bytes:
        while True:
            (node,) = await self._all.session.read([self._path], self._mapping_changed)
            if node is not None:
                return node.data
            if await self._all.session.exists(self._path, self.outdated) is None:
                return b""

    def _mapping_changed(self, path: str) -> None:
        self.outdated()

    def _names(self, data: bytes) -> tuple[str, ...]:
        try:
            return tuple(applications_in(data))
        except ValueError as error:
            if self._refresh is not None:
                self._refresh.warn("unreadable", f"{self._path} is left out: {error}")
            return ()

    def _take(self, names: tuple[str, ...]) -> None:
        for name in self._watchers.keys() - set(names):
            del self._watchers[name]
            self._all.remove(name, self)
        for name in names:
            if name not in self._watchers:
                self._watchers[name] = self._all.add(name, self)
