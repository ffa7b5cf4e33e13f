"""
The plugin that keeps rules in a registry server, whatever registry has the instances.
"""

from __future__ import annotations

from rpcfw.spi.plugin import PluginContext
from rpcfw_registries.rules.of_registry import RulesOfRegistry
from rpcfw_registries.standalone.registry import StandaloneOptions, StandaloneRegistry

__all__ = ["StandaloneRules"]


class StandaloneRules(RulesOfRegistry):
    """
    Rules in a registry server, with the options of that registry.
    """

    Options = StandaloneOptions

    def __init__(self, options: StandaloneOptions, plugin_context: PluginContext) -> None:
        super().__init__(StandaloneRegistry(options, plugin_context), options, plugin_context)
