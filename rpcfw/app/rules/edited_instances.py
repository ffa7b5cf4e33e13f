"""
Changing what rules decide of one instance, in the document of its service.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from attrs import evolve, frozen

from rpcfw.app.rules.documents import INSTANCES, read_instances
from rpcfw.cluster.instance_rules import InstanceRule
from rpcfw.kernel.settings import options_of
from rpcfw.values.rule import RuleSet

__all__ = [
    "EditedInstances",
    "InstanceChange",
    "edited",
    "instances_of",
    "with_enabled",
    "with_offline",
    "with_weight",
]

#: What makes of a rule another one.
InstanceChange = Callable[[InstanceRule], InstanceRule]

_NO_RULE = options_of(InstanceRule)


@frozen
class EditedInstances:
    """
    A document of instances before and after a change.

    Args:
        text: the new one; empty if nothing is decided of any instance.
        version: of the document that was read; 0: there was none.
        before: the rules that it has.
        same: nothing would change.
    """

    text: str
    version: int
    before: Mapping[str, InstanceRule]
    same: bool


def instances_of(found: RuleSet) -> tuple[int, dict[str, InstanceRule]]:
    """
    Return the version of the document of instances, and its rules.

    Raises:
        SettingsError: it cannot be read.
    """
    document = found.documents.get(INSTANCES)
    if document is None:
        return 0, {}
    return document.version, read_instances(document.body, f"instances of {found.scope}")


def edited(
    found: RuleSet, id: str, change: InstanceChange, others: Collection[str] = ()
) -> EditedInstances:
    """
    Return the document with a changed rule of one instance.

    Args:
        id: what the instance is called in its rule.
        others: further names of the same instance, whose rules change too if there are any.

    Raises:
        SettingsError: the document cannot be read, or the name of an instance not be written.
    """
    version, rules = instances_of(found)
    later = dict(rules)
    for name in {id, *(rules.keys() & {*others})}:
        later[name] = change(rules.get(name, _NO_RULE))
    text = _text(later)
    return EditedInstances(text, version, rules, text == _text(rules))


def _text(rules: Mapping[str, InstanceRule]) -> str:
    """
    Return the document, without instances of which nothing is decided.
    """
    text = "\n".join(filter(None, (_section(id, rule) for id, rule in sorted(rules.items()))))
    read_instances(text, "the new rules")  # names are free text
    return text


def _section(id: str, rule: InstanceRule) -> str:
    lines: Iterable[str] = (
        *([] if rule.weight is None else [f"weight = {rule.weight}"]),
        *([] if rule.enabled else ["enabled = no"]),
        *(["offline = yes"] if rule.offline else []),
    )
    return "\n".join((f"[instance {id}]", *lines, "")) if lines else ""


def with_enabled(enabled: bool) -> InstanceChange:
    """
    Return what enables or disables an instance.
    """
    return lambda rule: _changed(rule, enabled=enabled)


def with_offline(offline: bool) -> InstanceChange:
    """
    Return what takes an instance offline, or lets it come back.
    """
    return lambda rule: _changed(rule, offline=offline)


def with_weight(weight: int | None) -> InstanceChange:
    """
    Return what gives an instance a weight; None: the one that it announces.
    """
    return lambda rule: _changed(rule, weight=weight)


def _changed(rule: InstanceRule, **options: bool | int | None) -> InstanceRule:
    other: InstanceRule = evolve(rule, **options)  # type: ignore[misc]  # attrs all the same
    return other
