"""
Documents ``KEY.condition-router``: which providers calls may go to.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from rpcfw.spi.balancer import Candidate
from rpcfw.values.call import Call
from rpcfw_dubbo_rules.conditions import Conditions, read_conditions
from rpcfw_dubbo_rules.fields import read_fields
from rpcfw_dubbo_rules.parameters import Parameter, provider_parameter

__all__ = ["ConditionRule", "ConditionRules", "read_condition_rules"]

#: Of one document; more than anybody reads.
_MAX_RULES = 1000


@frozen(eq=False)
class ConditionRule:
    """
    One rule: ``conditions on a call => conditions on providers``.

    Args:
        then: the providers that calls may go to; None refuses the calls.
        force: calls fail if there are none. Otherwise the rule is skipped then.
    """

    text: str
    when: Conditions
    then: Conditions | None
    force: bool

    def narrow(self, candidates: Sequence[Candidate], consumer: Parameter) -> Sequence[Candidate]:
        """
        Return the providers that it leaves.
        """
        if self.then is None:
            return ()
        then = self.then
        found = [
            one
            for one in candidates
            if then.hold_for_provider(provider_parameter(one.instance), consumer)
        ]
        return found if found or self.force else candidates


@frozen(eq=False)
class ConditionRules:
    """
    The rules of a document, in their order.
    """

    rules: tuple[ConditionRule, ...]

    def held(self, call: Call, consumer: Parameter) -> tuple[ConditionRule, ...]:
        """
        Return those rules whose conditions hold for a call.
        """
        return tuple(rule for rule in self.rules if rule.when.hold_for_call(call, consumer))


def read_condition_rules(text: str) -> ConditionRules:
    """
    Read a document. One that is not enabled has no rules.

    Raises:
        ValueError: it cannot be read.
    """
    fields = read_fields(text, "v3.0")
    force, enabled = fields.truth("force", default=False), fields.truth("enabled", default=True)
    conditions = fields.texts("conditions")
    if not conditions:
        raise ValueError("conditions: expected a list of rules, as method=get* => host=10.0.0.*")
    if len(conditions) > _MAX_RULES:
        raise ValueError(f"there are {len(conditions)} conditions, more than {_MAX_RULES}")
    rules = tuple(_rule(" ".join(one.split()), force) for one in conditions)
    return ConditionRules(rules if enabled else ())


def _rule(text: str, force: bool) -> ConditionRule:
    if not text:
        raise ValueError("a condition is empty; to refuse all calls, write =>")
    plain = text.replace("consumer.", "").replace("provider.", "")
    when, arrow, then = plain.partition("=>")
    if not arrow:
        when, then = "", plain
    when, then = when.strip(), then.strip()
    return ConditionRule(
        text,
        read_conditions("" if when == "true" else when, of_call=True),
        None if then in ("", "false") else read_conditions(then, of_call=False),
        force,
    )
