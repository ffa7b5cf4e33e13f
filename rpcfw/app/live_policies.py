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

from twisted.internet.defer import DeferredLock

from rpcfw.app.client_plan import ClientPlan
from rpcfw.app.plan import Plan
from rpcfw.client.assembly import Client
from rpcfw.errors import SettingsError
from rpcfw.kernel.choice import Chosen
from rpcfw.kernel.edits import Insert
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
    The filters, balancers, breakers, limiters, routers and retry policies of one application.

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
        self._server_filters = plan.server_filters
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
        found = [*self.plan(service).chosen]
        if not service:
            found += [(each.section, each) for _, each in self._server_filters]
            # Last, what only services with sections of their own have.
            found += [pair for name in self._plan.clients for pair in self.plan(name).chosen]
        return next(each.options for name, each in found if name == section)

    async def replace(self, section: str, options: Mapping[str, str], service: str = "") -> None:
        """
        Replace options of a policy, here or in ``rpcfw.blocking`` in the reactor's thread.

        Calls that begin afterwards go by the new options; those that have begun end as they
        began, except for a repeated attempt, which takes the attempt stack of its time.
        What the policy has learned is kept where it can be; see `Plugin.take_over`.

        Args:
            section: that has them in the INI: ``balancer``, ``retry``, ``breaker``,
                ``limiter NAME``, ``router NAME`` or ``filter NAME``.
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
            # While plugins are started, further services may be asked for.
            while outdated := list(self._outdated(later)):
                await replace_all([each for each, _ in outdated])
                for _, note in outdated:
                    note()
            self._given = later
        finally:
            self._lock.release()

    def _check_section(self, section: str, service: str) -> None:
        plans = [self._plan.client(service)] if service else self._plan.clients.values()
        known = {name for plan in plans for name, _ in plan.chosen}
        if not service:
            known |= {chosen.section for _, chosen in self._plan.server_filters}
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

    def _outdated(self, given: _Given) -> Iterator[tuple[Replacement, Callable[[], None]]]:
        """
        Yield what puts new policies into clients and servers, and what notes that it did.
        """
        for client in self._clients():
            old = self._plans[client]
            new = self._with(given, client.service, old)
            if new is not old:
                yield self._of_client(client, old, new)
        filters = self._server_with(given)
        if any(one is not other for (_, one), (_, other) in self._both(filters)):
            yield from self._of_servers(filters)

    def _of_client(
        self, client: Client, old: ClientPlan, new: ClientPlan
    ) -> tuple[Replacement, Callable[[], None]]:
        before = iter(zip(old.chosen, client.policies.plugins, strict=True))

        def made(chosen: Chosen[Any]) -> Any:
            (_, known), plugin = next(before)
            return plugin if chosen is known else chosen.make(self._context)

        def note() -> None:
            self._plans[client] = new

        return client.replacement(new.policies(made)), note

    def _of_servers(
        self, filters: tuple[tuple[Insert, Chosen[Filter]], ...]
    ) -> Iterator[tuple[Replacement, Callable[[], None]]]:
        changed = [one is not other for (_, one), (_, other) in self._both(filters)]

        def note() -> None:
            self._server_filters = filters

        for server in self._servers:
            made = [
                (edit, chosen.make(self._context) if is_new else filter)
                for is_new, (edit, chosen), (_, filter) in zip(
                    changed, filters, server.stack.filters, strict=True
                )
            ]
            yield server.stack.replacement(made), note

    # What a configuration and what is given come to.

    def _with(self, given: _Given, service: str, now: ClientPlan | None = None) -> ClientPlan:
        """
        Return how a service is called with what is given.

        Args:
            now: how it is called so far. What is as there is the same object.
        """
        configured = self._plan.client(service)
        before = iter((now or configured).chosen)
        plain = dict(self._plan.clients[""].chosen)

        def changed(section: str, chosen: Chosen[Any]) -> Chosen[Any]:
            _, known = next(before)
            texts: dict[str, str] = {}
            same = plain.get(section, chosen)
            if same.plugin is chosen.plugin:
                texts.update(given.get((section, ""), {}))
            if service:
                texts.update(given.get((section, service), {}))
            return _changed(section, chosen, texts, known)

        plan = configured.using(changed)
        pairs = zip(plan.chosen, (now or configured).chosen, strict=True)
        return plan if any(a is not b for (_, a), (_, b) in pairs) else now or configured

    def _server_with(self, given: _Given) -> tuple[tuple[Insert, Chosen[Filter]], ...]:
        pairs = self._both(self._plan.server_filters)
        return tuple(
            (edit, _changed(section, chosen, given.get((section, ""), {}), known))
            for (edit, chosen), (_, known) in pairs
            for section in [chosen.section]
        )

    def _both(self, filters: tuple[tuple[Insert, Chosen[Filter]], ...]) -> Iterable[Any]:
        return zip(filters, self._server_filters, strict=True)


def _changed(
    section: str, chosen: Chosen[Any], texts: Mapping[str, str], known: Chosen[Any]
) -> Chosen[Any]:
    """
    Return a plugin with other options; the very object that is known if they are the same.
    """
    changed = chosen.with_options(texts, section) if texts else chosen
    return known if changed.options == known.options else changed
