"""
Instances as the configurators of Dubbo have them: those that are watched, and our own.

A consumer of Dubbo changes the URLs of providers by the configurators that are for consumers,
and a provider changes its own URL by those that are for providers. Here, it is the same with
instances.

A list is passed on once all documents are known that are about its instances: the configurators
and, for the router of this process, the rules. So the first call obeys them. A list that has
waited for `_MAX_WAIT_S` is passed on without those that are missing; they take effect later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.logger import Logger

from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Listener, Watch
from rpcfw.spi.rules import Rules
from rpcfw.spi.runtime.background import in_background
from rpcfw.spi.runtime.clock import Clock, DelayedCall
from rpcfw.spi.runtime.local_address import local_host
from rpcfw.values.instance import Instance, Snapshot
from rpcfw.values.rule import Scope
from rpcfw.values.units import format_duration
from rpcfw_dubbo_rules.configurators import Configurators as Document
from rpcfw_dubbo_rules.configurators import Side, read_configurators
from rpcfw_dubbo_rules.followed import FollowedRules
from rpcfw_dubbo_rules.scopes import CONFIGURATORS, application_scope, service_scope
from rpcfw_registries.zookeeper.announced import Announced

__all__ = ["Configurators", "ConfiguredAnnouncements", "ConfiguredList"]

_log = Logger()

#: Documents take a few round trips after the list. A registry that has just answered and takes
#: longer is in trouble, and calls without a rule are better than none.
_MAX_WAIT_S = 3.0


class Configurators:
    """
    The configurators of a process. Each document is followed once, whatever it is for.
    """

    def __init__(self, rules: Rules, plugin_context: PluginContext) -> None:
        readers = {CONFIGURATORS: _read}
        self._followed = FollowedRules(rules, readers, self._changed, plugin_context)
        self._application = plugin_context.application
        self._own = application_scope(plugin_context.application)
        self._host = local_host()
        self._listeners: list[Callable[[], None]] = []

    def add(self, instances: Iterable[Instance]) -> bool:
        """
        Follow those for these instances, too. Return whether it is known which there are.
        """
        return self._followed.add(dict.fromkeys((self._own, *map(_scope_of, instances))))

    def add_all(self, instances: Iterable[Instance]) -> bool:
        """
        The same for all documents that a consumer of these instances obeys.
        """
        instances = tuple(instances)
        names = dict.fromkeys(one.application for one in instances if one.application)
        known = self._followed.add(map(application_scope, names))
        return self.add(instances) and known

    def apply(self, side: str, instance: Instance) -> Instance | None:
        """
        Return an instance as they have it; None if it is disabled.

        Args:
            side: ``consumer`` or ``provider``.
        """
        reader = Side(side, self._application, self._host)
        for scope in (self._own, _scope_of(instance)):
            document: Document | None = self._followed.get(scope, CONFIGURATORS)
            if document is not None:
                changed = document.apply(reader, instance)
                if changed is None:
                    return None
                instance = changed
        return instance

    def listen(self, changed: Callable[[], None]) -> Callable[[], None]:
        """
        Call ``changed`` after each change. Return what ends that.
        """
        self._listeners.append(changed)

        def unlisten() -> None:
            if changed in self._listeners:
                self._listeners.remove(changed)

        return unlisten

    def close(self) -> None:
        """
        Follow none any more.
        """
        self._followed.close()

    def _changed(self) -> None:
        for listener in tuple(self._listeners):
            listener()


class ConfiguredList:
    """
    The list of a service, passed on to a listener.
    """

    def __init__(self, configurators: Configurators, listener: Listener, clock: Clock) -> None:
        self._configurators = configurators
        self._listener = listener
        self._clock = clock
        self._snapshot: Snapshot | None = None
        self._published: Snapshot | None = None
        #: When to wait no longer for documents.
        self._timer: DelayedCall | None = None
        self._unlisten = configurators.listen(self._publish)

    def take(self, snapshot: Snapshot) -> None:
        """
        Take the list as it is announced.
        """
        self._snapshot, self._published = snapshot, None
        self._publish()

    def closing(self, watch: Watch) -> Watch:
        """
        Return a watch that ends this one, too.
        """
        return _ConfiguredWatch(watch, self._close)

    def _close(self) -> None:
        self._unlisten()
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _publish(self) -> None:
        snapshot = self._snapshot
        if snapshot is None:
            return
        if self._configurators.add_all(snapshot.instances):
            self._stop_timer()
            self._tell(snapshot)
        elif self._timer is None:
            self._timer = self._clock.callLater(_MAX_WAIT_S, self._give_up)
        elif not self._timer.active():
            self._tell(snapshot)

    def _give_up(self) -> None:
        assert self._snapshot is not None
        _log.warn(
            "the rules of Dubbo for {service} are not known {waited} after its instances; "
            "calls go on without those that are missing, until they come",
            service=self._snapshot.service,
            waited=format_duration(_MAX_WAIT_S),
        )
        self._tell(self._snapshot)

    def _tell(self, snapshot: Snapshot) -> None:
        instances = (self._configurators.apply("consumer", one) for one in snapshot.instances)
        found = Snapshot(snapshot.service, tuple(one for one in instances if one is not None))
        if found != self._published:
            self._published = found
            self._listener(found)


class ConfiguredAnnouncements:
    """
    Our own instances.
    """

    def __init__(self, configurators: Configurators, announced: Announced) -> None:
        self._configurators = configurators
        self._announced = announced
        #: As they were given, and as they are announced; None: it is disabled.
        self._given: dict[tuple[str, str], Instance] = {}
        self._current: dict[tuple[str, str], Instance | None] = {}
        configurators.listen(self._changed)

    async def put(self, instance: Instance) -> None:
        """
        Keep an instance announced.
        """
        key = instance.service, instance.id
        self._given[key] = instance
        self._configurators.add((instance,))
        current = self._current[key] = self._configurators.apply("provider", instance)
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

    def _changed(self) -> None:
        for key, instance in self._given.items():
            before, now = self._current[key], self._configurators.apply("provider", instance)
            if before == now:
                continue
            self._current[key] = now
            what = f"announcing {instance.service} as Dubbo's configurators have it"
            if now is not None:
                in_background(self._announced.put(now), what)
            elif before is not None:
                in_background(self._announced.remove(before), what)


class _ConfiguredWatch(Watch):
    """
    A watch whose list is changed by configurators.
    """

    def __init__(self, watch: Watch, unlisten: Callable[[], None]) -> None:
        self._watch = watch
        self._unlisten = unlisten

    @property
    def trouble(self) -> str:
        return self._watch.trouble

    def close(self) -> None:
        self._unlisten()
        self._watch.close()


def _scope_of(instance: Instance) -> Scope:
    return service_scope(instance.service, instance.version, instance.group)


def _read(text: str) -> Document:
    found = read_configurators(text)
    if found.ignored:
        _log.warn(
            "these parameters of a configurator for consumers are not applied: {names}; change "
            "them by rpcfw rule put policies, or in [client], [retry] and [balancer]",
            names=", ".join(found.ignored),
        )
    return found
