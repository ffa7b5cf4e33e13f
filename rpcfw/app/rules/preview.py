"""
What a change of rules would do: the instances and their shares, before and after.
"""

from __future__ import annotations

from attrs import evolve, frozen

from rpcfw.app.application import Application
from rpcfw.app.rules.asked_calls import AskedCall, asked_calls
from rpcfw.app.rules.documents import INSTANCES, read_instances, read_policies
from rpcfw.app.tools.connecting import until_connected
from rpcfw.client.assembly import Client
from rpcfw.values.call_options import CallOptions
from rpcfw.values.explanation import ExplainedInstance
from rpcfw.values.method import Method

__all__ = ["Preview", "PreviewedInstance", "preview"]


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
class PreviewedInstance:
    """
    One instance before and after a change, as text; empty where it is not there.
    """

    address: str
    version: str
    weight: str
    share: str
    new_weight: str
    new_share: str

    @property
    def changes(self) -> bool:
        """
        Whether its weight or its share would be another one.
        """
        return (self.weight, self.share) != (self.new_weight, self.new_share)


@frozen
class Preview:
    """
    The instances of a service before and after a change.
    """

    instances: tuple[PreviewedInstance, ...]

    @property
    def changing(self) -> list[PreviewedInstance]:
        """
        Those that would get another share, or have another weight.
        """
        return [one for one in self.instances if one.changes]

    @property
    def note(self) -> str:
        """
        Why there is nothing to show, in words for a person; empty if there is something.
        """
        if not self.instances:
            return "no instances are known: is this the name of the service?"
        return "" if self.changing else "no instance would get another share of the calls"


async def preview(
    application: Application,
    kind: str,
    text: str,
    method: Method,
    given: AskedCall | None,
    limit_s: float,
) -> Preview:
    """
    Put a document in use in this process alone, and explain calls before and after.

    Args:
        application: it follows the document from then on.
        method: whose calls are meant.
        given: the one call that is meant; None: all.
    """
    service = method.service
    application.channel(service)
    before = await _explained(application, method, given, limit_s)
    if kind == INSTANCES:
        rules = {
            # No consumer would find it: as if it were disabled.
            name: evolve(rule, enabled=rule.enabled and not rule.offline)  # type: ignore[misc]
            for name, rule in read_instances(text, "the new rules").items()
        }
        _client(application, service).instances.follow(rules, "the new rules")
    else:
        layer = read_policies(text, "the new rules")
        await application.policies.follow(service, layer)
    after = await _explained(application, method, given, limit_s)
    found = []
    for address in sorted({*before, *after}):
        old, new = before.get(address, _NOT_THERE), after.get(address, _NOT_THERE)
        version = new.version or old.version
        shown = (old.weight, old.share, new.weight, new.share)
        found.append(PreviewedInstance(address, version, *shown))
    return Preview(tuple(found))


def _client(application: Application, service: str) -> Client:
    (client,) = (one for one in application.clients if one.service == service)
    return client


async def _explained(
    application: Application, method: Method, given: AskedCall | None, limit_s: float
) -> dict[str, _Seen]:
    """
    Return the instances, by their addresses.
    """
    # What the routers are, and which instances can be reached, is not known before.
    await application.explain(method, {}, CallOptions(limit_s))
    await until_connected(application, method.service, limit_s)
    known: dict[str, ExplainedInstance] = {}
    shares: dict[str, float | None] = {}
    routers = _client(application, method.service).policies.routers
    for call in asked_calls(method, given, routers):
        options = CallOptions(limit_s, call.metadata)
        found = await application.explain(method, call.request, options)
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
