"""
Options of policies, replaced while calls go through them.

Theory of operation. The configuration stays what it was. What is given at run time lies
over it, key by key, by the program or by rules, in the order that `given_options` has. So
a replacement says all that is to differ from the configuration, and an empty one goes back
to it. How the new instances come into their places is in `rpcfw.kernel.live_plugins`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet.defer import DeferredLock

from rpcfw.app.client_plan import ClientPlan
from rpcfw.app.given_options import BY_PROGRAM, GivenOptions
from rpcfw.app.live_plans import CLIENT, HEALTH, LivePlans
from rpcfw.app.plan import Plan
from rpcfw.app.rules.mistakes import line_of, refuse_of_process, unused
from rpcfw.client.assembly import Client
from rpcfw.errors import SettingsError
from rpcfw.kernel.choice import Chosen
from rpcfw.kernel.ini import Layer, SectionName
from rpcfw.kernel.live_plugins import Replacement, replace_all
from rpcfw.kernel.settings import Sources
from rpcfw.server.server import Server
from rpcfw.spi.filter import Filter
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.waiting import run_detached

__all__ = ["LivePolicies"]


class LivePolicies:
    """
    The filters, balancers, attempt strategies, breakers, limiters, routers and retry policies.

    Args:
        plan: how they are configured.
        context: what they are made with.
        clients: gives those that were made so far.
        servers: those that were made so far.
    """

    def __init__(
        self,
        plan: Plan,
        context: PluginContext,
        clients: Callable[[], Iterable[Client]],
        servers: Iterable[Server],
    ) -> None:
        self._plan = plan
        self._context = context
        self._clients = clients
        self._servers = servers
        #: Called with the lowest level that is to be logged, when it changes.
        self.log_at: Callable[[str], None] = _ignore
        #: Called when other options, rules or another configuration are in use.
        self.changed: Callable[[], None] = lambda: None
        self._given = GivenOptions()
        #: By which plan each client's policies were made.
        self._plans: WeakKeyDictionary[Client, ClientPlan] = WeakKeyDictionary()
        self._plans_with = LivePlans(plan)
        #: What is in use now.
        self._process = self._plans_with.process_plan
        self._lock = DeferredLock()

    def plan(self, service: str) -> ClientPlan:
        """
        Return how a service is called now.
        """
        return self._plans_with.client(self._given, service)

    def note(self, client: Client, plan: ClientPlan) -> None:
        """
        Keep by which plan a client was made.
        """
        self._plans[client] = plan

    def plan_of(self, client: Client) -> ClientPlan:
        """
        Return by which plan the policies of a client were made.
        """
        return self._plans[client]

    def sources(self, service: str) -> Sources:
        """
        Return where the options of a service are given now.
        """
        return self._plans_with.sources(self._given, service)

    def is_current(self, client: Client) -> bool:
        """
        Tell whether a client is as of now.

        Another thread may have replaced options while it was made; then `refresh` is due.
        """
        plan = self._plans[client]
        return self._plans_with.client(self._given, client.service, plan) is plan

    def options(self, section: str, service: str = "") -> Any:
        """
        Return the options of a policy that are in use now.

        Args:
            section: as for `replace`.
            service: as calls to it are decided; empty for services without sections of
                their own, and for the server.

        Raises:
            SettingsError: there is no such section.
        """
        self._plans_with.check_section(self._given, section, service)
        if section in (CLIENT, HEALTH):
            plan = self.plan(service)
            return plan.options if section == CLIENT else plan.health
        found = self.plan(service).sections
        if not service:
            for each in self._plan.clients:  # some have sections that others have not
                found = {**self.plan(each).sections, **self._process.filters, **found}
        return found[section].options

    async def replace(self, section: str, options: Mapping[str, str], service: str = "") -> None:
        """
        Replace options of a policy, here or in ``rpcfw.blocking`` in the reactor's thread.

        Calls that begin afterwards go by the new options; those that have begun end as they
        began, except for a repeated attempt, which takes the attempt stack of its time.
        What the policy has learned is kept where it can be; see `Plugin.take_over`.

        Args:
            section: that has them in the INI: ``balancer``, ``attempts``, ``retry``, ``breaker``,
                ``collector NAME``, ``limiter NAME``, ``router NAME``, ``filter NAME``, or
                ``client`` for its time limits.
            options: all that are to differ from the configuration, as text like in the INI.
            service: only for calls to this one. Otherwise for all that use the plugin which
                the plain section names, and for a server that has the filter.

        Raises:
            SettingsError: an option or the section is unknown, or a value is wrong. Then
                nothing is replaced; so it is with any other error.
            PluginError: a plugin could not be made.
        """
        self._context.affinity.check("a replacement of options")
        await run_detached(self._replace(section, dict(options), service))

    async def follow(self, service: str, rules: Layer) -> None:
        """
        Put rules in use, in the place of those that were followed so far.

        Sections of policies that this process does not have are left out: they are for others.

        Args:
            service: whose they are; empty: of the application.

        Raises:
            SettingsError: an option is unknown, or a value is wrong. Then nothing changes.
            PluginError: a plugin could not be made.
        """

        def given() -> GivenOptions:
            later = self._given.by_rules(service, rules.sections)
            self._check(later, service, rules)
            return later

        await self._in_turn(given)

    def check(self, service: str, rules: Layer) -> None:
        """
        See that this process has all sections of rules, and that their options are right.

        Raises:
            SettingsError: with every mistake.
        """
        later = self._given.by_rules(service, rules.sections)
        plans = self._plans_with
        of_servers = plans.process_plan.filters if service else ()
        mistakes = [*unused(rules.sections, plans.known(later, service), of_servers)]
        try:
            self._check(later, service, rules)
        except SettingsError as error:
            mistakes += error.mistakes
        if mistakes:
            raise SettingsError(*sorted(mistakes, key=line_of))

    async def reconfigure(self, plan: Plan) -> None:
        """
        Put another configuration in use. What was given at run time stays over it.

        Args:
            plan: it; differs only in what can change while a process runs.

        Raises:
            SettingsError: what was given does not fit it. Then nothing changes.
            PluginError: a plugin could not be made.
        """
        self._context.affinity.check("a reload of the configuration")

        def given() -> GivenOptions:
            LivePlans(plan).check(self._given, "")
            return self._given

        await run_detached(self._in_turn(given, plan))

    async def refresh(self) -> None:
        """
        Bring clients up to date that were made while options were replaced.
        """
        await run_detached(self._in_turn(lambda: self._given))

    def _check(self, given: GivenOptions, service: str, rules: Layer) -> None:
        refuse_of_process(rules.sections, service)
        self._plans_with.check(given, service)

    async def _replace(self, section: str, options: dict[str, str], service: str) -> None:
        name = SectionName(*section.split(" ", 1))
        _check_texts(section, options)

        def given() -> GivenOptions:
            later = self._given.by_program(name, service, options)
            self._plans_with.check(later, service)
            self._plans_with.check_section(later, section, service)
            return later

        try:
            await self._in_turn(given)
        except SettingsError as error:
            # Who replaces knows the place.
            prefix = f"{BY_PROGRAM}: "
            raise SettingsError(*(one.removeprefix(prefix) for one in error.mistakes)) from error

    async def _in_turn(
        self, given: Callable[[], GivenOptions], configured: Plan | None = None
    ) -> None:
        """
        Put in use what is given, after the replacements that were asked for before.

        Args:
            configured: another configuration than so far.
        """
        await self._lock.acquire()
        try:
            later = given()
            plans_with = self._plans_with if configured is None else LivePlans(configured)
            process = plans_with.process(later, self._process)
            plans: dict[Client, ClientPlan] = {}
            servers = self._of_servers(process.filters)
            # While plugins are started, further services may be asked for.
            await replace_all(lambda: [*servers, *self._of_clients(plans_with, later, plans)])
            self._plans.update(plans)
            self._plan, self._plans_with = configured or self._plan, plans_with
            if process.log_level != self._process.log_level:
                self.log_at(process.log_level)
            is_other = configured is not None or later is not self._given
            self._process, self._given = process, later
        finally:
            self._lock.release()
        if is_other:
            self.changed()

    def _of_clients(
        self, plans_with: LivePlans, given: GivenOptions, plans: dict[Client, ClientPlan]
    ) -> Iterator[Replacement]:
        """
        Yield what brings clients up to date that are not in ``plans`` yet, and note them there.
        """
        for client in self._clients():
            old = self._plans[client]
            new = plans_with.client(given, client.service, old)
            if new is not old and client not in plans:
                plans[client] = new
                yield self._of_client(client, old.chosen, new)

    def _of_client(
        self, client: Client, old: Mapping[str, Chosen[Any]], new: ClientPlan
    ) -> Replacement:
        plugins = {
            section: client.policies.plugins[section]
            if chosen is old.get(section)
            else chosen.make(self._context)
            for section, chosen in new.chosen.items()
        }
        return client.replacement(new.policies(plugins), new.options, new.health)

    def _of_servers(self, filters: Mapping[str, Chosen[Filter]]) -> Iterator[Replacement]:
        sections = {edit: chosen.section for edit, chosen in self._plan.server_filters}
        for server in self._servers:
            by_section = {sections[edit]: filter for edit, filter in server.stack.filters}
            pairs = [
                (by_section[section], chosen.make(self._context))
                for section, chosen in filters.items()
                if chosen is not self._process.filters[section]
            ]
            if pairs:
                yield server.stack.replacement(pairs)


def _check_texts(section: str, options: Mapping[str, Any]) -> None:
    """
    See that all values are text.
    """
    wrong = {key: type(text).__name__ for key, text in options.items() if not isinstance(text, str)}
    if wrong:
        raise SettingsError(
            *(
                f"[{section}] {key}: expected text as in an INI file, got {kind}"
                for key, kind in wrong.items()
            )
        )


def _ignore(level: str) -> None:
    """
    Leave the log to the program.
    """
