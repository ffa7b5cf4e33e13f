"""
Tests and modules say what they are for.
"""

from __future__ import annotations

import ast

from tests.house.tree import files, functions, parsed, where


def test_every_test_states_a_promise():
    """
    Each test has a docstring: what holds for a user, not how it is checked.
    """
    silent = [
        f"{where(path, function)} {function.name}"
        for path in files("tests")
        for function in functions(path)
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]

    assert [] == silent


def test_every_file_says_what_it_holds():
    """
    Each module has a docstring.
    """
    paths = files("rpcfw", "plugins", "benchmarks", "examples", "tests")

    assert [] == [where(path) for path in paths if not ast.get_docstring(parsed(path))]


def test_no_unfinished_lines():
    """
    Nothing is put off in a comment: it is done, or it is in the tracker.
    """
    marks = ("TO" + "DO", "FIX" + "ME", "XX" + "X")

    found = [
        f"{where(path)} {mark}"
        for path in files("rpcfw", "plugins", "benchmarks", "examples", "tests")
        for mark in marks
        if mark in path.read_text()
    ]

    assert [] == found
