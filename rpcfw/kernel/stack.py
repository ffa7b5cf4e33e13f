"""
Stacks: filters in named places, joined into one callable once, before the first call.

The INI edits them; see `rpcfw.kernel.edits`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from attrs import field, frozen

from rpcfw.errors import SettingsError
from rpcfw.kernel.edits import Edits, Insert, is_needed
from rpcfw.kernel.nearest import suggestion
from rpcfw.kernel.orders import Order
from rpcfw.spi.deadline_keeping import keep_deadline, keeps_deadline
from rpcfw.spi.filter import CallStep, Filter, Role

__all__ = ["Stack", "Step"]


@frozen
class Step:
    """
    What is in a stack.

    Args:
        role: the name of its place, empty for what was inserted between places.
        label: what it is called; empty for an empty place.
        filter: None for an empty place.
        insert: the edit that brought it.
    """

    role: str
    label: str = ""
    filter: Filter | None = field(default=None, repr=False)
    insert: Insert | None = None

    def is_called(self, name: str) -> bool:
        """
        Tell whether ``name`` is its role or its label.
        """
        return bool(name) and name in (self.role, self.label)

    def __str__(self) -> str:
        if self.insert is not None:
            return str(self.insert)
        return f"{self.role}: {self.label or '(empty)'}"


class Stack:
    """
    An ordered list of filters. Names are roles, or labels given with a filter.

    Every method that takes the name of a place raises `SettingsError` if there is no
    such place, with those that are.
    """

    def __init__(self, order: Order) -> None:
        self._steps = [Step(place.role.value) for place in order]
        self._needed = {place.role.value for place in order if place.needed}

    def __iter__(self) -> Iterator[Step]:
        return iter(tuple(self._steps))

    def put(self, role: Role, label: str, filter: Filter) -> None:
        """
        Add a filter to a place, inside of those that are there.
        """
        step = Step(role.value, label, filter)
        first, last = self._find(role.value)
        if self._steps[first].filter is None:
            self._steps[first] = step
        else:
            self._steps.insert(last + 1, step)

    def insert(self, edit: Insert, filter: Filter) -> None:
        """
        Do an edit. Several at the same side of one place are in the order given.
        """
        first, last = self._find(edit.anchor)
        at = first
        if edit.side == "after":
            at = last + 1
            while at < len(self._steps) and _is_beside(self._steps[at].insert, edit):
                at += 1
        self._steps.insert(at, Step("", edit.label, filter, edit))

    def edit(self, edits: Edits[Filter]) -> None:
        """
        Do all that the INI asks for.
        """
        for edit, filter in edits.inserts:
            self.insert(edit, filter)
        for name in edits.removes:
            self.remove(name)

    def replace(self, name: str, label: str, filter: Filter) -> None:
        """
        Put a filter in the stead of all in a place.
        """
        first, _ = self._find(name)
        old = self._steps[first]
        self._take_out(name, Step(old.role, label, filter, old.insert))

    def remove(self, name: str) -> None:
        """
        Take away what a place holds. A role's place stays, empty.

        Raises:
            SettingsError: calls cannot do without it, too.
        """
        first, _ = self._find(name)
        role = self._steps[first].role
        if role in self._needed:
            raise SettingsError(is_needed(role))
        others = any(step.role == role and not step.is_called(name) for step in self._steps)
        self._take_out(name, Step(role) if role and not others else None)

    def describe(self) -> tuple[str, ...]:
        """
        Return one line for each place and filter, outermost first.
        """
        return tuple(str(step) for step in self._steps)

    def build(
        self, innermost: CallStep, wanted: Callable[[Filter], bool] | None = None
    ) -> CallStep:
        """
        Join the filters, each bound to what is inside of it, around ``innermost``.

        Args:
            wanted: says of each filter whether to take it; None: all are taken.
        """
        joined = innermost
        for step in reversed(self._steps):
            filter = step.filter
            if filter is not None and (wanted is None or wanted(filter)):
                inner, joined = joined, filter.bind(joined)
                if keeps_deadline(inner) and not filter.waits:
                    keep_deadline(joined)
        return joined

    def _take_out(self, name: str, successor: Step | None) -> None:
        first, _ = self._find(name)
        inside = [step for step in self._steps[first:] if not step.is_called(name)]
        self._steps[first:] = inside if successor is None else [successor, *inside]

    def _find(self, name: str) -> tuple[int, int]:
        found = [index for index, step in enumerate(self._steps) if step.is_called(name)]
        if not found:
            raise SettingsError(_no_place(name, _names(self._steps)))
        return found[0], found[-1]


def _is_beside(insert: Insert | None, edit: Insert) -> bool:
    return insert is not None and (insert.side, insert.anchor) == (edit.side, edit.anchor)


def _names(steps: Iterable[Step]) -> list[str]:
    return [name for step in steps for name in (step.role, step.label) if name]


def _no_place(name: str, known: Iterable[str]) -> str:
    return f"the stack has no place {name!r}; {suggestion(name, known)}"
