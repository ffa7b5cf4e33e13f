"""
Writes the source of functions that read or write one class, and makes the functions.

In Python a call costs more than what most fields need: a string of ten characters is two
comparisons and a slice. A loop that calls a function for each field takes about twice as long
to read an order as one function with a few lines for each field; to write it, a quarter longer.
Such a function is different for each class, so its source is written here, as `dataclasses`
and attrs write ``__init__``. It is made of texts in this package and of names that are made
here: no name of a field, of a class or of a peer becomes source. Tracebacks show the lines.
"""

from __future__ import annotations

import linecache
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

__all__ = ["Source"]

_numbers = count(1)


class Source:
    """
    A function that is being written.

    Args:
        header: its ``def`` line.
        give_up: the statement that ends a plain function: one that has no decoder or encoder, and
            comes to where it would need one. Empty: the function has one.
        **names: what the source refers to, beside what `bind` names.
    """

    def __init__(self, header: str, *, give_up: str = "", **names: Any) -> None:
        self.plain = bool(give_up)
        self.give_up = give_up
        self._lines = [header]
        self._depth = 1
        self._names: dict[str, Any] = names

    def add(self, *lines: str) -> None:
        """
        Write lines at the present depth; they may be indented further.
        """
        self._lines += ["    " * self._depth + line for text in lines for line in text.split("\n")]

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """
        Write a compound statement: what is written inside is its body, which may be empty.
        """
        self.add(head)
        self._depth += 1
        begin = len(self._lines)
        yield
        if len(self._lines) == begin:
            self.add("pass")  # a class, or its definition by a peer, may have no fields
        self._depth -= 1

    def bind(self, value: Any) -> str:
        """
        Return the name by which the source refers to a value.
        """
        name = f"bound_{len(self._names)}"
        self._names[name] = value
        return name

    def function(self, about: str) -> Callable[..., Any]:
        """
        Make the function.

        Args:
            about: what tracebacks have as its file.
        """
        text = "\n".join(self._lines) + "\n"
        place = f"<rpcfw_hessian {next(_numbers)}: {about}>"
        linecache.cache[place] = len(text), None, text.splitlines(keepends=True), place
        made: dict[str, Any] = {}
        exec(compile(text, place, "exec"), self._names, made)  # noqa: S102
        (function,) = made.values()
        # The lines go with the function: a program may make a schema for each service.
        weakref.finalize(function, linecache.cache.pop, place, None)
        result: Callable[..., Any] = function
        return result
