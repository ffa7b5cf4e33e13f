"""
The files of the house as syntax trees, for the rules that are about their text.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = ["ROOT", "files", "functions", "named", "parsed", "where"]

ROOT = Path(__file__).parents[2]

#: What protoc wrote is judged where it is written from.
GENERATED = ("_pb2.py", "_pb2_grpc.py", "_rpc.py")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def files(*folders: str) -> list[Path]:
    """
    Return every Python file that people write under the named folders.
    """
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return [path for path in found if not path.name.endswith(GENERATED)]


@cache
def parsed(path: Path) -> ast.Module:
    """
    Return the syntax tree of a file.
    """
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def functions(path: Path) -> Iterator[Function]:
    """
    Yield every function of a file, inner ones and methods too.
    """
    for node in ast.walk(parsed(path)):
        if isinstance(node, Function):
            yield node


def named(path: Path) -> Iterator[tuple[str, ast.ClassDef | Function]]:
    """
    Yield every class and function of a file with its name.
    """
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ClassDef | Function):
            yield node.name, node


def where(path: Path, node: ast.AST | None = None) -> str:
    """
    Return a place as a person looks for it.
    """
    line = getattr(node, "lineno", 1)
    return f"{path.relative_to(ROOT)}:{line}"
