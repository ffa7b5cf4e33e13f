"""
The policies of one client as text: where they are chosen, their options, what they say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rpcfw.app.given_options import PLUGIN
from rpcfw.app.live_policies import LivePolicies
from rpcfw.client.assembly import Client
from rpcfw.client.client_options import ClientOptions
from rpcfw.cluster.health.options import HealthOptions
from rpcfw.kernel.choice import Chosen
from rpcfw.kernel.ini import Given
from rpcfw.spi.breaker import Breaker
from rpcfw.spi.options import NO_DEFAULT, Declared, declared
from rpcfw.spi.plugin import Plugin
from rpcfw.values.call import Call
from rpcfw.values.explanation import ExplainedOption, ExplainedPolicy
from rpcfw.values.service_config import MethodConfig

__all__ = ["PolicyTexts"]

#: The options of ``[client]`` that decide about a single call.
_LIMITS = ("timeout", "stream_timeout", "attempt_timeout", "service_config")

#: The lists that name plugins, by the sections of those: where one of them was chosen.
_NAMED_IN = {
    "collector": ("balancer", "collectors"),
    "filter": ("client", "insert"),
    "limiter": ("client", "limiters"),
    "router": ("client", "routers"),
}


class PolicyTexts:
    """
    Writes down what decides about one call.

    Args:
        policies: tell where options are given now.
        client: whose policies they are.
        call: that they would decide about.
    """

    def __init__(self, policies: LivePolicies, client: Client, call: Call) -> None:
        self._sources = policies.sources(client.service)
        self._client = client
        self._call = call
        self._chosen = policies.plan_of(client).chosen

    def by_section(self) -> Mapping[str, ExplainedPolicy]:
        """
        Return the plugins, by the sections of their options.
        """
        plugins = self._client.policies.plugins
        return {
            section: self._plugin(each, plugins[section]) for section, each in self._chosen.items()
        }

    def parts(self, section: str) -> Iterator[ExplainedPolicy]:
        """
        Yield the parts of a policy, as the collectors of a balancer.
        """
        return (self._plugin(each, None) for each in self._chosen[section].parts)

    def of_client(self) -> Iterator[ExplainedPolicy]:
        """
        Yield what ``[client]`` says of calls, and what its service config says of this one.
        """
        each = [one for one in declared(ClientOptions) if one.name in _LIMITS]
        options = tuple(self._option("client", one) for one in each)
        yield ExplainedPolicy("client", "", "client", options=options)
        each_health = [self._option("health", one) for one in declared(HealthOptions)]
        if any(one.place for one in each_health):
            yield ExplainedPolicy("health", "", "health", options=tuple(each_health))
        config, method = self._client.policies.config, self._call.method
        if config is not None:
            says = "; ".join(_rules(config.of(method.service, method.name)))
            place = self._place("client", "service_config")
            yield ExplainedPolicy("service_config", "", "client", place, says)

    def _plugin(self, chosen: Chosen[Any], plugin: Plugin | None) -> ExplainedPolicy:
        section, says = chosen.section, ""
        if plugin is not None and not isinstance(plugin, Breaker):  # each node has its own
            says = plugin.explain(self._call)
        return ExplainedPolicy(
            kind=section.partition(" ")[0],
            name=chosen.name,
            section=section,
            place=self._place_of(chosen),
            says=says,
            options=tuple(self._option(section, each) for each in declared(type(chosen.options))),
        )

    def _place_of(self, chosen: Chosen[Any]) -> str:
        """
        Return where a plugin is named; empty if it is a default.
        """
        naming = _NAMED_IN.get(chosen.section.partition(" ")[0])
        return self._place(*naming) if naming else self._place(chosen.section, PLUGIN)

    def _option(self, section: str, option: Declared) -> ExplainedOption:
        """
        Return one option.
        """
        value, place = "" if option.default is NO_DEFAULT else option.default, ""
        given = self._given(section, option.name)
        if given is not None:
            value, place = given.text, str(given.origin)
        return ExplainedOption(option.name, "(secret)" if option.secret else value, place)

    def _place(self, section: str, key: str) -> str:
        given = self._given(section, key)
        return "" if given is None else str(given.origin)

    def _given(self, section: str, key: str) -> Given | None:
        name, _, qualifier = section.partition(" ")
        return self._sources.given(name, key, qualifier or self._client.service)


def _rules(config: MethodConfig) -> Iterator[str]:
    """
    Yield what a service config says of a method.
    """
    if config.timeout_s is not None:
        yield f"time limit {config.timeout_s:g} s"
    if config.wait_for_ready:
        yield "the call waits until a server is ready"
    if config.retrying is not None:
        statuses = ", ".join(sorted(each.name for each in config.retrying.statuses))
        yield f"up to {config.retrying.max_attempts} attempts, after {statuses}"
    if config.hedging is not None:
        hedging = config.hedging
        yield f"up to {hedging.max_attempts} hedged attempts, one each {hedging.delay_s:g} s"
