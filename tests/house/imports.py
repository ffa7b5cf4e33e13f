"""
Which package imports which, read from the source.
"""

from __future__ import annotations

import ast
from configparser import ConfigParser
from functools import cache
from pathlib import Path

from tests.house.tree import ROOT, parsed

__all__ = ["Graph", "families", "folder", "imports", "layers", "reduced"]

#: Package to the packages that it imports. A package of the core goes by its name without
#: ``rpcfw.``; a plugin family by its full name.
Graph = dict[str, set[str]]


def _setup() -> ConfigParser:
    """
    Return ``setup.cfg``, which declares the layers and the plugin families.
    """
    parser = ConfigParser(delimiters=("=",))
    parser.read(ROOT / "setup.cfg")
    return parser


def layers() -> list[list[str]]:
    """
    Return the packages of the core, highest layer first, as the import contract has them.
    """
    rows = _setup()["importlinter:contract:floors"]["layers"].strip().splitlines()
    return [[name.strip() for name in row.split("|")] for row in rows]


def families() -> list[str]:
    """
    Return the plugin families.
    """
    roots = _setup()["importlinter"]["root_packages"].split()
    return [name for name in roots if name != "rpcfw"]


def folder(package: str) -> Path:
    """
    Return where the source of a package is: a folder, or a file without its ending.
    """
    return ROOT / "plugins" / package if package in families() else ROOT / "rpcfw" / package


def _sources(package: str) -> list[Path]:
    """
    Return the files of a package.
    """
    place = folder(package)
    return sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


def _imported(path: Path) -> set[str]:
    """
    Return the modules that a file names in its imports.
    """
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "rpcfw":
            found.update(f"rpcfw.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def _package_of(module: str) -> str:
    """
    Return the package that a module belongs to; of another project: its first name.
    """
    first, *rest = module.split(".")
    return rest[0] if first == "rpcfw" and rest else first


@cache
def imports() -> Graph:
    """
    Return the import graph of the core's packages and the plugin families.
    """
    packages = {name for row in layers() for name in row} | set(families())
    graph = {}
    for package in packages:
        modules = set().union(*map(_imported, _sources(package)))
        graph[package] = (set(map(_package_of, modules)) & packages) - {package}
    return graph


def _reached(graph: Graph, start: str) -> set[str]:
    """
    Return what a package imports, directly or through others.
    """
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def reduced(graph: Graph) -> Graph:
    """
    Return the graph without each import that others imply: its transitive reduction.
    """
    implied = {
        package: set().union(*(_reached(graph, other) for other in others))
        for package, others in graph.items()
    }
    return {package: others - implied[package] for package, others in graph.items()}
