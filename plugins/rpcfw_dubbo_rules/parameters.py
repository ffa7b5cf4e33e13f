"""
The parameters of a provider or a consumer, by the names that they have in URLs of Dubbo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rpcfw.values.instance import Instance

__all__ = ["TAG", "Parameter", "consumer_parameter", "provider_parameter"]

#: Returns a parameter; None if there is none.
Parameter = Callable[[str], "str | None"]

#: The parameter with the tag of a provider, and the attachment with that of a call.
TAG = "dubbo.tag"

_FACTS: Mapping[str, Callable[[Instance], str]] = {
    "host": lambda one: one.address.host,
    "port": lambda one: str(one.address.port),
    "address": lambda one: one.address.authority,
    "application": lambda one: one.application,
    "remote.application": lambda one: one.application,
    "interface": lambda one: one.service,
    "path": lambda one: one.service,
    "version": lambda one: one.version,
    "group": lambda one: one.group,
    "zone": lambda one: one.zone,
    "weight": lambda one: str(one.weight),
    "timestamp": lambda one: f"{one.started_at * 1000:.0f}",
    "protocol": lambda one: one.protocols[0] if one.protocols else "",
}


def provider_parameter(instance: Instance) -> Parameter:
    """
    Return what gives the parameters of an instance.
    """

    def parameter(name: str) -> str | None:
        fact = _FACTS.get(name)
        return instance.tags.get(name) if fact is None else fact(instance) or None

    return parameter


def consumer_parameter(application: str, host: str, service: str) -> Parameter:
    """
    Return what gives the parameters of this process as a consumer of a service.
    """
    facts = {
        "application": application,
        "host": host,
        "interface": service,
        "path": service,
        "protocol": "consumer",
        "side": "consumer",
    }
    return lambda name: facts.get(name) or None
