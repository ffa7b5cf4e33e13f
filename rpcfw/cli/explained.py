"""
Explanations of calls as text for a person.
"""

from __future__ import annotations

from collections.abc import Iterator

from rpcfw.cli.table import table
from rpcfw.printable import printable, printable_lines
from rpcfw.values.explanation import ExplainedInstance, ExplainedPolicy, Explanation

__all__ = ["as_text"]

#: The columns; one that is empty for all instances is left out.
_COLUMNS = (
    "SHARE",
    "INSTANCE",
    "ZONE",
    "GROUP",
    "VERSION",
    "TAGS",
    "WEIGHT",
    "CONNECTION",
    "HEALTH",
    "PROBES",
    "IN FLIGHT",
    "SCORE",
    "BREAKER",
    "REMOVED BY",
    "REASON",
)


def as_text(found: Explanation) -> str:
    """
    Return the lines of one explanation.
    """
    lines = [f"{found.service}/{found.method}, called by {found.caller}"]
    if found.process:
        lines[0] += f", as the process at {found.process} would call it now"
    if found.note:
        lines.append(f"note: {found.note}")
    if found.error:
        lines.append(f"the call would fail: {found.error}")
    parts = "\n".join(printable(line) for line in (*lines, "")), _instances(found)
    return "\n".join((*parts, "".join(_policies(found))))


def _instances(found: Explanation) -> str:
    text = table(_COLUMNS, [_row(each) for each in found.instances])
    if not found.instances:
        text = "no instances are known\n"
    if found.instances_omitted:
        text += f"… and {found.instances_omitted} more\n"
    return text


def _row(one: ExplainedInstance) -> tuple[str, ...]:
    share = "?" if one.share is None else f"{one.share:.1%}"
    return (
        "-" if one.removed_by else share,
        one.address,
        one.zone,
        one.group,
        one.version,
        " ".join(f"{name}={value}" for name, value in sorted(one.tags.items())),
        str(one.weight),
        one.connection,
        one.health,
        one.probes,
        str(one.in_flight or ""),
        "" if one.score is None else f"{one.score:.4g}",
        one.breaker,
        one.removed_by,
        one.reason,
    )


def _policies(found: Explanation) -> Iterator[str]:
    for router in found.routers:
        says = f"{router.before} → {router.after} instances"
        yield _policy(router.policy, f"{says}; {router.policy.says}".removesuffix("; "))
    says = "the shares are exact" if found.shares_exact else "the shares are an estimate"
    if all(each.removed_by for each in found.instances):
        says = "there is nothing to choose from"
    yield _policy(found.balancer, f"{says}; {found.shares_note}".removesuffix("; "))
    limit = "none" if found.timeout_s is None else f"{found.timeout_s:g} s"
    for policy in found.policies:
        yield _policy(policy, policy.says or f"time limit: {limit}" * (policy.kind == "client"))


def _policy(policy: ExplainedPolicy, says: str) -> str:
    """
    Return the lines of one policy, with the options that are no defaults.
    """
    title = f"[{policy.section}]"
    if policy.name and policy.section != f"{policy.kind} {policy.name}":
        title += f" {policy.name}"
    if policy.name:
        title += f" ({policy.place or 'by default'})"
    lines = [f"{title}: {says}" if says else title]
    for option in policy.options:
        if option.place:
            value = " ".join(option.value.split())
            lines.append(f"  {option.name} = {value}  ({option.place})")
    return "".join(f"{printable_lines(line)}\n" for line in lines)
