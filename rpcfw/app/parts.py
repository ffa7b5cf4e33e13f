"""
Parts of an application: registry and rules as the plan names them, and parts without a class.
"""

from __future__ import annotations

from collections.abc import Sequence

from rpcfw.app.plan import Plan
from rpcfw.kernel.hooks import Hooks
from rpcfw.kernel.lifecycle import NamedPart
from rpcfw.spi.plugin import Plugin, PluginContext
from rpcfw.spi.registry import Registry
from rpcfw.spi.rules import Rules
from rpcfw.spi.runtime.pauses import Pauses

__all__ = ["heartbeat_part", "make_registry", "make_rules", "plugins_part"]


def make_registry(plan: Plan, plugin_context: PluginContext) -> Registry | None:
    """
    Return the registry; None if there is none.
    """
    if plan.registry is None:
        return None
    registry = plan.registry.make(plugin_context)
    registry.name = plan.registry.name
    return registry


def make_rules(
    plan: Plan, registry: Registry | None, plugin_context: PluginContext
) -> Rules | None:
    """
    Return the rules that ``[rules]`` names, else those of the registry.
    """
    if plan.rules is not None:
        rules = plan.rules.make(plugin_context)
        rules.name = plan.rules.name
        return rules
    if registry is None or not plan.follows_rules:
        return None
    beside = registry.rules()
    if beside is not None:
        beside.name = str(registry)
    return beside


def heartbeat_part(pauses: Pauses) -> NamedPart:
    """
    Return what notices that the process was paused.
    """

    async def start() -> None:
        pauses.start()

    async def stop() -> None:
        pauses.stop()

    return NamedPart("the heartbeat", start, stop)


def plugins_part(hooks: Hooks, plugins: Sequence[Plugin]) -> NamedPart:
    """
    Return what starts the plugins of the process, all or none.
    """

    async def start() -> None:
        try:
            await hooks.start(plugins)
        except BaseException:
            await hooks.stop()
            raise

    return NamedPart("the plugins", start, hooks.stop)
