"""
The filters of a section: those that ``insert`` and ``remove`` name, and its ``limiters``.

Limiters and authenticators are filters that have a place of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from rpcfw.kernel.choice import Chooser, Chosen
from rpcfw.kernel.edits import Edits, Insert, edits_by_stack
from rpcfw.kernel.orders import SERVER_ORDER
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
    if chosen:
        _check_places(sources, options, {edit.label: one for edit, one in edits.inserts})
    for each in reversed(chosen):
        label = f"[authenticator {each.name}]"
        edits = edits.with_first(Insert(label, "before", Role.AUTH.value), each)
    return edits


def _check_places(
    sources: Sources, options: ServerOptions, filters: Mapping[str, Chosen[Filter]]
) -> None:
    """
    Note edits with which authenticators would be of no use, and nobody would see it.
    """
    if Role.AUTH.value in (options.remove or ()):
        sources.blame(
            "server",
            "remove",
            "AUTH refuses the callers whom the authenticators do not know; to let anybody call "
            "some methods, set open_methods",
        )
    inserts = options.insert or ()
    for edit in inserts:
        chosen = filters.get(edit.label)
        if chosen and chosen.plugin.needs_identity and _is_before_auth(edit, inserts):
            sources.blame(
                "server",
                "insert",
                f"{edit}: there the authenticators have not found out yet who calls; write "
                f"{edit.label} after AUTH",
            )


def _is_before_auth(edit: Insert, inserts: Sequence[Insert]) -> bool:
    """
    Tell whether an insert is outside of AUTH. The authenticators are the outermost before AUTH.
    """
    anchor, by_label = edit.anchor, {each.label: each.anchor for each in inserts}
    for _ in inserts:  # an insert may be at another one
        anchor = by_label.get(anchor, anchor)
    roles = [place.role.value for place in SERVER_ORDER]
    return anchor in roles[: roles.index(Role.AUTH.value)]
