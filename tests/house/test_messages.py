"""
The messages that the page on troubleshooting quotes are those of the program.
"""

from __future__ import annotations

import ast
import re
from functools import lru_cache

import pytest

from tests.house.tree import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
QUOTED = re.findall(r"(?m)^#### `(.+)`$", PAGE.read_text())

#: What stands for a value, in the page and in a text of the source.
VALUE = "…"


@lru_cache(maxsize=1)
def texts() -> tuple[str, ...]:
    """
    Return each text of the source: literals, and templates with their values left out.
    """
    found = []
    for folder in "rpcfw", "plugins":
        for file in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.JoinedStr):
                    parts = (getattr(each, "value", VALUE) for each in node.values)
                    found.append("".join(p if isinstance(p, str) else VALUE for p in parts))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    # Of the log, whose templates name their values.
                    found.append(re.sub(r"\{[^}]*\}", VALUE, node.value))
    return tuple(found)


def pattern_of(quoted: str) -> re.Pattern[str]:
    """
    Return what a text with this message in it matches.
    """
    return re.compile(".*".join(map(re.escape, quoted.split(VALUE))))


@pytest.mark.parametrize("quoted", QUOTED)
def test_a_quoted_message_is_in_the_source(quoted):
    """
    A message that a person looks for on the page is one that the program can write.
    """
    pattern = pattern_of(quoted)

    assert [text for text in texts() if pattern.search(text)]


@pytest.mark.parametrize("quoted", QUOTED)
def test_a_quoted_message_says_enough(quoted):
    """
    What is quoted is long enough to be told from other messages, and stands there once.
    """
    assert max(map(len, quoted.split(VALUE))) >= 12
    assert 1 == QUOTED.count(quoted)


def test_what_nobody_writes_is_found_out():
    """
    A message that was changed in the source is missed.
    """
    pattern = pattern_of("the service … is not to be had here")

    assert not any(pattern.search(text) for text in texts())
