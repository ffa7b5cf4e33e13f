"""
Follows the rules of the services that this process serves: which of its instances are offline.

The documents are those that consumers follow for weights and disabled instances. A document that
is wrong changes nothing: the last good one stays, one line is logged, and a metric counts it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from twisted.logger import Logger

from rpcfw.app.rules.documents import INSTANCES, read_instances
from rpcfw.app.rules.logged import ALL_KINDS, author_of, document_name, in_one_line
from rpcfw.errors import SettingsError
from rpcfw.kernel.lifecycle import NamedPart
from rpcfw.server.offline import OfflineInstances
from rpcfw.server.server import Server
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.rules import Rules, RuleWatch
from rpcfw.spi.runtime.rate_limit import LimitedLog
from rpcfw.values.rule import Document, RuleSet, service_scope

__all__ = ["ProviderRules", "provider_rules_part"]

_log = Logger()


class ProviderRules:
    """
    Takes instances of one server offline, as rules say.

    Args:
        rules: where they are.
        offline: of the server.
        services: that it serves.
    """

    def __init__(
        self,
        rules: Rules,
        offline: OfflineInstances,
        services: Iterable[str],
        plugin_context: PluginContext,
    ) -> None:
        self._rules = rules
        self._offline = offline
        self._services = tuple(services)
        self._log = LimitedLog(_log, plugin_context.clock.seconds)
        self._refused = plugin_context.meter.counter(
            "rpcfw_rules_refused_total", "documents of rules that were wrong", "kind"
        )
        self._watches: list[RuleWatch] = []
        self._documents: dict[str, Document | None] = {}

    async def start(self) -> None:
        """
        Watch the rules of each service.
        """
        for service in self._services:
            self._offline.expect(service)
            listener = partial(self._take, service)
            refused = partial(self._refuse, service, ALL_KINDS)
            self._watches.append(self._rules.watch(service_scope(service), listener, refused))

    async def stop(self) -> None:
        """
        Watch nothing any longer.
        """
        watches, self._watches = self._watches, []
        for watch in watches:
            watch.close()

    def _take(self, service: str, rules: RuleSet) -> None:
        document = rules.documents.get(INSTANCES)
        if service in self._documents and self._documents[service] == document:
            return
        self._documents[service] = document
        if document is None:
            self._offline.put(service, (), "")
            return
        name = document_name(service_scope(service), INSTANCES, document.version)
        try:
            found = read_instances(document.body, name)
        except SettingsError as error:
            self._refuse(service, INSTANCES, f"{name}: {in_one_line(error)}")
            return
        place = f"{name}, put by {author_of(document)}"
        self._offline.put(service, [id for id, rule in found.items() if rule.offline], place)

    def _refuse(self, service: str, kind: str, reason: str) -> None:
        self._refused.of(kind).value += 1
        what = f"rules for instances of {service} are wrong, the last ones stay: {reason}"
        self._log.warn_of(service, "{what}", what=what)
        self._offline.settle(service)


def provider_rules_part(
    rules: Rules | None, server: Server, plugin_context: PluginContext
) -> list[NamedPart]:
    """
    Return what follows the rules of a server's services, if this process follows rules.
    """
    services = [type(each).service_name for each in server.inspection.announced()]
    if rules is None or not services:
        return []
    followed = ProviderRules(rules, server.offline, services, plugin_context)
    return [NamedPart("the rules of its services", followed.start, followed.stop)]
