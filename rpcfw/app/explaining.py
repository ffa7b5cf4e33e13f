"""
What would become of a call, with the sections and lines of the configuration that decide it.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from math import isinf
from typing import Any

import msgspec
from attrs import evolve

from rpcfw.app.explained_instances import explained_instances
from rpcfw.app.explained_policies import PolicyTexts
from rpcfw.app.live_policies import LivePolicies
from rpcfw.app.plan import Plan
from rpcfw.app.rules.follower import RuleFollower
from rpcfw.client.assembly import Client
from rpcfw.client.explained_call import ExplainedCall
from rpcfw.client.stub import calling_method
from rpcfw.cluster.route_explained import ExplainedRoute
from rpcfw.errors import DeadlineExceeded
from rpcfw.kernel.nearest import suggestion
from rpcfw.spi.balancer import Shares
from rpcfw.spi.channel import Channel
from rpcfw.spi.runtime.waiting import with_deadline
from rpcfw.transport.runtime import Runtime
from rpcfw.values.call_options import NO_CALL_OPTIONS, CallOptions
from rpcfw.values.explanation import (
    ExplainedPolicy,
    ExplainedRouter,
    Explanation,
)
from rpcfw.values.method import Method
from rpcfw.values.node_health import NodeHealth

__all__ = ["Explainer"]

_UNKNOWN = Shares({}, exact=False, note="the balancer does not say how it spreads calls")
#: Kinds of policies that have a place of their own in an explanation.
_APART = ("router", "balancer")
#: So many methods are named in a note.
_MAX_NAMED = 100


class Explainer:
    """
    Explains the calls of one application.

    Args:
        plan: tells where options are given.
        policies: what is decided by now.
        client: gives the client of a service.
        runtime: has the codecs, and the clock that deadlines are on.
        follower: follows the rules, if there are any.
    """

    def __init__(
        self,
        plan: Plan,
        policies: LivePolicies,
        client: Callable[[str], Client],
        runtime: Runtime,
        follower: RuleFollower | None,
    ) -> None:
        self._plan = plan
        self._policies = policies
        self._client = client
        self._timers = runtime.timers
        self._payload = runtime.payload
        self._follower = follower

    def asked(self, method: Any, *arguments: Any, **named: Any) -> Coroutine[Any, Any, Explanation]:
        """
        Explain the call that a caller with these arguments would make.

        Args:
            method: see `Application.explain`.
        """
        channel = _AskingChannel(self._when_known)
        if isinstance(method, Method):
            return channel.call(method, *arguments, **named)
        asked: Coroutine[Any, Any, Explanation] = calling_method(method, lambda _: channel)(
            *arguments, **named
        )
        return asked

    async def _when_known(self, method: Method, request: Any, options: CallOptions) -> Explanation:
        """
        Explain a call once the instances of its service are known, as it would wait itself.
        """
        client = self._client(method.service)
        deadline = client.channel.begin(method, request, options).deadline
        with suppress(DeadlineExceeded):  # the explanation says why they are not known
            await with_deadline(self._known(client), self._timers, deadline)
        return self.explain(client, method, request, options)

    async def _known(self, client: Client) -> None:
        await client.first_list()
        if self._follower is not None:
            await self._follower.first(client.service)

    def explain_named(
        self, client: Client, method: Method, request: Any, options: CallOptions
    ) -> Explanation:
        """
        Explain a call of a method of which only the name is known, and its request as JSON.

        If such a method was called before, its types and marks are known.

        Raises:
            CallError: the request does not fit its type.
        """
        known = {each.name: each for each in client.metrics.methods}
        called = known.get(method.name)
        if called is not None:
            request = self._decoded(called, request)
            return self.explain(client, called, request, options)
        found = self.explain(client, method, request, options)
        near = suggestion(method.name, sorted(known)[:_MAX_NAMED])
        note = f"this process has not called {method.path} yet; {near}"
        return evolve(found, note="; ".join(filter(None, (note, found.note))))

    def _decoded(self, method: Method, request: Any) -> Any:
        if method.shape.client_streams or method.request_type is Any:
            return request
        coder = self._payload.coder("json", method.request_type)
        return self._payload.read(coder, msgspec.json.encode(request), "", "the request")

    def explain(
        self, client: Client, method: Method, request: Any, options: CallOptions
    ) -> Explanation:
        """
        Return what would become of a call now. None is made, and nothing is changed.
        """
        found = client.explain(method, request, options)
        route = found.route
        texts = PolicyTexts(self._policies, client, found.call)
        policies = texts.by_section()
        sections = {id(plugin): name for name, plugin in client.policies.plugins.items()}
        routers = [
            ExplainedRouter(
                evolve(policies[sections[id(step.router)]], says=step.reasons.step),
                len(step.before),
                len(step.after),
            )
            for step in route.steps
        ]
        shares = route.shares or _UNKNOWN
        balancer = sections[id(route.balancer)]
        return Explanation(
            service=method.service,
            method=method.name,
            caller=self._plan.app.name,
            timeout_s=None if isinf(found.timeout_s) else found.timeout_s,
            error=found.error,
            instances=tuple(explained_instances(found, [one.policy for one in routers])),
            routers=tuple(routers),
            balancer=policies[balancer],
            shares_exact=shares.exact,
            shares_note=shares.note if route.usable else "",
            note="; ".join((*_rule_notes(client), *_notes(found))),
            policies=(*texts.of_client(), *texts.parts(balancer), *_others(policies, method)),
        )


def _others(policies: Mapping[str, ExplainedPolicy], method: Method) -> Iterator[ExplainedPolicy]:
    """
    Yield the policies that decide about a method and have no place of their own.
    """
    for section, policy in policies.items():
        own = f"{policy.kind} {method.path}"
        of_method = section == own if "/" in section else own not in policies
        if of_method and policy.kind not in _APART:
            yield policy


def _rule_notes(client: Client) -> Iterator[str]:
    """
    Yield what rules have changed of the instances.
    """
    instances = client.instances
    changed = (
        (instances.disabled, "disabled"),
        (instances.offline, "offline"),
        (instances.weighted, "weighted"),
    )
    for ids, what in changed:
        if ids:
            more = ", ..." if len(ids) > _MAX_NAMED else ""
            yield f"{what} by {instances.place}: {', '.join(ids[:_MAX_NAMED])}{more}"


def _notes(found: ExplainedCall) -> Iterator[str]:
    """
    Yield what the shares do not show.
    """
    usable = found.route.usable
    sick = [node for node in usable if node.health is not NodeHealth.HEALTHY]
    if sick and len(sick) == len(usable):
        yield "no instance is healthy, so all are used"
    elif sick:
        yield f"too few instances are healthy, so {len(sick)} others are used, too"
    refusing = [node for node in usable if node in found.refusing]
    if refusing:
        where = f"{len(refusing)} of {len(usable)} candidates"
        yield f"breakers refuse the call at {where}; {_then(found.route, len(refusing))}"


def _then(route: ExplainedRoute, refusing: int) -> str:
    """
    Return what becomes of a call that so many candidates refuse.
    """
    if refusing < len(route.usable):
        return "a call takes another one then"
    if any(node.weight for node in set(route.left).difference(route.usable)):
        return "a call fails, unless one of the instances takes it that are no candidates"
    return "a call fails"


class _AskingChannel(Channel):
    """
    Explains the calls that it is given, so that arguments are checked as they always are.
    """

    def __init__(self, explain: Callable[..., Coroutine[Any, Any, Explanation]]) -> None:
        self._explain = explain

    def call(
        self, method: Method, request: Any, options: CallOptions = NO_CALL_OPTIONS
    ) -> Coroutine[Any, Any, Any]:
        return self._explain(method, request, options)

    def stream(
        self, method: Method, request: Any = None, options: CallOptions = NO_CALL_OPTIONS
    ) -> Any:
        return self._explain(method, request, options)

    async def close(self) -> None:
        pass
