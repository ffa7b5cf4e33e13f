"""
What a change of rules would do: the text before and after, and the instances and their shares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from typing import Any

from attrs import frozen

from rpcfw.app.rules.documents import INSTANCES, read_instances, read_policies
from rpcfw.cli.rules.session import Session
from rpcfw.cli.running import changed
from rpcfw.cli.table import table
from rpcfw.printable import printable
from rpcfw.values.call_options import CallOptions
from rpcfw.values.explanation import Explanation
from rpcfw.values.method import Method, Shape

__all__ = ["Preview", "preview", "text_diff"]

#: Calls without a method's own rules are explained by this name.
_ANY_METHOD = "any"


@frozen
class Preview:
    """
    The instances of a service before and after a change.

    Args:
        rows: address, weight and share before, weight and share after.
    """

    rows: tuple[tuple[str, str, str, str, str], ...]

    def as_text(self) -> str:
        """
        Return a table of the instances that differ.
        """
        rows = [row for row in self.rows if row[1:3] != row[3:5]]
        if not rows:
            return "no instance would get another share of the calls\n"
        titles = ("INSTANCE", "WEIGHT", "SHARE", "NEW WEIGHT", "NEW SHARE")
        return table(titles, rows)

    def as_json(self) -> list[dict[str, str]]:
        """
        Return all instances.
        """
        names = ("address", "weight", "share", "new_weight", "new_share")
        return [dict(zip(names, row, strict=True)) for row in self.rows]


async def preview(session: Session, kind: str, text: str) -> Preview:
    """
    Put a document in use in this process alone, and explain a call before and after.
    """
    service = session.scope.name
    before = await _explained(session, service)
    if kind == INSTANCES:
        rules = {
            # No consumer would find it: as if it were disabled.
            name: changed(rule, enabled=rule.enabled and not rule.offline)
            for name, rule in read_instances(text, "the new rules").items()
        }
        for client in session.application.clients:
            if client.service == service:
                client.instances.follow(rules, "the new rules")
    else:
        layer = read_policies(text, "the new rules")
        await session.application.policies.follow(service, layer)
    after = await _explained(session, service)
    old, new = _shares(before), _shares(after)
    nothing = ("", "")
    rows = [
        (address, *old.get(address, nothing), *new.get(address, nothing))
        for address in sorted({*old, *new})
    ]
    return Preview(tuple(rows))


async def _explained(session: Session, service: str) -> Explanation:
    method = Method(service, _ANY_METHOD, Shape.UNARY, Any, Any, "json")
    return await session.within(session.application.explain(method, {}, CallOptions(3.0)))


def _shares(found: Explanation) -> Mapping[str, tuple[str, str]]:
    return {
        one.address: (str(one.weight), "?" if one.share is None else f"{one.share:.1%}")
        for one in found.instances
    }


def text_diff(before: str, after: str, names: tuple[str, str]) -> str:
    """
    Return the lines that differ; empty if none does.
    """
    return "".join(_lines(before, after, names))


def _lines(before: str, after: str, names: tuple[str, str]) -> Iterator[str]:
    old, new = before.splitlines(), after.splitlines()
    for line in unified_diff(old, new, *names, lineterm=""):
        yield f"{printable(line)}\n"
