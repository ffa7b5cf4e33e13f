"""
What a change of rules would do: the text before and after, and the instances and their shares.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from difflib import unified_diff

from attrs import frozen

from rpcfw.app.rules.documents import INSTANCES, read_instances, read_policies
from rpcfw.cli.connecting import until_connected
from rpcfw.cli.rules.asked_calls import asked_calls, asked_method
from rpcfw.cli.rules.session import Session
from rpcfw.cli.running import changed
from rpcfw.cli.table import table
from rpcfw.client.assembly import Client
from rpcfw.printable import printable
from rpcfw.values.call_options import CallOptions
from rpcfw.values.explanation import ExplainedInstance

__all__ = ["Preview", "preview", "text_diff"]


@frozen
class _Seen:
    """
    One instance.

    Args:
        share: of the calls that are asked for, as text.
    """

    version: str
    weight: str
    share: str


_NOT_THERE = _Seen("", "", "")


@frozen
class Preview:
    """
    The instances of a service before and after a change.

    Args:
        rows: address and version, weight and share before, weight and share after.
    """

    rows: tuple[tuple[str, str, str, str, str, str], ...]

    def as_text(self) -> str:
        """
        Return a table of the instances that differ.
        """
        if not self.rows:
            return "no instances are known: is this the name of the service?\n"
        rows = [row for row in self.rows if row[2:4] != row[4:6]]
        if not rows:
            return "no instance would get another share of the calls\n"
        titles = ("INSTANCE", "VERSION", "WEIGHT", "SHARE", "NEW WEIGHT", "NEW SHARE")
        return table(titles, rows)

    def as_json(self) -> list[dict[str, str]]:
        """
        Return all instances.
        """
        names = ("address", "version", "weight", "share", "new_weight", "new_share")
        return [dict(zip(names, row, strict=True)) for row in self.rows]


async def preview(session: Session, kind: str, text: str, arguments: Namespace) -> Preview:
    """
    Put a document in use in this process alone, and explain calls before and after.
    """
    service = session.scope.name
    session.application.channel(service)
    before = await _explained(session, arguments)
    if kind == INSTANCES:
        rules = {
            # No consumer would find it: as if it were disabled.
            name: changed(rule, enabled=rule.enabled and not rule.offline)
            for name, rule in read_instances(text, "the new rules").items()
        }
        _client(session).instances.follow(rules, "the new rules")
    else:
        layer = read_policies(text, "the new rules")
        await session.application.policies.follow(service, layer)
    after = await _explained(session, arguments)
    rows = []
    for address in sorted({*before, *after}):
        old, new = before.get(address, _NOT_THERE), after.get(address, _NOT_THERE)
        version = new.version or old.version
        rows.append((address, version, old.weight, old.share, new.weight, new.share))
    return Preview(tuple(rows))


def _client(session: Session) -> Client:
    (client,) = (one for one in session.application.clients if one.service == session.scope.name)
    return client


async def _explained(session: Session, arguments: Namespace) -> dict[str, _Seen]:
    """
    Return the instances, by their addresses.
    """
    application, method = session.application, asked_method(arguments)
    # What the routers are, and which instances can be reached, is not known before.
    await session.within(application.explain(method, {}, CallOptions(arguments.timeout)))
    await until_connected(application, session.scope.name, arguments.timeout)
    known: dict[str, ExplainedInstance] = {}
    shares: dict[str, float | None] = {}
    for call in asked_calls(arguments, _client(session).policies.routers):
        options = CallOptions(arguments.timeout, call.metadata)
        found = await session.within(application.explain(method, call.request, options))
        for one in found.instances:
            known[one.address] = one
            shares[one.address] = _sum(shares.get(one.address, 0.0), one.share, call.share)
    return {
        address: _Seen(one.version, str(one.weight), _shown(shares[address]))
        for address, one in known.items()
    }


def _sum(so_far: float | None, share: float | None, of: float) -> float | None:
    return None if so_far is None or share is None else so_far + share * of


def _shown(share: float | None) -> str:
    return "?" if share is None else f"{share:.1%}"


def text_diff(before: str, after: str, names: tuple[str, str]) -> str:
    """
    Return the lines that differ; empty if none does.
    """
    return "".join(_lines(before, after, names))


def _lines(before: str, after: str, names: tuple[str, str]) -> Iterator[str]:
    old, new = before.splitlines(), after.splitlines()
    for line in unified_diff(old, new, *names, lineterm=""):
        yield f"{printable(line)}\n"
