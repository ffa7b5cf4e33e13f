"""
Sizes at which a file or a function has become two.
"""

from __future__ import annotations

import ast

from tests.house.tree import Function, files, functions, where

FILE_LINES = 500
TEST_FILE_LINES = 600
FUNCTION_LINES = 50
ARGUMENTS = 8

#: Excused by name, each with its reason. Take out what has gone.
EXCUSED: dict[str, str] = {
    "rpcfw/spi/service.py:method": "options of a decorator, each by keyword",
}


def length(function: Function) -> int:
    """
    Return the lines of a function without its docstring and decorators.
    """
    body = function.body
    first = body[0]
    documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    docstring = first.end_lineno - first.lineno + 1 if documented else 0
    return function.end_lineno - function.lineno + 1 - docstring


def arguments(function: Function) -> int:
    """
    Return how many arguments a function takes, beside self.
    """
    taken = function.args
    names = [one.arg for one in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def excused(path, function: Function) -> bool:
    """
    Whether a function may be larger than the rest.
    """
    return f"{where(path).rpartition(':')[0]}:{function.name}" in EXCUSED


def test_files_are_small():
    """
    No file is longer than 500 lines, no test file longer than 600.
    """
    suites = files("tests", "rpcfw/testing/contracts")
    written = set(files("rpcfw", "plugins", "benchmarks", "examples")) - set(suites)
    limits = [(path, FILE_LINES) for path in sorted(written)]
    limits += [(path, TEST_FILE_LINES) for path in suites]

    lengths = [(where(path), len(path.read_text().splitlines()), limit) for path, limit in limits]

    assert [] == [(place, lines) for place, lines, limit in lengths if lines > limit]


def test_functions_are_short():
    """
    No function is longer than 50 lines.
    """
    long = [
        f"{where(path, function)} {function.name}: {length(function)} lines"
        for path in files("rpcfw", "plugins", "benchmarks", "examples", "tests")
        for function in functions(path)
        if length(function) > FUNCTION_LINES and not excused(path, function)
    ]

    assert [] == long


def test_functions_take_few_arguments():
    """
    No function takes more than 8 arguments beside self.
    """
    wide = [
        f"{where(path, function)} {function.name}: {arguments(function)} arguments"
        for path in files("rpcfw", "plugins")
        for function in functions(path)
        if arguments(function) > ARGUMENTS and not excused(path, function)
    ]

    assert [] == wide
