"""
Sizes at which a file or a function has become two.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap

import rpcfw_grpc
from tests.house.tree import Function, files, functions, where

FILE_LINES = 350
TEST_FILE_LINES = 600
FUNCTION_LINES = 45
TEST_FUNCTION_LINES = 50
ARGUMENTS = 8

#: For the gRPC plugin, whose machine was once one object of 117 methods.
CLASS_ATTRIBUTES = 20
CLASS_METHODS = 40

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
    No file is longer than 350 lines, no test file longer than 600.
    """
    suites = files("tests", "rpcfw/testing/contracts")
    written = set(files("rpcfw", "plugins", "benchmarks", "examples")) - set(suites)
    limits = [(path, FILE_LINES) for path in sorted(written)]
    limits += [(path, TEST_FILE_LINES) for path in suites]

    lengths = [(where(path), len(path.read_text().splitlines()), limit) for path, limit in limits]

    assert [] == [(place, lines) for place, lines, limit in lengths if lines > limit]


def test_functions_are_short():
    """
    No function is longer than 45 lines, none of the tests longer than 50.
    """
    written = [(path, FUNCTION_LINES) for path in files("rpcfw", "plugins", "examples")]
    written += [(path, TEST_FUNCTION_LINES) for path in files("benchmarks", "tests")]
    long = [
        f"{where(path, function)} {function.name}: {length(function)} lines"
        for path, limit in written
        for function in functions(path)
        if length(function) > limit and not excused(path, function)
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


def attributes(cls: type) -> set[str]:
    """
    Return the names that a class and those beneath it assign to their instances.
    """
    found = set(getattr(cls, "__slots__", ())) | set(getattr(cls, "__annotations__", ()))
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            of = node.value
            found |= {node.attr} if isinstance(of, ast.Name) and of.id == "self" else set()
    return found.union(*(attributes(base) for base in cls.__bases__ if ours(base)))


def methods(cls: type) -> set[str]:
    """
    Return the names of the methods of a class and of those beneath it.
    """
    own = {name for name, value in vars(cls).items() if inspect.isfunction(value)}
    return own.union(*(methods(base) for base in cls.__bases__ if ours(base)))


def ours(cls: type) -> bool:
    """
    Whether a class is of the gRPC plugin.
    """
    return str(cls.__module__).startswith("rpcfw_grpc")


def test_classes_of_the_grpc_plugin_are_small():
    """
    No class has more than 20 instance attributes or 40 methods, inherited ones among them.
    """
    modules = [
        importlib.import_module(name.name)
        for name in pkgutil.walk_packages(rpcfw_grpc.__path__, "rpcfw_grpc.")
    ]
    classes = {
        cls
        for module in modules
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if ours(cls) and "_pb2" not in cls.__module__
    }
    large = [
        f"{cls.__module__}.{cls.__name__}: {len(attributes(cls))}, {len(methods(cls))}"
        for cls in classes
        if len(attributes(cls)) > CLASS_ATTRIBUTES or len(methods(cls)) > CLASS_METHODS
    ]

    assert classes
    assert [] == sorted(large)
