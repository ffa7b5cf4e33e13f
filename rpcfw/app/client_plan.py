"""
What a configuration asks for of the calls to one service.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
        method_balancers: by the name of the method that has its own.
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
    method_balancers: tuple[tuple[str, Chosen[Balancer]], ...] = ()

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
            method_balancers=tuple((name, changed(each)) for name, each in self.method_balancers),
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
            method_balancers=tuple((name, make(each)) for name, each in self.method_balancers),
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
    balancer = _balancer(chooser, service)
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
    methods = tuple(_method_balancers(sources, chooser, service))
    if balancer is None or retry is None:
        return None
    config = _service_config(sources, options.service_config, service)
    return ClientPlan(options, balancer, retry, routers, call, attempt, config, methods)


def _balancer(chooser: Chooser, qualifier: str) -> Chosen[Balancer] | None:
    return chooser.one(
        "rpcfw.balancers",
        Balancer,  # type: ignore[type-abstract]  # a seam
        "balancer",
        "weighted_random",
        qualifier=qualifier,
    )


def _method_balancers(
    sources: Sources, chooser: Chooser, service: str
) -> Iterator[tuple[str, Chosen[Balancer]]]:
    """
    Yield the balancers of methods, as in ``[balancer demo.Shop/get]``.
    """
    for qualifier in sources.qualifiers("balancer"):
        owner, slash, method = qualifier.partition("/")
        if not slash or owner != service:
            continue
        if not owner or not method or "/" in method:
            reason = "name a service and one of its methods, as [balancer demo.Shop/get]"
            sources.blame("balancer", "plugin", reason, qualifier)
        chosen = _balancer(chooser, qualifier)
        if chosen is not None:
            yield method, evolve(chosen, section=f"balancer {qualifier}")


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
