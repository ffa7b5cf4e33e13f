"""
What a configuration and the options that are given at run time come to.

A plan is read again, by the code that reads the configuration at the start, from what is
given over the configuration. What comes out as it was is the same object as before, so
that its plugin stays in use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from attrs import evolve, frozen

from rpcfw.app.client_plan import PER_METHOD, ClientPlan, choose_policies
from rpcfw.app.filter_choice import choose_server_filters
from rpcfw.app.given_options import PLUGIN, GivenOptions, Sections
from rpcfw.app.options import AppOptions
from rpcfw.app.plan import Plan
from rpcfw.app.rules.mistakes import private, refuse_protected
from rpcfw.client.client_options import ClientOptions
from rpcfw.cluster.health.options import HealthOptions
from rpcfw.errors import SettingsError
from rpcfw.kernel.choice import Chosen
from rpcfw.kernel.ini import MAX_MISTAKES, Layer, SectionName
from rpcfw.kernel.nearest import suggestion
from rpcfw.kernel.overlay import Overlay
from rpcfw.spi.filter import Filter
from rpcfw.spi.options import declared
from rpcfw.spi.plugin import Plugin

__all__ = ["CLIENT", "HEALTH", "LIVE_OPTIONS", "LivePlans", "ProcessPlan"]

P = TypeVar("P", bound=Plugin)

#: Sections without a plugin, and their options that can be replaced.
APP, CLIENT, HEALTH = "app", "client", "health"
LIVE_OPTIONS = {
    CLIENT: (
        "timeout",
        "stream_timeout",
        "attempt_timeout",
        "routers",
        "limiters",
        "insert",
        "remove",
    ),
    APP: ("log_level",),
}
_OPTIONS = {APP: AppOptions, CLIENT: ClientOptions, HEALTH: HealthOptions}


#: What a plan was read from; see `GivenOptions.concerns`.
_Concerns = tuple[Sections | None, ...]


@frozen(eq=False)
class ProcessPlan:
    """
    What is decided for a process, whatever it calls.

    Args:
        filters: of its servers, by section.
        log_level: the lowest level that is logged.
    """

    filters: Mapping[str, Chosen[Filter]]
    log_level: str


class LivePlans:
    """
    How services are called, and the filters of servers, with what is given.

    Args:
        plan: the configuration.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        #: What was read last for each service, and from what.
        self._known: dict[str, tuple[_Concerns, tuple[Overlay, ClientPlan]]] = {}
        filters = {each.section: each for _, each in plan.server_filters}
        #: The process as it is configured.
        self.process_plan = ProcessPlan(filters, plan.app.log_level)

    def known(self, given: GivenOptions, service: str) -> dict[str, type]:
        """
        Return the sections that have options of a service, with the classes of those.
        """
        names = [service] if service else self._names(given)
        plans = [self._last_read(given, name)[1] for name in names]
        known = {name: each for plan in plans for name, each in plan.sections.items()}
        if not service:
            known.update(self.process_plan.filters)
        classes = {name: type(each.options) for name, each in known.items()}
        own = {name: each for name, each in _OPTIONS.items() if not service or name != APP}
        return {**classes, **own}

    def check_section(self, given: GivenOptions, section: str, service: str) -> None:
        """
        See that a section has options here.

        Raises:
            SettingsError: it has none.
        """
        known = self.known(given, service)
        if section not in known:
            whose = f"of {service}" if service else "here"
            raise SettingsError(
                f"no policy {whose} has a section [{section}]; {suggestion(section, known)}"
            )

    def check(self, given: GivenOptions, service: str) -> None:
        """
        See that the options fit every service that has sections, whether it is called or not.

        Raises:
            SettingsError: with every mistake.
        """
        mistakes = dict.fromkeys(_mistakes_of(partial(self.process, given)))
        for name in [service] if service else self._names(given):
            mistakes.update(dict.fromkeys(_mistakes_of(partial(self.client, given, name))))
            if len(mistakes) >= MAX_MISTAKES:
                break
        if mistakes:
            raise SettingsError(*mistakes)

    def client(
        self, given: GivenOptions, service: str, now: ClientPlan | None = None
    ) -> ClientPlan:
        """
        Return how a service is called with what is given.

        Args:
            now: how it is called so far. What is as there is the same object.

        Raises:
            SettingsError: with every mistake in what is given.
        """
        sources, plan = self._last_read(given, service)
        sources.finish()
        return _kept(plan, now or self._plan.client(service))

    def _last_read(self, given: GivenOptions, service: str) -> tuple[Overlay, ClientPlan]:
        """
        Return what `_read` does; what it has returned for the same already, if it has.
        """
        if service not in self._plan.clients and not given.is_given_for(service):
            service = ""  # one plan for all of them
        concerns = given.concerns(service)
        known = self._known.get(service)
        if known is None or any(a is not b for a, b in zip(known[0], concerns, strict=True)):
            known = self._known[service] = concerns, self._read(given, service)
        return known[1]

    def _read(self, given: GivenOptions, service: str) -> tuple[Overlay, ClientPlan]:
        """
        Return how a service is called, and where mistakes are noted.
        """
        configured = self._plan.client(service)
        sources = self.sources(given, service)
        if sources.is_empty:
            return sources, configured
        chooser = self._plan.chooser.reading(sources)
        chosen = choose_policies(sources, chooser, service, configured.config)
        plan = chosen or configured
        refuse_protected(
            sources,
            sources.sections,
            configured.chosen.values(),
            plan.chosen.values(),
            plan.options.remove or (),
        )
        used = {CLIENT, HEALTH, *plan.sections}
        # A section that switches a plugin off is used, too; that of a method of others is not.
        sources.leave_unused(
            lambda name, each: (
                name.text in used or (PLUGIN in each.values and "/" not in name.qualifier)
            )
        )
        return sources, plan

    def sources(self, given: GivenOptions, service: str) -> Overlay:
        """
        Return where a service finds its options with what is given.
        """
        plain, own = self._plan.clients[""].sections, self._plan.client(service).sections

        def configured(name: SectionName) -> str:
            # A method that has no section of its own has that of all services.
            chosen = own.get(name.text) or plain.get(name.name)
            return "" if chosen is None else chosen.name

        def is_shared(name: SectionName) -> bool:
            of_all, of_service = plain.get(name.text), own.get(name.text)
            both = of_all is not None and of_service is not None
            return not both or of_all.plugin is of_service.plugin  # type: ignore[union-attr]

        layer, anew = given.over(service, configured, is_shared)
        _refuse_fixed(layer)
        return Overlay(self._plan.sources, layer, service, anew, private)

    def process(self, given: GivenOptions, now: ProcessPlan | None = None) -> ProcessPlan:
        """
        Return what is decided for the process with what is given.

        Args:
            now: what is so far. What is as there is the same object.

        Raises:
            SettingsError: with every mistake in what is given.
        """
        before = (now or self.process_plan).filters
        layer, _ = given.over("", lambda _: "", lambda _: True)
        _refuse_fixed(layer)
        sources = Overlay(self._plan.sources, layer, "", (), private)
        edits = choose_server_filters(
            sources, self._plan.chooser.reading(sources), self._plan.server
        )
        refuse_protected(sources, sources.sections, (), (each for _, each in edits.inserts))
        app = self._plan.app
        if SectionName(APP) in layer.sections:
            app = sources.section(APP, AppOptions)
        used = {APP, *self.process_plan.filters}
        sources.leave_unused(lambda name, _: name.text in used)
        sources.finish()
        chosen = {each.section: each for _, each in edits.inserts}
        filters = {section: _same_or(each, before.get(section)) for section, each in chosen.items()}
        return ProcessPlan(filters, app.log_level)

    def _names(self, given: GivenOptions) -> Iterable[str]:
        """
        Return the services that something is given for or configured for, and the empty name.
        """
        shared = [*given.program.get("", ()), *given.rules.get("", ())]
        methods = [name.qualifier for name in shared if name.name in PER_METHOD]
        owners = [each.partition("/")[0] for each in methods if "/" in each]
        return dict.fromkeys((*self._plan.clients, *owners))


