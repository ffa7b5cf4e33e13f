"""
The options of a process as text, each with where it came from.

The value of a secret is not shown, nor that of an option that nobody here has declared: it could
be one. An option is declared as a secret; one whose name says so is one, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from rpcfw.admin.options import AdminOptions
from rpcfw.app.given_options import PLUGIN
from rpcfw.app.live_policies import LivePolicies
from rpcfw.app.options import AppOptions, InspectionOptions
from rpcfw.app.plan import Plan
from rpcfw.client.client_options import ClientOptions
from rpcfw.cluster.health.options import HealthOptions
from rpcfw.kernel.choice import Chosen
from rpcfw.kernel.ini import Given, SectionName
from rpcfw.kernel.settings import Sources
from rpcfw.server.options import ServerOptions
from rpcfw.spi.inspected_process import OptionValue
from rpcfw.spi.options import NO_DEFAULT, Declared, declared

__all__ = ["shown_options"]

_SECRET = re.compile(r"password|passwd|secret|token|credential|private", re.IGNORECASE)
_HIDDEN = "(secret)"
_DEFAULT = "default"
_COMMAND = "the command"
#: The sections whose options a command may have changed.
_OF_PROCESS = {
    "app": AppOptions,
    "server": ServerOptions,
    "inspection": InspectionOptions,
    "admin": AdminOptions,
}
_OF_CLIENT: dict[str, type] = {"client": ClientOptions, "health": HealthOptions, "app": AppOptions}


def shown_options(
    plan: Plan, policies: LivePolicies, called: Iterable[str]
) -> tuple[OptionValue, ...]:
    """
    Return the options that count now, by section.

    Args:
        plan: the configuration.
        policies: what was given at run time.
        called: names of the services that the process calls.
    """
    found: dict[tuple[str, str], OptionValue] = {}
    for each in (*_of_plugins(plan), *_configured(plan.sources), *_of_command(plan)):
        found[each.section, each.name] = each
    for service in dict.fromkeys(("", *plan.clients, *called)):
        for each in _given_later(policies, service):
            found[each.section, each.name] = each
    return tuple(sorted(found.values(), key=lambda each: each.section))


def _of_plugins(plan: Plan) -> Iterator[OptionValue]:
    """
    Yield the plugins that are chosen by default.
    """
    chosen: tuple[Chosen[Any] | None, ...] = (
        plan.registry,
        plan.rules,
        *plan.clients[""].chosen.values(),
    )
    for each in chosen:
        if each is not None and " " not in each.section:
            yield OptionValue(each.section, PLUGIN, each.name, _DEFAULT)


def _configured(sources: Sources) -> Iterator[OptionValue]:
    for place, options in sources.claimed.items():
        if PLUGIN in _values(sources, place):
            yield _shown(place.text, PLUGIN, sources.given(place.name, PLUGIN, place.qualifier))
        # What a section of a service does not have is that of all services.
        only_own = bool(place.qualifier) and SectionName(place.name) in sources.claimed
        for option in declared(options):
            if option.section or (only_own and option.name not in _values(sources, place)):
                continue
            given = sources.given(place.name, option.name, place.qualifier)
            yield _shown(place.text, option.name, given, option)


def _values(sources: Sources, place: SectionName) -> Iterable[str]:
    section = sources.sections.get(place)
    return () if section is None else section.values


def _of_command(plan: Plan) -> Iterator[OptionValue]:
    """
    Yield what the arguments of a command have changed.
    """
    for section, options in _OF_PROCESS.items():
        given: Any = plan.sources.section(section, options)
        used = plan.admin.options if section == "admin" else getattr(plan, section)
        for option in declared(options):
            value = getattr(used, option.name)
            if value != getattr(given, option.name):
                text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
                yield OptionValue(section, option.name, text, _COMMAND)


def _given_later(policies: LivePolicies, service: str) -> Iterator[OptionValue]:
    """
    Yield what rules and the program have given for a service; empty: for all.
    """
    shared = policies.sources("").sections if service else {}
    known = {name: each.options for name, each in policies.plan(service).sections.items()}
    for place, section in policies.sources(service).sections.items():
        options = _OF_CLIENT.get(place.text) or type(known.get(place.text))
        by_name = {} if options is type(None) else {one.name: one for one in declared(options)}
        for name, given in section.values.items():
            if place in shared and shared[place].values.get(name) == given:
                continue
            text = place.text
            if service:
                text = f"{text} for {service}" if place.qualifier else f"{text} {service}"
            option = by_name.get(name)
            if option is None and name != PLUGIN:
                yield OptionValue(text, name, _HIDDEN, str(given.origin))
            else:
                yield _shown(text, name, given, option)


def _shown(
    section: str, name: str, given: Given | None, option: Declared | None = None
) -> OptionValue:
    default = "" if option is None or option.default is NO_DEFAULT else option.default
    value = default if given is None else given.text
    value = "; ".join(value.splitlines())
    named_so = _SECRET.search(name) is not None and not name.endswith("_file")
    secret = named_so or (option is not None and option.secret)
    source = _DEFAULT if given is None else str(given.origin)
    return OptionValue(section, name, _HIDDEN if secret and value else value, source)
