"""
The filters of a section: those that ``insert`` and ``remove`` name, and its ``limiters``.

Limiters are filters that have a place of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rpcfw.kernel.choice import Chooser, Chosen
from rpcfw.kernel.edits import Edits, Insert, edits_by_stack
from rpcfw.kernel.settings import Sources
from rpcfw.spi.filter import Filter, Role
from rpcfw.spi.limiter import Limiter

__all__ = ["choose_filters", "choose_limiters"]


def choose_filters(
    sources: Sources,
    chooser: Chooser,
    place: tuple[str, str],
    inserts: Sequence[Insert],
    removes: Sequence[str],
) -> tuple[Edits[Chosen[Filter]], ...]:
    """
    Return the edits of each stack of a section; what is wrong with them is noted.

    Args:
        place: the section and its qualifier.
    """
    section, qualifier = place
    stacks, mistakes = edits_by_stack(section, inserts, removes)
    for key, mistake in mistakes:
        sources.blame(section, key, mistake, qualifier)
    chosen = chooser.several(
        "rpcfw.filters",
        Filter,  # type: ignore[type-abstract]  # a seam
        [edit.label for edit in inserts],
        named_by=(section, "insert", qualifier),
        section="filter",
    )
    by_label = {each.name: each for each in chosen}
    return tuple(stack.resolved(by_label) for stack in stacks)


def choose_limiters(
    sources: Sources,
    chooser: Chooser,
    place: tuple[str, str],
    names: Sequence[str],
    edits: Edits[Chosen[Filter]],
) -> Edits[Chosen[Filter]]:
    """
    Return the edits of a stack with the limiters of its section before all others.

    Args:
        place: the section and its qualifier.
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
