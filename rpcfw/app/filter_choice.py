"""
The filters of a section: those that ``insert`` and ``remove`` name, and its ``limiters``.

Limiters and authenticators are filters that have a place of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from rpcfw.kernel.choice import Chooser, Chosen
from rpcfw.kernel.edits import Edits, Insert, edits_by_stack
from rpcfw.kernel.settings import Sources
from rpcfw.server.options import ServerOptions
from rpcfw.spi.authenticator import Authenticator
from rpcfw.spi.filter import Filter, Role
from rpcfw.spi.limiter import Limiter

__all__ = ["choose_filters", "choose_server_filters"]


class _Options(Protocol):
    """
    What a section says about its filters. None stands for a value with a mistake.
    """

    @property
    def limiters(self) -> tuple[str, ...] | None: ...

    @property
    def insert(self) -> tuple[Insert, ...] | None: ...

    @property
    def remove(self) -> tuple[str, ...] | None: ...


def choose_filters(
    sources: Sources, chooser: Chooser, place: tuple[str, str], options: _Options
) -> tuple[Edits[Chosen[Filter]], ...]:
    """
    Return the edits of each stack of a section; what is wrong with them is noted.

    Args:
        place: the section and its qualifier.
        options: of the section.
    """
    section, qualifier = place
    inserts = options.insert or ()
    stacks, mistakes = edits_by_stack(section, inserts, options.remove or ())
    for key, mistake in mistakes:
        sources.blame(section, key, mistake, qualifier)
    chosen = chooser.several(
        "rpcfw.filters",
        Filter,  # type: ignore[type-abstract]  # a seam
        dict.fromkeys(edit.label for edit in inserts),
        named_by=(section, "insert", qualifier),
        section="filter",
    )
    by_label = {each.name: each for each in chosen}
    first, *others = (stack.resolved(by_label) for stack in stacks)
    return (_with_limiters(chooser, place, options.limiters or (), first), *others)


def _with_limiters(
    chooser: Chooser, place: tuple[str, str], names: Sequence[str], edits: Edits[Chosen[Filter]]
) -> Edits[Chosen[Filter]]:
    """
    Return the edits of a stack with the limiters of its section before all others.

    Args:
        names: of the limiters, the outermost first.
    """
    section, qualifier = place
    role = Role.ADMISSION if section == "server" else Role.GUARD
    chosen: Sequence[Chosen[Any]] = chooser.several(
        "rpcfw.limiters",
        Limiter,
        names,
        named_by=(section, "limiters", qualifier),
        section="limiter",
    )
    for each in reversed(chosen):
        # No filter of a user has such a label.
        edits = edits.with_first(Insert(f"[limiter {each.name}]", "after", role.value), each)
    return edits


def choose_server_filters(
    sources: Sources, chooser: Chooser, options: ServerOptions
) -> Edits[Chosen[Filter]]:
    """
    Return the edits of the server's stack, with its authenticators before all others.
    """
    (edits,) = choose_filters(sources, chooser, ("server", ""), options)
    chosen: Sequence[Chosen[Any]] = chooser.several(
        "rpcfw.authenticators",
        Authenticator,
        options.authenticators or (),
        named_by=("server", "authenticators", ""),
        section="authenticator",
    )
    for each in reversed(chosen):
        label = f"[authenticator {each.name}]"
        edits = edits.with_first(Insert(label, "before", Role.AUTH.value), each)
    return edits
