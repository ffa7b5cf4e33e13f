"""
What a configuration asks for of the calls to one service.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from rpcfw.app.filter_choice import choose_filters
from rpcfw.client.assembly import ClientOptions
from rpcfw.client.policies import Policies
from rpcfw.client.service_config import read_service_config
from rpcfw.errors import SettingsError
from rpcfw.kernel.choice import Chooser, Chosen
from rpcfw.kernel.edits import Edits, Insert
from rpcfw.kernel.settings import Sources
from rpcfw.spi.balancer import Balancer
from rpcfw.spi.breaker import Breaker
from rpcfw.spi.filter import Filter, Role
from rpcfw.spi.retry_policy import RetryPolicy
from rpcfw.spi.router import Router
from rpcfw.spi.runtime.files import read_regular
from rpcfw.values.service_config import ServiceConfig

__all__ = ["ClientPlan", "read_client_plan"]


@frozen(eq=False)
class ClientPlan:
    """
    How one service is called.

    Args:
        call: the edits of the call stack.
        attempt: the edits of the attempt stack.
    """

    options: ClientOptions
    balancer: Chosen[Balancer]
    retry: Chosen[RetryPolicy]
    routers: tuple[Chosen[Router], ...]
    call: Edits[Chosen[Filter]]
    attempt: Edits[Chosen[Filter]]
    config: ServiceConfig | None = None

    @property
    def chosen(self) -> Sequence[tuple[str, Chosen[Any]]]:
        """
        The policies, each with the section that has its options.
        """
        found: list[tuple[str, Chosen[Any]]] = []

        def note(section: str, chosen: Chosen[Any]) -> Chosen[Any]:
            found.append((section, chosen))
            return chosen

        self.using(note)
        return found

    def using(self, function: Callable[[str, Chosen[Any]], Chosen[Any]]) -> ClientPlan:
        """
        Return a plan with ``function(section, each)`` for each policy.
        """

        def changed(chosen: Chosen[Any]) -> Chosen[Any]:
            return function(chosen.section, chosen)

        return evolve(
            self,
            balancer=changed(self.balancer),
            retry=changed(self.retry),
            routers=tuple(map(changed, self.routers)),
            call=self.call.using(changed),
            attempt=self.attempt.using(changed),
        )

    def policies(self, make: Callable[[Chosen[Any]], Any]) -> Policies:
        """
        Return the policies themselves, each made once, in the order of `chosen`.
        """
        return Policies(
            balancer=make(self.balancer),
            retry=make(self.retry),
            routers=tuple(make(each) for each in self.routers),
            call=self.call.using(make),
            attempt=self.attempt.using(make),
            config=self.config,
        )


def read_client_plan(sources: Sources, chooser: Chooser, service: str) -> ClientPlan | None:
    """
    Claim the sections of one service, empty for the plain ones.

    Returns:
        None if a policy cannot be had; that is among the mistakes then.
    """
    options = sources.section("client", ClientOptions, service)
    balancer = chooser.one(
        "rpcfw.balancers",
        Balancer,  # type: ignore[type-abstract]  # a seam
        "balancer",
        "weighted_random",
        qualifier=service,
    )
    retry = chooser.one(
        "rpcfw.retries",
        RetryPolicy,  # type: ignore[type-abstract]  # a seam
        "retry",
        "by_hints",
        qualifier=service,
    )
    routers = chooser.several(
        "rpcfw.routers",
        Router,  # type: ignore[type-abstract]  # a seam
        options.routers or (),
        named_by=("client", "routers", service),
        section="router",
    )
    call, attempt = choose_filters(sources, chooser, ("client", service), options)
    breaker: Chosen[Any] | None = chooser.one(
        "rpcfw.breakers",
        Breaker,
        "breaker",
        qualifier=service,
    )
    if breaker is not None:
        label = f"[breaker] {breaker.name}"
        attempt = attempt.with_first(Insert(label, "after", Role.BREAKER.value), breaker)
    if balancer is None or retry is None:
        return None
    config = _service_config(sources, options.service_config, service)
    return ClientPlan(options, balancer, retry, routers, call, attempt, config)


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
