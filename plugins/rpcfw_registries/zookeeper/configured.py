"""
Instances as the configurators of Dubbo have them: those that are watched, and our own.

A consumer of Dubbo changes the URLs of providers by the configurators that are for consumers,
and a provider changes its own URL by those that are for providers. Here, it is the same with
instances. A list is passed on once it is known which configurators there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.logger import Logger

from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, Watch
from rpcfw.spi.rules import Rules
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.local_address import local_host
from rpcfw.values.instance import Instance, Snapshot
from rpcfw.values.rule import Scope
from rpcfw_dubbo_rules.configurators import Configurators, Side, read_configurators
from rpcfw_dubbo_rules.followed import FollowedRules
from rpcfw_dubbo_rules.scopes import CONFIGURATORS, application_scope, service_scope
from rpcfw_registries.zookeeper.announced import Announced

__all__ = ["ConfiguredAnnouncements", "ConfiguredList"]

_log = Logger()


class ConfiguredList:
    """
    The list of a service, passed on to a listener.
    """

    def __init__(self, rules: Rules, listener: Listener, plugin_context: PluginContext) -> None:
        self._configured = _Configured("consumer", rules, self._publish, plugin_context)
        self._listener = listener
        self._snapshot: Snapshot | None = None
        self._published: Snapshot | None = None

    def take(self, snapshot: Snapshot) -> None:
        """
        Take the list as it is announced.
        """
        self._snapshot, self._published = snapshot, None
        self._configured.add(snapshot.instances)
        self._publish()

    def closing(self, watch: Watch) -> Watch:
        """
        Return a watch that ends this one, too.
        """
        return _ConfiguredWatch(watch, self._configured)

    def _publish(self) -> None:
        snapshot = self._snapshot
        if snapshot is None or not self._configured.known:
            return
        instances = map(self._configured.apply, snapshot.instances)
        found = Snapshot(snapshot.service, tuple(one for one in instances if one is not None))
        if found != self._published:
            self._published = found
            self._listener(found)


class ConfiguredAnnouncements:
    """
    Our own instances.
    """

    def __init__(self, rules: Rules, announced: Announced, plugin_context: PluginContext) -> None:
        self._configured = _Configured("provider", rules, self._changed, plugin_context)
        self._announced = announced
        #: As they were given, and as they are announced; None: it is disabled.
        self._given: dict[tuple[str, str], Instance] = {}
        self._current: dict[tuple[str, str], Instance | None] = {}

    async def put(self, instance: Instance) -> None:
        """
        Keep an instance announced.
        """
        key = instance.service, instance.id
        self._given[key] = instance
        self._configured.add((instance,))
        current = self._current[key] = self._configured.apply(instance)
        if current is not None:
            await self._announced.put(current)

    async def remove(self, instance: Instance) -> None:
        """
        Keep it announced no longer.
        """
        key = instance.service, instance.id
        self._given.pop(key, None)
        current = self._current.pop(key, None)
        await self._announced.remove(current or instance)

    def close(self) -> None:
        """
        Follow no configurators any more.
        """
        self._configured.close()

    def _changed(self) -> None:
        for key, instance in self._given.items():
            before, now = self._current[key], self._configured.apply(instance)
            if before == now:
                continue
            self._current[key] = now
            what = f"announcing {instance.service} as Dubbo's configurators have it"
            if now is not None:
                in_background(self._announced.put(now), what)
            elif before is not None:
                in_background(self._announced.remove(before), what)


class _Configured:
    """
    Follows the configurators that there may be for instances, and applies them.

    Args:
        side: ``consumer`` or ``provider``.
        changed: called after each change.
    """

    def __init__(
        self, side: str, rules: Rules, changed: Callable[[], None], plugin_context: PluginContext
    ) -> None:
        readers = {CONFIGURATORS: _read}
        self._followed = FollowedRules(rules, readers, changed, plugin_context)
        self._side = Side(side, plugin_context.application, local_host())
        self._own = application_scope(plugin_context.application)
        self._scopes: dict[Scope, None] = {}

    @property
    def known(self) -> bool:
        """
        Whether it is known which configurators there are.
        """
        return self._followed.add(self._scopes)

    def add(self, instances: Iterable[Instance]) -> None:
        """
        Follow those for these instances, too.
        """
        self._scopes |= dict.fromkeys((self._own, *map(_scope_of, instances)))
        self._followed.add(self._scopes)

    def apply(self, instance: Instance) -> Instance | None:
        """
        Return an instance as they have it; None if it is disabled.
        """
        for scope in (self._own, _scope_of(instance)):
            configurators: Configurators | None = self._followed.get(scope, CONFIGURATORS)
            changed = configurators and configurators.apply(self._side, instance)
            if configurators is not None and changed is None:
                return None
            instance = changed or instance
        return instance

    def close(self) -> None:
        """
        Follow none any more.
        """
        self._followed.close()


class _ConfiguredWatch(Watch):
    """
    A watch whose list is changed by configurators.
    """

    def __init__(self, watch: Watch, configured: _Configured) -> None:
        self._watch = watch
        self._configured = configured

    @property
    def trouble(self) -> str:
        return self._watch.trouble

    def close(self) -> None:
        self._configured.close()
        self._watch.close()


def _scope_of(instance: Instance) -> Scope:
    return service_scope(instance.service, instance.version, instance.group)


def _read(text: str) -> Configurators:
    found = read_configurators(text)
    if found.ignored:
        _log.warn(
            "these parameters of a configurator for consumers are not applied: {names}; set "
            "them in [client], [attempts] or [balancer]",
            names=", ".join(found.ignored),
        )
    return found
