"""
Lower bounds that are tested, and no upper ones.
"""

from __future__ import annotations

import re
from configparser import ConfigParser

from tests.house.tree import ROOT

#: Tools of ours: whoever uses rpcfw never meets them.
OURS = ("bench", "dev", "test")

NEED = re.compile(r"(?P<name>[A-Za-z0-9_-]+)(\[[a-z,]+\])?(?P<bound>.*)\Z")


def needs() -> dict[str, str]:
    """
    Return what users install with rpcfw and its extras: name and bound.
    """
    parser = ConfigParser()
    parser.read(ROOT / "setup.cfg")
    texts = [parser["options"]["install_requires"]]
    texts += [text for extra, text in parser["options.extras_require"].items() if extra not in OURS]
    lines = [line for text in texts for line in text.split("\n") if line]
    found = [NEED.match(line) for line in lines if not line.startswith("rpcfw[")]
    return {match["name"]: match["bound"] for match in found}


def test_bounds_are_lower_ones():
    """
    Nothing is pinned that a project of a user's would fight with.
    """
    assert [] == [(name, bound) for name, bound in needs().items() if not bound.startswith(">=")]
    assert [] == [(name, bound) for name, bound in needs().items() if "," in bound]


def test_bounds_are_tested():
    """
    The oldest versions that setup.cfg allows are those that ``tox -e oldest`` runs.
    """
    lines = (ROOT / "tests" / "oldest.txt").read_text().split("\n")
    tested = dict(line.split("==") for line in lines if line and not line.startswith("#"))

    assert needs() == {name: f">={version}" for name, version in tested.items()}
