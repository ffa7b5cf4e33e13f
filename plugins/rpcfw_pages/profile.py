"""
``/profile``: where the time of this process goes.

A thread looks at the stacks of all others a hundred times a second (sampling). A tracer, such as
`cProfile`, is called at each function: it slows down all calls by a third and more while it
runs, which nobody wants of a process in use, and it sees one thread. Sampling costs about 1 %.
Its numbers are shares, not times of single calls. Python lets the thread look only between two
instructions of the others, or while they wait for the system: a function of C that holds the lock
of the interpreter is seen at the line that called it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import ClassVar

from rpcfw.printable import printable
from rpcfw.spi.page import Page, PageRefused, PageRequest, PageResponse
from rpcfw.spi.page_content import Cell, Facts, PageContent
from rpcfw_pages.frames import Place
from rpcfw_pages.rows import table
from rpcfw_pages.sampler import Sampler

__all__ = ["Profile"]

_MAX_S = 60.0
_MAX_FUNCTIONS = 100
_COLUMNS = ("self_percent", "total_percent", "function", "place")
_VIEWS = ("functions", "stacks")


class Profile(Page):
    """
    ``?seconds=10``: for how long; ``?view=stacks``: a line for each stack, for a flame graph.
    """

    path: ClassVar[str] = "/profile"
    title: ClassVar[str] = "where the time goes: ?seconds=10"
    exclusive: ClassVar[bool] = True

    async def render(self, request: PageRequest) -> PageContent | PageResponse:
        view = request.query.get("view", "functions")
        if view not in _VIEWS:
            raise PageRefused(400, f"view: expected functions or stacks, got {view[:50]!r}")
        limit_s = request.number("seconds", 10.0, 0.1, _MAX_S)
        sampler = Sampler(self.plugin_context.clock.seconds, self.stopped())
        try:
            await self.plugin_context.threads.call(sampler.run, limit_s)
        finally:
            sampler.stop()  # whoever asked may have gone
        if view == "stacks":
            return _stacks(sampler)
        return _functions(sampler, limit_s)

    def stopped(self) -> threading.Event:
        """
        Return what ends one profile.
        """
        return threading.Event()


def _functions(sampler: Sampler, limit_s: float) -> PageContent:
    """
    Return the functions that took the most time, by themselves and with what they called.
    """
    own, whole = Counter[Place](), Counter[Place]()
    for (_, stack), count in sampler.counts.items():
        own[_function(stack[0])] += count
        for place in {*map(_function, stack)}:  # once, though it calls itself
            whole[place] += count
    busy = sum(own.values())
    order = sorted(whole, key=lambda place: (own[place], whole[place]), reverse=True)
    rows = (_row(place, own[place], whole[place], busy) for place in order)
    threads = [
        (name, count, round(100 * sampler.busy[name] / count, 1))
        for name, count in sampler.seen.most_common()
    ]
    facts = {"seconds": limit_s, "samples": sampler.samples, "busy_samples": busy}
    return PageContent(
        [
            Facts("profile", facts),
            table("functions", _COLUMNS, rows, len(order), _MAX_FUNCTIONS),
            table("threads", ("thread", "samples", "busy_percent"), threads, len(threads)),
        ]
    )


def _function(place: Place) -> Place:
    return place[0], 0, place[2]


def _row(place: Place, own: int, whole: int, busy: int) -> Sequence[Cell]:
    file, _, function = place
    return round(100 * own / busy, 1), round(100 * whole / busy, 1), function, file


def _stacks(sampler: Sampler) -> PageResponse:
    """
    Return a line for each stack and how often it was seen, as tools for flame graphs read it.
    """
    body = "".join(f"{line}\n" for line in _lines(sampler))
    return PageResponse(body.encode(errors="backslashreplace"), "text/plain; charset=utf-8")


def _lines(sampler: Sampler) -> Iterator[str]:
    for (thread, stack), count in sampler.counts.most_common():
        names = (f"{function} ({file}:{line})" for file, line, function in reversed(stack))
        parts = (printable(part.replace(";", ",")) for part in (thread, *names))
        yield f"{';'.join(parts)} {count}"
