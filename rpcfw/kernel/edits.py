"""
What the INI changes in the stacks: ``insert = mine before BREAKER``, ``remove = LIMIT``.

A client has two stacks, and ``insert`` and ``remove`` of ``[client]`` edit both: no place
of one has the name of a place of the other, so a place says which stack is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from attrs import frozen

from rpcfw.kernel.nearest import suggestion
from rpcfw.kernel.orders import STACKS, Order

__all__ = ["NO_EDITS", "Edits", "Insert", "edits_by_stack", "is_needed"]

T = TypeVar("T")
U = TypeVar("U")


@frozen
class Insert:
    """
    An edit: put the filter called ``label`` before or after a role or another filter.
    """

    written_as: ClassVar[str] = "NAME before PLACE, or NAME after PLACE"

    label: str
    side: str
    anchor: str

    @classmethod
    def parse(cls, text: str) -> Insert:
        """
        Read ``mine before ATTEMPTS``.

        Raises:
            ValueError: it is none.
        """
        words = text.split()
        if len(words) != 3 or words[1] not in ("before", "after"):
            raise ValueError(f"{text!r}: expected {cls.written_as}")
        return cls(*words)

    def __str__(self) -> str:
        return f"{self.label} {self.side} {self.anchor}"


@frozen(eq=False)
class Edits(Generic[T]):
    """
    The edits of one stack.

    Args:
        inserts: each with its filter, or with what that is made from.
        removes: names of places.
    """

    inserts: tuple[tuple[Insert, T], ...] = ()
    removes: tuple[str, ...] = ()

    @property
    def outline(self) -> tuple[tuple[Insert, ...], tuple[str, ...]]:
        """
        What is edited, without the filters.
        """
        return tuple(edit for edit, _ in self.inserts), self.removes

    def using(self, function: Callable[[T], U]) -> Edits[U]:
        """
        Return the same edits with ``function(each)`` for each filter.
        """
        return Edits(tuple((edit, function(one)) for edit, one in self.inserts), self.removes)

    def with_first(self, edit: Insert, filter: T) -> Edits[T]:
        """
        Return the same edits after one more.
        """
        return Edits(((edit, filter), *self.inserts), self.removes)

    def resolved(self, by_label: Mapping[str, U]) -> Edits[U]:
        """
        Return the same edits with what their labels stand for; without it, an insert is left out.
        """
        found = [(edit, by_label[edit.label]) for edit, _ in self.inserts if edit.label in by_label]
        return Edits(tuple(found), self.removes)


#: Those of a stack that is left as it is.
NO_EDITS: Edits[Any] = Edits()


def edits_by_stack(
    section: str, inserts: Iterable[Insert], removes: Iterable[str]
) -> tuple[tuple[Edits[None], ...], tuple[tuple[str, str], ...]]:
    """
    Divide the edits of a section among its stacks, in the order of `STACKS`.

    Filters that are inserted are places for the inserts that follow.

    Returns:
        The edits of each stack, and what is wrong: pairs of option and reason.
    """
    stacks = [_Stack(order) for order in STACKS[section]]
    mistakes = []
    for edit in inserts:
        stack = next((each for each in stacks if edit.anchor in each.names), None)
        if stack is None:
            mistakes.append(("insert", f"{edit}: {_no_place(edit.anchor, section, stacks)}"))
        # One mistake is reported once: what follows may still name this filter.
        (stack or stacks[0]).insert(edit)
    for name in removes:
        stack = next((each for each in stacks if name in each.names), None)
        if stack is None:
            mistakes.append(("remove", _no_place(name, section, stacks)))
        elif name in stack.needed:
            mistakes.append(("remove", is_needed(name)))
        else:
            stack.removes.append(name)
    return tuple(stack.edits() for stack in stacks), tuple(mistakes)


def is_needed(role: str) -> str:
    """
    Say why a place cannot be removed.
    """
    return f"{role} cannot be removed: every call needs it"


class _Stack:
    """
    One stack while its edits are gathered.
    """

    def __init__(self, order: Order) -> None:
        self.names = [place.role.value for place in order]
        self.needed = {place.role.value for place in order if place.needed}
        self.removes: list[str] = []
        self._inserts: list[tuple[Insert, None]] = []

    def insert(self, edit: Insert) -> None:
        self._inserts.append((edit, None))
        self.names.append(edit.label)

    def edits(self) -> Edits[None]:
        return Edits(tuple(self._inserts), tuple(self.removes))


def _no_place(name: str, section: str, stacks: Sequence[_Stack]) -> str:
    """
    Say that a section's stacks have no such place, and whose it is or which they have.
    """
    known = [each for stack in stacks for each in stack.names]
    text = f"no stack of [{section}] has a place {name!r}; {suggestion(name, known)}"
    for other, orders in STACKS.items():
        if other != section and any(name == place.role.value for each in orders for place in each):
            return f"{text}. {name} is a place of [{other}]: set [{other}] insert or remove"
    return text