def _mistakes_of(read: Callable[[], object]) -> tuple[str, ...]:
    try:
        read()
    except SettingsError as error:
        return error.mistakes
    return ()


def _refuse_fixed(layer: Layer) -> None:
    """
    Note the options that cannot change.
    """
    for name, live in LIVE_OPTIONS.items():
        section = layer.sections.get(SectionName(name))
        fixed = {each.name for each in declared(_OPTIONS[name])}.difference(live)
        for key, given in () if section is None else section.values.items():
            if key in fixed:
                reason = f"cannot change while a process runs; {', '.join(live)} can"
                layer.blame(given.origin, f"[{name}] {key}: {reason}")


def _kept(new: ClientPlan, old: ClientPlan) -> ClientPlan:
    """
    Return a plan with what it has in common with another one; that itself if it is the same.
    """
    before = old.chosen
    chosen = {section: _same_or(each, before.get(section)) for section, each in new.chosen.items()}
    same = [*chosen] == [*before] and all(each is before[key] for key, each in chosen.items())
    if same and _outline(new) == _outline(old):
        return old
    # The file of a service config is read again by a reload, but calls go by what it held before.
    kept: ClientPlan = evolve(new.using(chosen), config=old.config)
    return kept


def _outline(plan: ClientPlan) -> tuple[Any, ...]:
    """
    Return what a plan has besides its plugins.
    """
    return plan.options, plan.health, plan.call.outline, plan.attempt.outline


def _same_or(new: Chosen[P], old: Chosen[P] | None) -> Chosen[P]:
    """
    Return the old choice if the new one is the same.
    """
    return old if old is not None and _is_same(new, old) else new


def _is_same(new: Chosen[Any], old: Chosen[Any]) -> bool:
    return (
        new.name == old.name
        and new.plugin is old.plugin
        and new.options == old.options
        and len(new.parts) == len(old.parts)
        and all(map(_is_same, new.parts, old.parts))
    )
