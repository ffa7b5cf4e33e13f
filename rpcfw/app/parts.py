"""
Parts of an application: registry and rules as the plan names them, and parts without a class.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from twisted.logger import Logger

from rpcfw.app.plan import Plan
from rpcfw.app.process_metrics import GarbagePauses, observe_process
from rpcfw.app.rules.follower import RuleFollower
from rpcfw.app.rules.provider import provider_rules_part
from rpcfw.client.assembly import Client
from rpcfw.client.observed import observe_breakers, observe_clients, observe_registry
from rpcfw.kernel.hooks import Hooks
from rpcfw.kernel.lifecycle import NamedPart
from rpcfw.server.server import Server
from rpcfw.spi.plugin import Plugin, PluginContext
from rpcfw.spi.registry import Registry
from rpcfw.spi.rules import Rules
from rpcfw.spi.runtime.last_minute import LastMinute
from rpcfw.spi.runtime.pauses import Pauses
from rpcfw.transport.runtime import Runtime

__all__ = [
    "make_registry",
    "make_rules",
    "plugins_part",
    "process_parts",
    "registry_parts",
    "server_parts",
    "warn_of_unused",
]

_log = Logger()


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


def warn_of_unused(plan: Plan) -> None:
    """
    Log what the service configs have that this framework does not use.
    """
    for each in {client.config for client in plan.clients.values() if client.config}:
        if each.unused:
            _log.warn("not used of the service config: {names}", names=list(each.unused))


def registry_parts(
    plan: Plan, registry: Registry | None, rules: Rules | None, follower: RuleFollower | None
) -> list[NamedPart]:
    """
    Return the registry, the rules, and what follows them: those that there are.
    """
    parts = []
    if registry is not None:
        parts.append(NamedPart("the registry", registry.start, registry.stop))
    if rules is not None and plan.rules is not None:
        parts.append(NamedPart("the place of rules", rules.start, rules.stop))
    if follower is not None:
        parts.append(NamedPart("the rules", follower.start, follower.stop))
    return parts


def server_parts(
    inspection: Server | None,
    server: Server | None,
    registry: Registry | None,
    rules: Rules | None,
    plugin_context: PluginContext,
) -> list[NamedPart]:
    """
    Return the servers that there are, and what follows the rules for the instances of one.
    """
    parts: list[NamedPart] = []
    # First up and last down: a process can be looked at while its server starts or stops.
    if inspection is not None:
        start_ports = partial(inspection.start, None)
        parts.append(NamedPart("the inspection", start_ports, inspection.stop))
    if server is not None:
        parts += provider_rules_part(rules, server, plugin_context)
        start_server = partial(server.start, registry)
        parts.append(NamedPart("the server", start_server, server.stop))
    return parts


def _ticking(name: str, part: Pauses | LastMinute) -> NamedPart:
    """
    Return a part that measures by a timer.
    """

    async def start() -> None:
        part.start()

    async def stop() -> None:
        part.stop()

    return NamedPart(name, start, stop)


def process_parts(
    runtime: Runtime, registry: Registry | None, clients: Callable[[], Iterable[Client]]
) -> list[NamedPart]:
    """
    Return what measures the process while it runs, and the access log; declare what is looked up.
    """
    context, writer = runtime.plugin_context, runtime.access_logs.writer
    observe_process(context)
    observe_clients(context.meter, clients)
    observe_breakers(context.meter, clients)
    observe_registry(context.meter, registry)
    garbage = GarbagePauses(context.meter, context.clock.seconds)
    parts = [
        _ticking("the heartbeat", context.pauses),
        _ticking("the rates of the last minute", context.last_minute),
        NamedPart("the metrics of the process", garbage.start, garbage.stop),
    ]
    if writer is not None:
        parts.append(NamedPart("the access log", writer.start, writer.stop))
    return parts


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
