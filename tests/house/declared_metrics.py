"""
The metrics that the code declares, read from its text: no process declares all of them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from tests.house.tree import files, parsed, where

__all__ = ["DeclaredMetric", "declared_metrics"]

_KINDS = {
    "counter": "counter",
    "observed_counter": "counter",
    "gauge": "gauge",
    "observed_gauge": "gauge",
    "histogram": "histogram",
}
#: The one name that is put together: of calls at either side.
_SIDES = ("client", "server")


@frozen
class DeclaredMetric:
    """
    One metric.

    Args:
        place: file and line.
    """

    name: str
    kind: str
    meaning: str
    labels: tuple[str, ...]
    place: str


def declared_metrics() -> list[DeclaredMetric]:
    """
    Return each metric once for each place that declares it.
    """
    return [
        metric
        for path in files("rpcfw", "plugins")
        if "testing" not in path.parts
        for metric in _of_file(path)
    ]


def _of_file(path: Path) -> Iterator[DeclaredMetric]:
    for scope in ast.walk(parsed(path)):
        if isinstance(scope, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield from _of_function(path, scope)


def _of_function(path: Path, function: ast.AST) -> Iterator[DeclaredMetric]:
    for node in ast.walk(function):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        kind = _KINDS.get(node.func.attr)
        if kind is None or not _is_meter(node.func.value) or len(node.args) < 2:
            continue
        values = _assigned(function, node.lineno)
        named = _texts(node.args[0], values)
        (meaning,) = _texts(node.args[1], values)
        labels = tuple(text for each in node.args[2:] for text in _labels(each, values))
        for name in named:
            yield DeclaredMetric(name, kind, meaning, labels, where(path, node))


def _is_meter(node: ast.AST) -> bool:
    return getattr(node, "attr", getattr(node, "id", "")) == "meter"


def _assigned(function: ast.AST, line: int) -> dict[str, ast.AST]:
    """
    Return what local names stand for at a line: the last assignment above it.
    """
    found: dict[str, ast.AST] = {}
    nodes = [node for node in ast.walk(function) if isinstance(node, ast.Assign)]
    for node in sorted(nodes, key=lambda node: node.lineno):
        if node.lineno > line:
            continue
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                for one, value in zip(target.elts, node.value.elts, strict=True):
                    found[getattr(one, "id", "")] = value
            else:
                found[getattr(target, "id", "")] = node.value
    return found


def _texts(node: ast.AST, values: dict[str, ast.AST]) -> tuple[str, ...]:
    if isinstance(node, ast.Name):
        return _texts(values[node.id], values)
    if isinstance(node, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.Constant) else None for part in node.values]
        return tuple("".join(side if one is None else str(one) for one in parts) for side in _SIDES)
    assert isinstance(node, ast.Constant), f"line {node.lineno}: write the text out"  # type: ignore[attr-defined]
    return (str(node.value),)


def _labels(node: ast.AST, values: dict[str, ast.AST]) -> tuple[str, ...]:
    if isinstance(node, ast.Starred) and isinstance(node.value, ast.Name):
        return _labels(values[node.value.id], values)
    if isinstance(node, ast.Tuple):
        return tuple(text for each in node.elts for text in _labels(each, values))
    return _texts(node, values)
