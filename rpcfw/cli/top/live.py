"""
The table on a terminal: drawn at each look, and when a key is pressed.
"""

from __future__ import annotations

import sys
from typing import Any, TextIO

from rpcfw.cli.top.lines import table_lines
from rpcfw.cli.top.rows import Look
from rpcfw.cli.top.screen import Screen
from rpcfw.cli.top.watcher import Watcher
from rpcfw.spi.runtime.waiting import CANCELLED, spawn

__all__ = ["LiveTable"]

_SORTS = {"c": "calls", "e": "errors", "f": "in-flight", "p": "p99", "n": "name"}
#: An arrow is ESC [ A or B; the other two characters mean nothing by themselves.
_DOWN, _UP = ("j", "B"), ("k", "A")
_WAITING = "looking at the fleet ..."
_HELP = "q quit  i instances/services  order: c calls  e errors  f in flight  p p99  n name"


class LiveTable:
    """
    What is shown, and how.

    Args:
        sort: the order of the rows.
        instances: a row for each instance; else for each service.
    """

    def __init__(self, sort: str, *, instances: bool) -> None:
        self.sort = sort
        self.instances = instances
        self.look: Look | None = None
        #: Rows that are above the screen.
        self.above = 0

    async def show(self, reactor: Any, watcher: Watcher, only: str, out: TextIO) -> None:
        """
        Draw until somebody leaves.
        """

        async def drawing() -> None:
            async for look in watcher.looks(only):
                self.look = look
                draw()

        def draw() -> None:
            screen.draw(*self.page(screen.size.lines))

        def pressed(key: str) -> None:
            if key == "q":
                running.cancel()
            elif self.press(key):
                draw()

        with Screen(reactor, out, sys.stdin.fileno(), pressed, draw) as screen:
            draw()
            running = spawn(drawing())
            try:
                await running
            except CANCELLED:
                return

    def press(self, key: str) -> bool:
        """
        Follow a key; tell whether it means something.
        """
        if key in _SORTS:
            self.sort, self.above = _SORTS[key], 0
        elif key == "i":
            self.instances, self.above = not self.instances, 0
        elif key in _DOWN:
            self.above += 1
        elif key in _UP:
            self.above = max(self.above - 1, 0)
        else:
            return False
        return True

    def page(self, height: int) -> tuple[list[str], int]:
        """
        Return the lines of the screen, and which of them has the titles.
        """
        if self.look is None:
            return [_WAITING], height
        lines = table_lines(self.look, self.sort, instances=self.instances)
        titles = lines.index("") + 1
        head, rows = lines[: titles + 1], lines[titles + 1 :]
        space = max(height - len(head) - 1, 1)
        self.above = min(self.above, max(len(rows) - space, 0))
        shown = rows[self.above : self.above + space]
        return [*head, *shown, *[""] * (space - len(shown)), _HELP], titles
