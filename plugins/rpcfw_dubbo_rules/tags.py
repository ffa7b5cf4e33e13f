"""
Which instances a call may go to by its tag, as Dubbo 3.2 decides it.

An instance has the tags that the rule of its application gives to its address, and perhaps
one of its own, the parameter ``dubbo.tag``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rpcfw.spi.balancer import Candidate
from rpcfw_dubbo_rules.parameters import TAG
from rpcfw_dubbo_rules.tag_rule import TagRule

__all__ = ["narrow_by_tags"]


def narrow_by_tags(
    tag: str,
    candidates: Sequence[Candidate],
    rules: Mapping[str, TagRule],
    *,
    forced: bool,
) -> Sequence[Candidate]:
    """
    Return the instances for a call.

    Args:
        tag: of the call; empty if it has none.
        rules: by the name of the application.
        forced: the call goes to no instance without its tag.
    """
    ruled = [(one, rules.get(one.instance.application)) for one in candidates]
    given = {one: set() if rule is None else rule.of(one.instance) for one, rule in ruled}
    if tag:
        return _tagged(tag, ruled, given, forced=forced)
    return [one for one, rule in ruled if not given[one] and _is_free(one, rule)]


def _tagged(
    tag: str,
    ruled: Sequence[tuple[Candidate, TagRule | None]],
    given: dict[Candidate, set[str]],
    *,
    forced: bool,
) -> Sequence[Candidate]:
    naming = {rule for _, rule in ruled if rule is not None and tag in rule.names}
    if naming:
        found = [one for one, _ in ruled if tag in given[one]]
        if any(rule.force for rule in naming):
            return found
    else:
        found = [one for one, _ in ruled if _own(one) == tag]
    if found or forced:
        return found
    return [one for one, _ in ruled if not given[one] and not _own(one)]


def _own(candidate: Candidate) -> str:
    return candidate.instance.tags.get(TAG, "")


def _is_free(candidate: Candidate, rule: TagRule | None) -> bool:
    """
    Tell whether an instance without a tag from a rule takes calls without a tag.

    If there is a rule, a tag of its own that the rule does not name is no tag.
    """
    own = _own(candidate)
    return not own or (rule is not None and own not in rule.names)
