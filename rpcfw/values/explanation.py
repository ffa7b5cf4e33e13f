"""
What would become of a call: which instances it may go to, and which policies decide.

These are the results of ``Application.explain``, and of ``rpcfw explain --json``, which has
the fields of these classes as its keys.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

__all__ = [
    "ExplainedInstance",
    "ExplainedOption",
    "ExplainedPolicy",
    "ExplainedRouter",
    "Explanation",
]


@frozen
class ExplainedOption:
    """
    One option of a policy.

    Args:
        name: its key in the section.
        value: as text of an INI file; hidden if it is secret.
        place: where it is given, as ``consumer.ini:12``; empty for a default.
    """

    name: str
    value: str
    place: str = ""


@frozen
class ExplainedPolicy:
    """
    A policy that decides about the call.

    Args:
        kind: of policy, as its section begins: ``balancer``, ``retry``, ``limiter``, …
        name: of the plugin.
        section: that has its options.
        place: where it is chosen; empty for a default.
        says: what it would do with this call, in its own words; empty: it says nothing.
        options: all that it has.
    """

    kind: str
    name: str
    section: str
    place: str = ""
    says: str = ""
    options: tuple[ExplainedOption, ...] = ()


@frozen
class ExplainedRouter:
    """
    What one router did.

    Args:
        policy: the router.
        before: how many instances it was given.
        after: how many it left.
    """

    policy: ExplainedPolicy
    before: int
    after: int


@frozen
class ExplainedInstance:
    """
    One instance that is known.

    Args:
        id: its own.
        address: where it is.
        zone: as it is announced; so are ``group``, ``version``, and ``tags``.
        weight: its share of calls right now, relative to the others; 0: drained.
        connection: ``ready``, ``untried``, ``saturated``, ``failed`` or ``unreachable``.
        health: ``healthy``, ``sub-healthy`` or ``dead``.
        in_flight: attempts of this process on it.
        removed_by: the section of the router that removed it, ``selection`` if others that
            are left are healthier or better connected, empty if it is a candidate.
        reason: why it was removed.
        share: of the calls like this one that it gets, from 0 to 1; None if it is not known.
        score: what the balancer gives it, if it has scores.
        breaker: the state of the breaker of this method there; empty without one.
        probes: how many probers reach it, if they are asked; empty otherwise.
    """

    id: str
    address: str
    zone: str = ""
    group: str = ""
    version: str = ""
    tags: Mapping[str, str] = field(factory=dict)
    weight: int = 0
    connection: str = ""
    health: str = ""
    in_flight: int = 0
    removed_by: str = ""
    reason: str = ""
    share: float | None = 0.0
    score: float | None = None
    breaker: str = ""
    probes: str = ""


@frozen
class Explanation:
    """
    What would become of one call now. No call was made for it.

    Args:
        service: full name of the service.
        method: its name.
        caller: name of the application that would call.
        timeout_s: time limit of the whole call; None for no limit.
        error: the message that the call would fail with, as no instance is left; else empty.
        instances: those that are known, the candidates first.
        instances_omitted: how many more there are, of a process that was asked over the wire.
        routers: in their order, up to the one that left nothing.
        balancer: spreads the calls over the candidates.
        shares_exact: whether the shares are exact; they are an estimate otherwise.
        shares_note: what the shares depend on; empty if nothing but the weights.
        policies: all others, in the order of their start.
        note: what else there is to know, such as a name that may be a mistake; empty: nothing.
        process: address of the process that was asked; empty for this one.
    """

    service: str
    method: str
    caller: str
    timeout_s: float | None
    error: str
    instances: tuple[ExplainedInstance, ...]
    routers: tuple[ExplainedRouter, ...]
    balancer: ExplainedPolicy
    shares_exact: bool
    shares_note: str
    policies: tuple[ExplainedPolicy, ...]
    instances_omitted: int = 0
    note: str = ""
    process: str = ""
