"""
The pages that lead a newcomer through the source, and their picture.
"""

from __future__ import annotations

import re

import pytest

from tests.house.imports import families, folder, layers, reduced
from tests.house.picture import PICTURE, drawn
from tests.house.tree import ROOT

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

#: A path in the source tree, as pages write it.
PATH = re.compile(r"`((?:rpcfw|plugins|tests|docs|conf|examples|benchmarks)/[\w./-]*)`")


def test_the_picture_is_that_of_the_imports():
    """
    The committed picture shows the packages and imports of the source.
    """
    fresh = drawn() == PICTURE.read_text(encoding="utf-8")

    assert fresh, "stale; to write it anew: python -m tests.house.picture"


@pytest.mark.parametrize("name", [*families(), *(name for row in layers() for name in row)])
def test_every_package_is_in_the_picture(name):
    """
    A package of the core and a plugin family each have a box with a text.
    """
    assert f'font-weight="bold">{name}</text>' in PICTURE.read_text(encoding="utf-8")
    assert folder(name).exists() or folder(name).with_suffix(".py").exists()


def test_an_implied_import_is_left_out():
    """
    The picture has no arrow from a package to one that another arrow leads to.
    """
    graph = {"top": {"middle", "low"}, "middle": {"low"}, "low": set()}

    assert {"top": {"middle"}, "middle": {"low"}, "low": set()} == reduced(graph)


def named() -> list[tuple[str, str]]:
    """
    Return (page, path) of each path of the source tree that a page names.
    """
    return [
        (page.name, path) for page in PAGES for path in sorted(set(PATH.findall(page.read_text())))
    ]


@pytest.mark.parametrize(("page", "path"), named())
def test_a_named_file_exists(page, path):
    """
    A file or folder that a page names is where the page says.
    """
    assert (ROOT / path).exists()
