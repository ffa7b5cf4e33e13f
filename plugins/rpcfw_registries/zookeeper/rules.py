"""
The plugin that keeps rules in ZooKeeper, whatever registry has the instances.
"""

from __future__ import annotations

from rpcfw.spi.plugin import PluginContext
from rpcfw_registries.rules.of_registry import RulesOfRegistry
from rpcfw_registries.zookeeper.registry import ZooKeeperOptions, ZooKeeperRegistry
from rpcfw_registries.zookeeper.session import ZooKeeperSession

__all__ = ["ZooKeeperRules"]


class ZooKeeperRules(RulesOfRegistry):
    """
    Rules in ZooKeeper, with the options of that registry.
    """

    Options = ZooKeeperOptions

    def __init__(
        self,
        options: ZooKeeperOptions,
        plugin_context: PluginContext,
        session: ZooKeeperSession | None = None,
    ) -> None:
        registry = ZooKeeperRegistry(options, plugin_context, session)
        super().__init__(registry, options, plugin_context)
