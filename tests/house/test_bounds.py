"""
Lower bounds that are tested, and no upper ones.
"""

from __future__ import annotations

from configparser import ConfigParser

from packaging.requirements import Requirement

from tests.house.tree import ROOT

#: Tools of ours: whoever uses rpcfw never meets them.
OURS = ("bench", "dev", "test")


def needs() -> list[Requirement]:
    """
    Return what users install with rpcfw and its extras.
    """
    parser = ConfigParser(delimiters=("=",))
    parser.read(ROOT / "setup.cfg")
    texts = [parser["options"]["install_requires"]]
    texts += [text for extra, text in parser["options.extras_require"].items() if extra not in OURS]
    lines = [line for text in texts for line in text.split("\n") if line]
    return [Requirement(line) for line in lines if not line.startswith("rpcfw[")]


def tested() -> list[Requirement]:
    """
    Return the versions that ``tox -e oldest`` holds the tests to.
    """
    lines = (ROOT / "tests" / "oldest.txt").read_text().split("\n")
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def bounds(requirements: list[Requirement], operator: str) -> set[tuple[str, str]]:
    """
    Return the names with the versions they are bound to by ``operator`` alone.
    """
    return {(one.name, str(one.specifier).removeprefix(operator)) for one in requirements}


def test_bounds_are_lower_ones():
    """
    Nothing is pinned that a project of a user's would fight with.
    """
    operators = {specifier.operator for need in needs() for specifier in need.specifier}

    assert {">="} == operators


def test_bounds_are_tested():
    """
    The oldest versions that setup.cfg allows are those that the tests are run with.
    """
    assert bounds(needs(), ">=") == bounds(tested(), "==")
