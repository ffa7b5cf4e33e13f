"""
Documents ``KEY.configurators``: other parameters for providers, such as their weight.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from attrs import evolve, frozen

from rpcfw.values.instance import MAX_WEIGHT, Instance, check_instance
from rpcfw_dubbo_rules.fields import Fields, read_fields
from rpcfw_dubbo_rules.matches import (
    ANY_HOST,
    Fits,
    address_fits,
    check_address,
    is_at,
    one_of,
    parameters_fit,
)
from rpcfw_dubbo_rules.parameters import provider_parameter

__all__ = ["Configurators", "Side", "read_configurators"]

#: Hosts that mean every host.
_ANY = (ANY_HOST, "*")
#: Parameters that say how calls are made: a consumer of Dubbo takes them, this one does not.
_OF_CALLS = frozenset(("timeout", "retries", "loadbalance", "cluster", "mock", "sticky", "actives"))
_WEIGHT = re.compile(r"[0-9]{1,10}\Z")


@frozen
class Side:
    """
    Who reads a document.

    Args:
        name: ``provider`` or ``consumer``.
        application: its name.
        host: its address.
    """

    name: str
    application: str
    host: str


@frozen(eq=False)
class _Item:
    """
    One entry under ``configs``.
    """

    side: str
    addresses: tuple[str, ...]
    providers: tuple[str, ...]
    services: tuple[str, ...]
    applications: tuple[str, ...]
    match: Callable[[Side, Instance], bool]
    parameters: Mapping[str, str]

    def is_for(self, side: Side, instance: Instance) -> bool:
        if self.side != side.name:
            return False
        if side.name == "consumer":
            own = not self.addresses or any(one in (*_ANY, side.host) for one in self.addresses)
        else:
            own = _is_among(self.addresses, instance)
        return (
            own
            and _is_among(self.providers, instance)
            and (not self.services or _is_of(instance, self.services))
            and (not self.applications or side.application in self.applications)
            and self.match(side, instance)
        )


@frozen(eq=False)
class Configurators:
    """
    A document.

    Args:
        ignored: parameters that a consumer does not take, for people.
    """

    items: tuple[_Item, ...]
    ignored: tuple[str, ...] = ()

    def apply(self, side: Side, instance: Instance) -> Instance | None:
        """
        Return an instance with other parameters; None if it is disabled.
        """
        disabled = False
        for item in self.items:
            if item.is_for(side, instance):
                disabled = item.parameters.get("disabled", str(disabled)).lower() == "true"
                instance = _with(instance, item.parameters, side)
        return None if disabled else instance


def read_configurators(text: str) -> Configurators:
    """
    Read a document. One that is not enabled changes nothing.

    Raises:
        ValueError: it cannot be read.
    """
    fields = read_fields(text, "v3.0")
    enabled, key = fields.truth("enabled", default=True), fields.text("key")
    of_application = fields.text("scope") == "application"
    items = []
    for each in fields.each("configs"):
        on = each.truth("enabled", default=True) if "type" in each else enabled
        item = _item(each, () if of_application else (key,), (key,) if of_application else ())
        if on and (enabled or each.text("type") not in ("", "general")):
            items.append(item)
    consumers = [item for item in items if item.side == "consumer"]
    ignored = sorted({name for item in consumers for name in item.parameters} & _OF_CALLS)
    return Configurators(tuple(items), tuple(ignored))


def _item(fields: Fields, services: tuple[str, ...], applications: tuple[str, ...]) -> _Item:
    given = fields.inner("parameters")
    if given is None or not given.names:
        raise ValueError(f"{fields.where}parameters: expected at least one, as weight: 50")
    parameters = {name: given.text(name) for name in given.names}
    weight = parameters.get("weight", "0")
    if not (_WEIGHT.match(weight) and int(weight) <= MAX_WEIGHT):
        raise ValueError(f"{given.where}weight: expected 0 to {MAX_WEIGHT}, got {weight[:100]!r}")
    side = fields.text("side")
    if side not in ("provider", "consumer"):
        raise ValueError(f"{fields.where}side: expected provider or consumer, got {side[:100]!r}")
    match = fields.inner("match")
    return _Item(
        side,
        _addresses(fields, "addresses"),
        _addresses(fields, "providerAddresses"),
        tuple(one for one in fields.texts("services") or services if one not in ("", "*")),
        fields.texts("applications") or applications,
        (lambda side, instance: True) if match is None else _match(match),
        parameters,
    )


def _addresses(fields: Fields, name: str) -> tuple[str, ...]:
    addresses = fields.texts(name)
    for each in addresses:
        check_address(each, f"{fields.where}{name}: ")
    return addresses


def _match(fields: Fields) -> Callable[[Side, Instance], bool]:
    checks: list[Callable[[Side, Instance], bool]] = []
    readers: Mapping[str, tuple[Callable[[Fields], Fits], Callable[[Side, Instance], str]]] = {
        "address": (address_fits, _own_host),
        "providerAddress": (address_fits, lambda side, one: one.address.authority),
        "service": (one_of, lambda side, one: _service_key(one)),
        "app": (one_of, lambda side, one: side.application),
    }
    for name in fields.names:
        if name == "param":
            fit = parameters_fit(fields.each(name))
            checks.append(lambda side, one, fit=fit: fit(provider_parameter(one)))  # type: ignore[misc]  # bound
        elif name in readers:
            read, value_of = readers[name]
            inner = fields.inner(name)
            assert inner is not None
            checks.append(_check(read(inner), value_of))
        else:
            expected = ", ".join((*readers, "param"))
            raise ValueError(f"{fields.where}{name[:100]}: expected one of {expected}")
    return lambda side, instance: all(check(side, instance) for check in checks)


def _check(
    fits: Fits, value_of: Callable[[Side, Instance], str]
) -> Callable[[Side, Instance], bool]:
    return lambda side, instance: fits(value_of(side, instance))


def _own_host(side: Side, instance: Instance) -> str:
    return side.host if side.name == "consumer" else instance.address.host


def _is_among(addresses: tuple[str, ...], instance: Instance) -> bool:
    return not addresses or any(is_at(instance.address, each) for each in addresses)


def _is_of(instance: Instance, services: tuple[str, ...]) -> bool:
    colons = f"{instance.service}:{instance.version}:{instance.group}"
    return not {_service_key(instance), colons, colons.rstrip(":")}.isdisjoint(services)


def _service_key(instance: Instance) -> str:
    """
    Return the service as Dubbo writes it: ``GROUP/INTERFACE:VERSION``.
    """
    group = f"{instance.group}/" if instance.group else ""
    version = f":{instance.version}" if instance.version else ""
    return f"{group}{instance.service}{version}"


def _with(instance: Instance, parameters: Mapping[str, str], side: Side) -> Instance:
    """
    Return an instance with other parameters. One that no record can hold is left as it is.
    """
    tags = {
        name: value
        for name, value in parameters.items()
        if name not in ("weight", "disabled")
        and not (side.name == "consumer" and name in _OF_CALLS)
    }
    weight = int(parameters.get("weight", instance.weight))
    changed = evolve(instance, weight=weight, tags={**instance.tags, **tags})
    try:
        check_instance(changed)
    except ValueError:
        return instance
    return changed
