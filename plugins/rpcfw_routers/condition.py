"""
Conditions: rules about calls say which instances they may use.

Theory of operation. Rules apply one after the other: each whose conditions on the call hold
narrows what those before it left. The key of a call is a number with one bit for each rule
that holds, so that calls with other arguments and the same rules share a route. Conditions
on the method, the application and the host are checked once for each method.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rpcfw.spi.balancer import Candidate
from rpcfw.spi.options import NO_DEFAULT, option, options
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.router import Reasons, Router
from rpcfw.spi.runtime.local_address import local_host
from rpcfw.values.call import Call
from rpcfw_routers.condition_rules import Rule, read_rules

__all__ = ["ConditionRouter"]

#: So many methods are remembered; a gateway may call any that its own callers name.
_MAX_METHODS = 1_000
#: So much of a rule is shown.
_MAX_SHOWN = 200
#: The host of a process that has no address, or was not started yet.
_UNKNOWN = "unknown"
#: So much of a rule is shown.
_MAX_SHOWN = 200


@options
class ConditionOptions:
    """
    What the INI may say.
    """

    rules: str = option(
        NO_DEFAULT, "one rule a line, as method=get* & argument.id=1~9 => zone=west"
    )
    force: bool = option("false", "fail a call if a rule leaves nothing, instead of skipping it")
    host: str = option("", "host of this process in the rules; empty: the system is asked")

    def problems(self) -> Iterator[tuple[str, str]]:
        """
        Find rules that cannot be read, and no rules.
        """
        try:
            rules = read_rules(self.rules, {"application": "any", "host": _UNKNOWN})
        except ValueError as error:
            yield "rules", str(error)
        else:
            if not rules:
                yield "rules", "write at least one rule, as method=get* => version=2.*"


class ConditionRouter(Router):
    """
    Applies the rules in their order.

    A rule without conditions on instances refuses its calls. Another one that leaves nothing
    is skipped, unless ``force`` is on.
    """

    Options: ClassVar[type] = ConditionOptions

    def __init__(self, options: ConditionOptions, plugin_context: PluginContext) -> None:
        super().__init__(options, plugin_context)
        self._force = options.force
        self._use(options.host or _UNKNOWN)

    async def start(self) -> None:
        self._use(self.options.host or local_host() or _UNKNOWN)

    def _use(self, host: str) -> None:
        variables = {"application": self.plugin_context.application or _UNKNOWN, "host": host}
        self._rules = read_rules(self.options.rules, variables)
        #: By the path of a method, the rules that its calls may meet, each with its bit.
        self._of_method: dict[str, list[tuple[int, Rule]]] = {}

    def key(self, call: Call) -> int:
        held = 0
        rules = self._of_method.get(call.method.path)
        for bit, rule in self._find_rules(call) if rules is None else rules:
            if all(condition.holds(read(call)) for read, condition in rule.varying):
                held |= bit
        return held

    def narrow(self, call: Call, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        return [candidates, *(left for _, _, left in self._steps(call, candidates))][-1]

    def reasons(
        self, call: Call, candidates: Sequence[Candidate], left: Sequence[Candidate]
    ) -> Reasons:
        steps, removed_by = [], dict[Candidate, str]()
        before = candidates
        for rule, found, after in self._steps(call, candidates):
            text = rule.text[:_MAX_SHOWN]
            is_skipped = len(after) > len(found)
            end = "leaves none, so it is skipped" if is_skipped else "holds"
            steps.append(f"{text!r} {end}")
            kept = set(after)
            removed_by.update((one, f"rule {text!r}") for one in before if one not in kept)
            before = after
        return Reasons("; ".join(steps) or "no rule holds", lambda one: removed_by.get(one, ""))

    def _steps(
        self, call: Call, candidates: Sequence[Candidate]
    ) -> Iterator[tuple[Rule, Sequence[Candidate], Sequence[Candidate]]]:
        """
        Yield each rule that holds, what it finds, and what is left after it.
        """
        left, held = candidates, self.key(call)
        for number, rule in enumerate(self._rules):
            if not held & (1 << number):
                continue
            found = () if rule.target is None else rule.target.of(left)
            if found or self._force or rule.target is None:
                left = found
            yield rule, found, left
            if rule.target is None:
                return

    def refusal(self, call: Call) -> str:
        held = self.key(call)
        for number, rule in enumerate(self._rules):
            if held & (1 << number) and rule.target is None:
                return f"the rule {rule.text[:_MAX_SHOWN]!r} holds"
        return ""

    def _find_rules(self, call: Call) -> list[tuple[int, Rule]]:
        if len(self._of_method) >= _MAX_METHODS:
            self._of_method.clear()
        found = self._of_method[call.method.path] = [
            (1 << number, rule)
            for number, rule in enumerate(self._rules)
            if all(condition.holds(read(call)) for read, condition in rule.steady)
        ]
        return found
