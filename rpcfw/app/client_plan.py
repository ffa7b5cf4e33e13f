"""
What a configuration asks for of the calls to one service.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from attrs import evolve, frozen

from rpcfw.app.filter_choice import choose_filters
from rpcfw.client.client_options import ClientOptions
from rpcfw.client.policies import Policies
from rpcfw.client.service_config import read_service_config
from rpcfw.cluster.health.options import HealthOptions
from rpcfw.errors import SettingsError
from rpcfw.kernel.choice import Chooser, Chosen
from rpcfw.kernel.edits import Edits, Insert
from rpcfw.kernel.settings import Sources
from rpcfw.spi.attempts.strategy import AttemptStrategy
from rpcfw.spi.balancer import Balancer
from rpcfw.spi.breaker import Breaker
from rpcfw.spi.collector import Collector
from rpcfw.spi.credentials import Credentials
from rpcfw.spi.filter import Filter, Role
from rpcfw.spi.plugin import Plugin
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.spi.router import Router
from rpcfw.spi.runtime.files import read_regular
from rpcfw.values.service_config import ServiceConfig

__all__ = [
    "PER_METHOD",
    "ClientPlan",
    "choose_policies",
    "default_client_plan",
    "read_client_plan",
]

P = TypeVar("P", bound=Plugin)

#: Sections that a method may have of its own, as in ``[balancer demo.Shop/get]``.
PER_METHOD = ("attempts", "balancer")

#: ``[credentials SERVICE] plugin`` of a service that gets none, though others do.
_NO_CREDENTIALS = "none"

#: The option by which a balancer names its collectors.
_COLLECTORS = "collectors"


@frozen(eq=False)
class ClientPlan:
    """
    How one service is called.

    Args:
        method_balancers: by the name of the method that has its own.
        strategy: makes the attempts; None for the retry loop.
        method_strategies: by the name of the method that has its own.
        call: the edits of the call stack.
        attempt: the edits of the attempt stack.
        health: how the health of its nodes is found out.
    """

    options: ClientOptions
    balancer: Chosen[Balancer]
    retry: Chosen[RetryPolicy]
    routers: tuple[Chosen[Router], ...]
    call: Edits[Chosen[Filter]]
    attempt: Edits[Chosen[Filter]]
    config: ServiceConfig | None = None
    method_balancers: tuple[tuple[str, Chosen[Balancer]], ...] = ()
    strategy: Chosen[AttemptStrategy] | None = None
    method_strategies: tuple[tuple[str, Chosen[AttemptStrategy]], ...] = ()
    health: HealthOptions | None = None

    @property
    def chosen(self) -> dict[str, Chosen[Any]]:
        """
        The policies by the section that has their options, in the order of their start.

        A filter that is inserted at two places is one policy.
        """
        found: tuple[Chosen[Any], ...] = (
            self.balancer,
            *(each for _, each in self.method_balancers),
            *((self.strategy,) if self.strategy is not None else ()),
            *(each for _, each in self.method_strategies),
            self.retry,
            *self.routers,
            *(each for edits in (self.call, self.attempt) for _, each in edits.inserts),
        )
        return {each.section: each for each in found}

    @property
    def credentials(self) -> Edits[Chosen[Filter]]:
        """
        Those of the attempt stack's edits that add the credentials.
        """
        inserts = self.attempt.inserts
        return Edits(tuple(each for each in inserts if issubclass(each[1].plugin, Credentials)))

    @property
    def sections(self) -> dict[str, Chosen[Any]]:
        """
        The policies, and the parts of each, by the section that has their options.
        """
        parts = {part.section: part for each in self.chosen.values() for part in each.parts}
        return {**parts, **self.chosen}

    def using(self, chosen: Mapping[str, Chosen[Any]]) -> ClientPlan:
        """
        Return the same plan with other options.

        Args:
            chosen: all policies by their sections, as in `chosen`.
        """
        return evolve(self, **self._fields(chosen))

    def policies(self, plugins: Mapping[str, Plugin]) -> Policies:
        """
        Return the policies themselves.

        Args:
            plugins: made from `chosen`, by the same sections.
        """
        return Policies(plugins=plugins, config=self.config, **self._fields(plugins))

    def _fields(self, by_section: Mapping[str, Any]) -> dict[str, Any]:
        """
        Return the fields that hold policies, each with what is given for its section.
        """

        def of(chosen: Chosen[Any]) -> Any:
            return by_section[chosen.section]

        return {
            "balancer": of(self.balancer),
            "method_balancers": tuple((name, of(each)) for name, each in self.method_balancers),
            "strategy": None if self.strategy is None else of(self.strategy),
            "method_strategies": tuple((name, of(each)) for name, each in self.method_strategies),
            "retry": of(self.retry),
            "routers": tuple(map(of, self.routers)),
            "call": self.call.using(of),
            "attempt": self.attempt.using(of),
        }


def read_client_plan(sources: Sources, chooser: Chooser, service: str) -> ClientPlan | None:
    """
    Claim the sections of one service, empty for the plain ones.

    Returns:
        None if a policy cannot be had; that is among the mistakes then.
    """
    options = sources.section("client", ClientOptions, service)
    config = _service_config(sources, options.service_config, service)
    return choose_policies(sources, chooser, service, config)


def choose_policies(
    sources: Sources, chooser: Chooser, service: str, config: ServiceConfig | None
) -> ClientPlan | None:
    """
    Claim the sections of one service likewise, except for the file that ``[client]`` names.

    Args:
        config: what is in that file.
    """
    options = sources.section("client", ClientOptions, service)
    balancer = _balancer(chooser, service)
    retry = chooser.one(
        "rpcfw.retries",
        RetryPolicy,  # type: ignore[type-abstract]  # a seam
        "retry",
        "by_hints",
        qualifier=service,
        needed=True,
    )
    routers = chooser.several(
        "rpcfw.routers",
        Router,  # type: ignore[type-abstract]  # a seam
        options.routers or (),
        named_by=("client", "routers", service),
        section="router",
    )
    call, attempt = choose_filters(sources, chooser, ("client", service), options)
    attempt = _with_breaker(chooser, service, attempt)
    attempt = _with_credentials(sources, chooser, service, attempt)
    strategy = _strategy(chooser, service)
    method_balancers = _by_method(sources, service, "balancer", partial(_balancer, chooser))
    method_strategies = _by_method(sources, service, "attempts", partial(_strategy, chooser))
    health = sources.section("health", HealthOptions, service)
    if balancer is None or retry is None or strategy is None:
        return None
    return ClientPlan(
        options=options,
        balancer=balancer,
        retry=retry,
        routers=routers,
        call=call,
        attempt=attempt,
        config=config,
        method_balancers=method_balancers,
        strategy=strategy,
        method_strategies=method_strategies,
        health=health,
    )


@cache
def default_client_plan() -> ClientPlan:
    """
    Return how a service is called when nothing is configured.
    """
    sources = Sources.load()
    plan = read_client_plan(sources, Chooser(sources), "")
    if plan is None:
        sources.finish()  # raises why
        raise AssertionError("the default policies cannot be loaded")
    return plan


def _with_breaker(
    chooser: Chooser, service: str, attempt: Edits[Chosen[Filter]]
) -> Edits[Chosen[Filter]]:
    breaker: Chosen[Any] | None = chooser.one(
        "rpcfw.breakers", Breaker, "breaker", qualifier=service
    )
    if breaker is None:
        return attempt
    label = f"[breaker] {breaker.name}"
    return attempt.with_first(Insert(label, "after", Role.BREAKER.value), breaker)


def _with_credentials(
    sources: Sources, chooser: Chooser, service: str, attempt: Edits[Chosen[Filter]]
) -> Edits[Chosen[Filter]]:
    if sources.raw("credentials", "plugin", "", service) == _NO_CREDENTIALS:
        sources.leave_section("credentials", service)
        return attempt
    credentials: Chosen[Any] | None = chooser.one(
        "rpcfw.credentials",
        Credentials,
        "credentials",
        qualifier=service,
    )
    if credentials is None:
        return attempt
    label = f"[credentials] {credentials.name}"
    return attempt.with_first(Insert(label, "after", Role.CREDENTIALS.value), credentials)


def _balancer(chooser: Chooser, qualifier: str) -> Chosen[Balancer] | None:
    """
    Return a balancer, with the collectors that it names if it has such an option.
    """
    chosen = chooser.one(
        "rpcfw.balancers",
        Balancer,  # type: ignore[type-abstract]  # a seam
        "balancer",
        "weighted_random",
        qualifier=qualifier,
        needed=True,
    )
    if chosen is None:
        return None
    # Also without the option: a [collector NAME] is then a section that is not in use.
    collectors = chooser.several(
        "rpcfw.collectors",
        Collector,  # type: ignore[type-abstract]  # a seam
        getattr(chosen.options, _COLLECTORS, None) or (),
        named_by=("balancer", _COLLECTORS, qualifier),
        section="collector",
    )
    if not hasattr(chosen.options, _COLLECTORS):
        return chosen
    return evolve(chosen, parts=collectors, parts_key=_COLLECTORS)


def _strategy(chooser: Chooser, qualifier: str) -> Chosen[AttemptStrategy] | None:
    return chooser.one(
        "rpcfw.attempts",
        AttemptStrategy,  # type: ignore[type-abstract]  # a seam
        "attempts",
        "failover",
        qualifier=qualifier,
        needed=True,
    )


def _by_method(
    sources: Sources, service: str, section: str, choose: Callable[[str], Chosen[P] | None]
) -> tuple[tuple[str, Chosen[P]], ...]:
    """
    Return what methods of a service have of their own, as in ``[balancer demo.Shop/get]``.
    """
    found = []
    for qualifier in sources.qualifiers(section):
        owner, slash, method = qualifier.partition("/")
        if not slash or owner != service:
            continue
        if not owner or not method or "/" in method:
            reason = f"name a service and one of its methods, as [{section} demo.Shop/get]"
            sources.blame(section, "plugin", reason, qualifier)
        chosen = choose(qualifier)
        if chosen is not None:
            found.append((method, evolve(chosen, section=f"{section} {qualifier}")))
    return tuple(found)


def _service_config(sources: Sources, path: Path | None, service: str) -> ServiceConfig | None:
    if path is None:
        return None
    try:
        return read_service_config(read_regular(path))
    except OSError as error:
        reason = f"{path} cannot be read: {error.strerror}"
        sources.blame("client", "service_config", reason, service)
    except SettingsError as error:
        for mistake in error.mistakes:
            sources.blame("client", "service_config", f"{path}: {mistake}", service)
    return None
