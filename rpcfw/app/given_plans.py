"""
What a configuration and the options that are given at run time come to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import evolve

from rpcfw.app.client_plan import ClientPlan
from rpcfw.app.given_options import GivenOptions
from rpcfw.app.plan import Plan
from rpcfw.client.client_options import ClientOptions
from rpcfw.errors import SettingsError
from rpcfw.kernel.changed_options import changed_options
from rpcfw.kernel.choice import Chosen
from rpcfw.kernel.ini import Given
from rpcfw.kernel.nearest import suggestion
from rpcfw.spi.filter import Filter

__all__ = ["CLIENT", "GivenPlans"]

#: The section of ``[client]``, and its options that can be replaced.
CLIENT = "client"
_LIVE_OPTIONS = ("timeout", "stream_timeout", "attempt_timeout")


class GivenPlans:
    """
    How services are called, and the filters of servers, with what is given.

    Args:
        plan: the configuration.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        #: The filters of servers as configured, by section.
        self.server_plan = {each.section: each for _, each in plan.server_filters}

    def known(self, service: str) -> dict[str, type]:
        """
        Return the sections that have options of a service, with the classes of those.
        """
        plans = [self._plan.client(service)] if service else self._plan.clients.values()
        known = {name: each for plan in plans for name, each in plan.sections.items()}
        if not service:
            known.update(self.server_plan)
        classes = {name: type(each.options) for name, each in known.items()}
        return {**classes, CLIENT: ClientOptions}

    def check_section(self, section: str, service: str) -> None:
        known = self.known(service)
        if section not in known:
            whose = f"of {service}" if service else "here"
            raise SettingsError(
                f"no policy {whose} has a section [{section}]; {suggestion(section, known)}"
            )

    def check(self, given: GivenOptions, service: str) -> None:
        """
        See that the options fit every service that has sections, whether it is called or not.
        """
        names = [service] if service else self._plan.clients
        mistakes: dict[str, None] = {}
        for name in names:
            try:
                self.client(given, name)
                self.server(given)
            except SettingsError as error:
                mistakes.update(dict.fromkeys(error.mistakes))
        if mistakes:
            raise SettingsError(*mistakes)

    def client(
        self, given: GivenOptions, service: str, now: ClientPlan | None = None
    ) -> ClientPlan:
        """
        Return how a service is called with what is given.

        Args:
            now: how it is called so far. What is as there is the same object.
        """
        configured = self._plan.client(service)
        now = now or configured
        known = now.chosen

        def texts_of(chosen: Chosen[Any]) -> Mapping[str, str]:
            return _texts(self.of(given, service, chosen))

        limits = _limits(configured, _texts(given.of(CLIENT, service)))
        changed = {
            section: _changed(chosen, texts_of, known[section])
            for section, chosen in configured.chosen.items()
        }
        same = all(chosen is known[section] for section, chosen in changed.items())
        if same and limits == now.options:
            return now
        return evolve(configured.using(changed), options=limits)

    def of(self, given: GivenOptions, service: str, chosen: Chosen[Any]) -> dict[str, Given]:
        """
        Return what is given for a policy of a service.
        """
        same = self._plan.clients[""].sections.get(chosen.section, chosen)
        return given.of(chosen.section, service, shared=same.plugin is chosen.plugin)

    def server(
        self, given: GivenOptions, now: Mapping[str, Chosen[Filter]] | None = None
    ) -> dict[str, Chosen[Filter]]:
        """
        Return the filters of servers, by section, with what is given.
        """

        def texts_of(chosen: Chosen[Any]) -> Mapping[str, str]:
            return _texts(given.of(chosen.section, ""))

        now = now or self.server_plan
        return {
            section: _changed(chosen, texts_of, now[section])
            for section, chosen in self.server_plan.items()
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


def _limits(plan: ClientPlan, texts: Mapping[str, str]) -> ClientOptions:
    """
    Return the options of ``[client]`` with what is given.
    """
    if not texts:
        return plan.options
    fixed = [key for key in texts if hasattr(plan.options, key) and key not in _LIVE_OPTIONS]
    if fixed:
        live = ", ".join(_LIVE_OPTIONS)
        raise SettingsError(
            *(f"[client] {key}: cannot change while a process runs; {live} can" for key in fixed)
        )
    return changed_options(plan.options, texts, "[client]")


def _texts(given: Mapping[str, Given]) -> dict[str, str]:
    return {key: each.text for key, each in given.items()}
