"""
The router that follows Dubbo's tag and condition rules.

Theory of operation. Documents are found by what the instances say of themselves: the tags and
conditions of their application, and the conditions of the service with their version and
group. The conditions of this process's own application are for all instances. A document is
followed from the first call on for which there is such an instance. The registry follows it since
it has passed on that instance, so it is known at once. The order is Dubbo's: tags, the service, the
application of the provider, that of the consumer.

The key of a call is its tag and the rules that hold for it, so that calls with other
arguments and the same rules share a route. The number of scopes is in the key too: a route for
which new scopes were found out has a key that lacks their rules, and is not used again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, ClassVar

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.options import option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.registry import Registry
from rpcfw.spi.router import Reasons, Router
from rpcfw.spi.runtime.local_address import local_host
from rpcfw.values.call import Call
from rpcfw.values.rule import Scope
from rpcfw_dubbo_rules.condition_rule import ConditionRule, read_condition_rules
from rpcfw_dubbo_rules.followed import FollowedRules
from rpcfw_dubbo_rules.parameters import TAG, Parameter, consumer_parameter
from rpcfw_dubbo_rules.scopes import APPLICATION, CONDITIONS, TAGS, application_scope, service_scope
from rpcfw_dubbo_rules.tag_rule import TagRule, read_tag_rule
from rpcfw_dubbo_rules.tags import narrow_by_tags

__all__ = ["DubboRouter"]

#: The metadata with which a call goes to no instance without its tag.
_FORCE_TAG = "dubbo.force.tag"
#: So much of a rule is shown.
_MAX_SHOWN = 200

_READERS = {CONDITIONS: read_condition_rules, TAGS: read_tag_rule}


@options
class DubboRouterOptions:
    """
    What the INI may say.
    """

    tag: str = option("", "tag of calls that have none in the metadata dubbo.tag")
    force_tag: bool = option("no", "yes: calls with a tag never go to instances without it")
    host: str = option("", "host of this process in the rules; empty: the system is asked")


class DubboRouter(Router):
    """
    Applies the tag and condition rules in the config centre of Dubbo.
    """

    Options: ClassVar[type] = DubboRouterOptions

    def __init__(self, options: DubboRouterOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._host = options.host
        self._own = application_scope(plugin_context.application)
        #: Whose documents are followed.
        self._scopes: dict[Scope, None] = {self._own: None}
        self._followed: FollowedRules | None = None
        self._consumers: dict[str, Parameter] = {}
        self._changed: Callable[[], None] = _ignore

    async def start(self) -> None:
        self._host = self.options.host or local_host()

    async def stop(self) -> None:
        if self._followed is not None:
            self._followed.close()

    def on_change(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def take_over(self, before: DubboRouter) -> None:
        self._scopes |= before._scopes

    def follow(self, registry: Registry) -> None:
        rules = registry.rules()
        if rules is not None:
            context = self.plugin_context
            self._followed = FollowedRules(rules, _READERS, self._tell, context)
            self._followed.add(self._scopes)

    def key(self, call: Call) -> Hashable:
        return (*self._tag(call), len(self._scopes), tuple(self._held(call)))

    def narrow(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        self._see(candidates)
        return [candidates, *(left for _, left in self._steps(call, candidates))][-1]

    def refusal(self, call: Call) -> str:
        # Other rules may leave instances of other versions.
        own = [rule for scope, rules in self._held(call) if scope is self._own for rule in rules]
        text = next((rule.text for rule in own if rule.then is None), None)
        return f"the rule {text[:_MAX_SHOWN]!r} of {self._own} holds" if text else ""

    def reasons(
        self, call: Call, candidates: Sequence[Candidate], left: Sequence[Candidate]
    ) -> Reasons:
        steps, removed_by = list[str](), dict[Candidate, str]()
        before = candidates
        for step, after in self._steps(call, candidates):
            kept = set(after)
            removed_by.update((one, step) for one in before if one not in kept)
            steps.append(step)
            before = after
        return Reasons("; ".join(steps), lambda one: removed_by.get(one, ""))

    def _tell(self) -> None:
        self._changed()

    def _see(self, candidates: Sequence[Candidate]) -> None:
        """
        Follow the documents that there may be for these instances.
        """
        shown = dict.fromkeys(
            (each.service, each.version, each.group, each.application)
            for each in (one.instance for one in candidates)
        )
        found: dict[Scope, None] = {}
        for service, version, group, application in shown:
            found[service_scope(service, version, group)] = None
            if application:
                found[application_scope(application)] = None
        new = [scope for scope in found if scope not in self._scopes]
        if new and self._followed is not None:
            self._followed.add([self._own, *new])
            self._scopes |= dict.fromkeys(filter(self._followed.follows, new))

    def _steps(
        self, call: Call, candidates: Sequence[Candidate]
    ) -> Iterator[tuple[str, Sequence[Candidate]]]:
        """
        Yield each decision in words, and what is left after it.
        """
        tag, forced = self._tag(call)
        left = narrow_by_tags(tag, candidates, self._tag_rules(candidates), forced=forced)
        yield f"the call has the tag {tag}" if tag else "the call has no tag", left
        consumer = self._consumer(call)
        for scope, rules in self._held(call):
            for rule in rules:
                meant = left if scope is self._own else [one for one in left if _is_of(one, scope)]
                kept = set(rule.narrow(meant, consumer))
                removed = {one for one in meant if one not in kept}
                left = [one for one in left if one not in removed]
                yield f"the rule {rule.text[:_MAX_SHOWN]!r} of {scope} holds", left

    def _held(self, call: Call) -> Sequence[tuple[Scope, tuple[ConditionRule, ...]]]:
        """
        Return the rules that hold for a call, in the order in which they decide.
        """
        consumer = self._consumer(call)
        found = [
            (scope, rules.held(call, consumer))
            for scope in self._scopes
            if (rules := self._get(scope, CONDITIONS)) is not None
        ]
        found.sort(key=lambda pair: (pair[0] is self._own, pair[0].kind == APPLICATION))
        return found

    def _tag_rules(self, candidates: Sequence[Candidate]) -> dict[str, TagRule]:
        names = {one.instance.application for one in candidates}
        rules = {name: self._get(application_scope(name), TAGS) for name in names}
        return {name: rule for name, rule in rules.items() if rule is not None}

    def _get(self, scope: Scope, kind: str) -> Any:
        return None if self._followed is None else self._followed.get(scope, kind)

    def _tag(self, call: Call) -> tuple[str, bool]:
        tag, forced = call.metadata.get(TAG), call.metadata.get(_FORCE_TAG)
        own = tag if isinstance(tag, str) and tag else self.options.tag
        return own, self.options.force_tag or forced == "true"

    def _consumer(self, call: Call) -> Parameter:
        service = call.method.service
        found = self._consumers.get(service)
        if found is None:
            application = self.plugin_context.application
            # A client is for one service, so there is one.
            self._consumers = {service: consumer_parameter(application, self._host, service)}
            found = self._consumers[service]
        return found


def _is_of(candidate: Candidate, scope: Scope) -> bool:
    one = candidate.instance
    if scope.kind == APPLICATION:
        return one.application == scope.name
    return f"{one.service}:{one.version}:{one.group}" == scope.name


def _ignore() -> None:
    """
    Be no client's yet.
    """
