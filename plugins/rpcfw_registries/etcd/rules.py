"""
The plugin that keeps rules in etcd, whatever registry has the instances.
"""

from __future__ import annotations

from rpcfw.spi.plugin import PluginContext
from rpcfw_registries.etcd.registry import EtcdOptions, EtcdRegistry
from rpcfw_registries.rules.of_registry import RulesOfRegistry

__all__ = ["EtcdRules"]


class EtcdRules(RulesOfRegistry):
    """
    Rules in etcd, with the options of that registry.
    """

    Options = EtcdOptions

    @classmethod
    def channel_protocols(cls, options: EtcdOptions) -> tuple[str, ...]:
        return EtcdRegistry.channel_protocols(options)

    def __init__(self, options: EtcdOptions, plugin_context: PluginContext) -> None:
        super().__init__(EtcdRegistry(options, plugin_context), options, plugin_context)
