"""
The filters that a section's ``insert`` and ``remove`` name, resolved and divided by stack.
"""

from __future__ import annotations

from collections.abc import Sequence

from rpcfw.kernel.choice import Chooser, Chosen
from rpcfw.kernel.edits import Edits, Insert, edits_by_stack
from rpcfw.kernel.settings import Sources
from rpcfw.spi.filter import Filter

__all__ = ["choose_filters"]


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
