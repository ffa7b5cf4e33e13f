"""
Time, chance and the reactor are arguments; few files may name where they come from.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.tree import files, parsed, where

MODULES = frozenset(("time", "random", "secrets"))
CALLS = frozenset(("sleep", "now", "utcnow", "today"))

#: Files and folders that hand them in, each with its reason.
NAMED: dict[str, str] = {
    "rpcfw/app/reactors.py": "hands them in",
    "rpcfw/testing/": "seeded chance for tests",
}

#: Folders whose tests meet real clocks and wait for real things, with a limit.
REAL = ("tests/real/", "tests/interop/")
#: Where asyncio sleeps on a lab's clock, in no time.
NO_TIME = ("tests/lab/test_worlds.py",)


def sources(path: Path) -> Iterator[tuple[ast.AST, str]]:
    """
    Yield each place of a file that reaches for a clock, for chance or the reactor.
    """
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in MODULES or alias.name == "twisted.internet.reactor":
                    yield node, f"import {alias.name}"
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            if node.module in MODULES or (node.module == "twisted.internet" and "reactor" in names):
                yield node, f"from {node.module} import {', '.join(sorted(names))}"
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in CALLS:
            yield node, f".{node.func.attr}()"


def test_time_and_chance_are_arguments():
    """
    Only the named files name a clock, a source of chance or the global reactor.
    """
    found = [
        f"{where(path, node)} {what}"
        for path in files("rpcfw", "plugins")
        for node, what in sources(path)
        if not where(path).startswith(tuple(NAMED))
    ]

    assert [] == found


def test_no_test_sleeps():
    """
    Tests move a clock by hand; none waits for time to pass.
    """
    found = [
        f"{where(path, node)} {what}"
        for path in files("tests")
        if not where(path).startswith(REAL + NO_TIME)
        for node, what in sources(path)
        if what == ".sleep()" or what.startswith(("from time", "import time"))
    ]

    assert [] == found


def test_named_files_are_there():
    """
    An excuse goes when its file goes, or mends its ways.
    """
    paths = files("rpcfw", "plugins")
    reaching = [where(path) for path in paths if any(sources(path))]

    idle = [name for name in NAMED if not any(place.startswith(name) for place in reaching)]

    assert [] == idle
