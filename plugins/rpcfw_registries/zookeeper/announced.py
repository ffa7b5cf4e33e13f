"""
What this process announces in ZooKeeper: in one layout, and with Dubbo at two levels.
"""

from __future__ import annotations

from collections.abc import Callable

from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.together import together
from rpcfw.values.instance import Instance, instance_to_json
from rpcfw_registries.layouts.announcer import LayoutAnnouncer
from rpcfw_registries.layouts.layout import Layout
from rpcfw_registries.remote.reconciler import Reconciler
from rpcfw_registries.zookeeper.applications.announcer import ApplicationAnnouncer
from rpcfw_registries.zookeeper.applications.paths import ApplicationPaths
from rpcfw_registries.zookeeper.applications.store import ApplicationStore
from rpcfw_registries.zookeeper.options import ZooKeeperOptions
from rpcfw_registries.zookeeper.session import ZooKeeperSession
from rpcfw_registries.zookeeper.session_store import SessionStore
from rpcfw_registries.zookeeper.store import ZooKeeperStore

__all__ = ["Announced"]


class Announced:
    """
    The instances that are announced.

    Args:
        layout: says how each is kept at the level of interfaces, which is the only one but for
            Dubbo.
    """

    def __init__(
        self,
        session: ZooKeeperSession,
        layout: Layout,
        options: ZooKeeperOptions,
        plugin_context: PluginContext,
    ) -> None:
        self._context = plugin_context
        self._check_s = options.self_check_interval
        self._stores: list[SessionStore] = []
        self._records: list[Reconciler] = []
        self._levels: list[LayoutAnnouncer | ApplicationAnnouncer] = []
        #: Those at the level of interfaces. Consumers are there too, whatever is announced.
        self.interfaces = self._kept(ZooKeeperStore(session, layout), layout.record)
        mode = options.register_mode if options.layout == "dubbo" else "interface"
        if mode != "instance":
            self._levels.append(LayoutAnnouncer(self.interfaces, layout))
        if mode != "interface":
            paths = ApplicationPaths(options.full_root)
            records = self._kept(ApplicationStore(session, paths))
            self._levels.append(
                ApplicationAnnouncer(
                    plugin_context.application,
                    paths,
                    records,
                    plugin_context.time_of_day,
                    plugin_context.clock,
                )
            )

    def _kept(
        self, store: SessionStore, record_of: Callable[[Instance], bytes] = instance_to_json
    ) -> Reconciler:
        records = Reconciler(store, "ZooKeeper", self._context, self._check_s, record_of)
        self._stores.append(store)
        self._records.append(records)
        return records

    @property
    def trouble(self) -> str:
        """
        Why something is not announced as it shall be; empty if all is.
        """
        return next(filter(None, (each.trouble for each in self._records)), "")

    async def put(self, instance: Instance) -> None:
        """
        Keep an instance announced; return once it is, at each level.
        """
        await together(*(level.put(instance) for level in self._levels))

    async def remove(self, instance: Instance) -> None:
        """
        Keep an instance announced no longer.
        """
        await together(*(level.remove(instance) for level in self._levels))

    async def reached(self) -> None:
        """
        Return once a server is reached.
        """
        await self._stores[0].open()

    def connected(self) -> None:
        """
        Learn that a server is reached: check everything.
        """
        for store in self._stores:
            store.connected()
        for each in self._records:
            each.check()

    def lost(self) -> None:
        """
        Learn that the connection was lost.
        """
        for each in self._records:
            each.lost()

    async def stop(self) -> None:
        """
        Announce nothing more.
        """
        for each in self._records:
            await each.stop()
