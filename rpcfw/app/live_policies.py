"""
Options of policies, replaced while calls go through them.

Theory of operation. The configuration stays what it was. What is given at run time lies
over it, key by key: first what is given for all services, then what is given for one. So
a replacement says all that is to differ from the configuration, and an empty one goes back
to it. How the new instances come into their places is in `rpcfw.kernel.live_plugins`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from attrs import evolve
from twisted.internet.defer import DeferredLock

from rpcfw.app.client_plan import ClientPlan
from rpcfw.app.plan import Plan
from rpcfw.client.assembly import Client
from rpcfw.errors import SettingsError
from rpcfw.kernel.choice import Chosen
from rpcfw.kernel.live_plugins import Replacement, replace_all
from rpcfw.kernel.nearest import suggestion
from rpcfw.server.server import Server
from rpcfw.spi.filter import Filter
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.waiting import run_detached

__all__ = ["LivePolicies"]

#: What is given at run time: options as text, by section and service, empty for all.
_Given = Mapping[tuple[str, str], Mapping[str, str]]


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
        self._given: _Given = {}
        #: By which plan each client's policies were made.
        self._plans: WeakKeyDictionary[Client, ClientPlan] = WeakKeyDictionary()
        #: The filters of servers, by section, and those that are in use now.
        self._server_plan = {each.section: each for _, each in plan.server_filters}
        self._server_filters = self._server_plan
        self._lock = DeferredLock()

    def plan(self, service: str) -> ClientPlan:
        """
        Return how a service is called now.
        """
        return self._with(self._given, service)

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

    def given(self, service: str, chosen: Chosen[Any]) -> Mapping[str, str]:
        """
        Return the options of a policy of a service that were given at run time, as text.
        """
        return self._texts(self._given, service, chosen)

    def is_current(self, client: Client) -> bool:
        """
        Tell whether a client is as of now.

        Another thread may have replaced options while it was made; then `refresh` is due.
        """
        plan = self._plans[client]
        return self._with(self._given, client.service, plan) is plan

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
        self._check_section(section, service)
        found = self.plan(service).sections
        if not service:
            for each in self._plan.clients:  # some have sections that others have not
                found = {**self.plan(each).sections, **self._server_filters, **found}
        return found[section].options

    async def replace(self, section: str, options: Mapping[str, str], service: str = "") -> None:
        """
        Replace options of a policy, here or in ``rpcfw.blocking`` in the reactor's thread.

        Calls that begin afterwards go by the new options; those that have begun end as they
        began, except for a repeated attempt, which takes the attempt stack of its time.
        What the policy has learned is kept where it can be; see `Plugin.take_over`.

        Args:
            section: that has them in the INI: ``balancer``, ``attempts``, ``retry``, ``breaker``,
                ``collector NAME``, ``limiter NAME``, ``router NAME`` or ``filter NAME``.
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

    async def refresh(self) -> None:
        """
        Bring clients up to date that were made while options were replaced.
        """
        await run_detached(self._in_turn(lambda: self._given))

    async def _replace(self, section: str, options: dict[str, str], service: str) -> None:
        self._check_section(section, service)

        def given() -> _Given:
            later = {**self._given, (section, service): options}
            self._check(later, service)
            return later

        await self._in_turn(given)

    async def _in_turn(self, given: Callable[[], _Given]) -> None:
        """
        Put in use what is given, after the replacements that were asked for before.
        """
        await self._lock.acquire()
        try:
            later = given()
            filters = self._server_with(later)
            plans: dict[Client, ClientPlan] = {}
            servers = self._of_servers(filters)
            # While plugins are started, further services may be asked for.
            await replace_all(lambda: [*servers, *self._of_clients(later, plans)])
            self._plans.update(plans)
            self._server_filters, self._given = filters, later
        finally:
            self._lock.release()

    def _check_section(self, section: str, service: str) -> None:
        plans = [self._plan.client(service)] if service else self._plan.clients.values()
        known = {name for plan in plans for name in plan.sections}
        if not service:
            known |= self._server_plan.keys()
        if section not in known:
            whose = f"of {service}" if service else "here"
            raise SettingsError(
                f"no policy {whose} has a section [{section}]; {suggestion(section, known)}"
            )

    def _check(self, given: _Given, service: str) -> None:
        """
        See that the options fit every service that has sections, whether it is called or not.
        """
        names = [service] if service else self._plan.clients
        mistakes: dict[str, None] = {}
        for name in names:
            try:
                self._with(given, name)
                self._server_with(given)
            except SettingsError as error:
                mistakes.update(dict.fromkeys(error.mistakes))
        if mistakes:
            raise SettingsError(*mistakes)

    def _of_clients(self, given: _Given, plans: dict[Client, ClientPlan]) -> Iterator[Replacement]:
        """
        Yield what brings clients up to date that are not in ``plans`` yet, and note them there.
        """
        for client in self._clients():
            old = self._plans[client]
            new = self._with(given, client.service, old)
            if new is not old and client not in plans:
                plans[client] = new
                yield self._of_client(client, old.chosen, new)

    def _of_client(
        self, client: Client, old: Mapping[str, Chosen[Any]], new: ClientPlan
    ) -> Replacement:
        plugins = {
            section: client.policies.plugins[section]
            if chosen is old[section]
            else chosen.make(self._context)
            for section, chosen in new.chosen.items()
        }
        return client.replacement(new.policies(plugins))

    def _of_servers(self, filters: Mapping[str, Chosen[Filter]]) -> Iterator[Replacement]:
        sections = {edit: chosen.section for edit, chosen in self._plan.server_filters}
        for server in self._servers:
            by_section = {sections[edit]: filter for edit, filter in server.stack.filters}
            pairs = [
                (by_section[section], chosen.make(self._context))
                for section, chosen in filters.items()
                if chosen is not self._server_filters[section]
            ]
            if pairs:
                yield server.stack.replacement(pairs)

    # What a configuration and what is given come to.

    def _with(self, given: _Given, service: str, now: ClientPlan | None = None) -> ClientPlan:
        """
        Return how a service is called with what is given.

        Args:
            now: how it is called so far. What is as there is the same object.
        """
        configured = self._plan.client(service)
        now = now or configured
        known = now.chosen

        def texts_of(chosen: Chosen[Any]) -> Mapping[str, str]:
            return self._texts(given, service, chosen)

        changed = {
            section: _changed(chosen, texts_of, known[section])
            for section, chosen in configured.chosen.items()
        }
        if all(chosen is known[section] for section, chosen in changed.items()):
            return now
        return configured.using(changed)

    def _texts(self, given: _Given, service: str, chosen: Chosen[Any]) -> Mapping[str, str]:
        """
        Return what is given for a policy of a service.
        """
        section, texts = chosen.section, dict[str, str]()
        same = self._plan.clients[""].sections.get(section, chosen)
        if same.plugin is chosen.plugin:
            texts.update(given.get((section, ""), {}))
        if service:
            texts.update(given.get((section, service), {}))
        return texts

    def _server_with(self, given: _Given) -> dict[str, Chosen[Filter]]:
        """
        Return the filters of servers, by section, with what is given.
        """

        def texts_of(chosen: Chosen[Any]) -> Mapping[str, str]:
            return given.get((chosen.section, ""), {})

        return {
            section: _changed(chosen, texts_of, self._server_filters[section])
            for section, chosen in self._server_plan.items()
        }


def _changed(
    chosen: Chosen[Any], texts_of: Callable[[Chosen[Any]], Mapping[str, str]], known: Chosen[Any]
) -> Chosen[Any]:
    """
    Return a plugin with other options; the very object that is known if they are the same.

    A plugin is another one, too, if one of its parts is.
    """
    texts = texts_of(chosen)
    changed = chosen.with_options(texts) if texts else chosen
    both = zip(chosen.parts, known.parts, strict=True)
    parts = tuple(_changed(part, texts_of, before) for part, before in both)
    same_parts = all(new is old for new, old in zip(parts, known.parts, strict=True))
    if same_parts and changed.options == known.options:
        return known
    return evolve(changed, parts=parts)
