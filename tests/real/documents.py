"""
What stands in the documents: their blocks, the files and the commands in them.
"""

from __future__ import annotations

import re
import shlex
from configparser import ConfigParser
from pathlib import Path

from attrs import frozen

from tests.house.tree import ROOT

__all__ = [
    "ANCHOR",
    "DOCUMENTS",
    "LINK",
    "Block",
    "Install",
    "blocks_of",
    "files_of",
    "headings_of",
    "installs",
]

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

LINK = re.compile(r"\]\((?!http)([^)#]+)")
#: The document, if it is another one, and the heading in it.
ANCHOR = re.compile(r"\]\((?!http)([^)#]*)#([^)]+)\)")

_BLOCK = re.compile(r"(?ms)^```(\w*)\n(.*?)^```$")
#: The name of a file, last of the paragraph before its block.
_NAME = re.compile(r"`([\w.]+\.(?:py|ini|proto))`[^`]*:\n\n\Z")
_REQUIREMENT = re.compile(r"[\w.-]+")


@frozen
class Block:
    """
    A fenced block.

    Args:
        kind: what stands behind the fence, empty for output.
        text: its lines.
        name: of the file that it is, empty for what is no file.
    """

    kind: str
    text: str
    name: str = ""


def blocks_of(document: str) -> list[Block]:
    """
    Return every fenced block of a document, in order.
    """
    text = (ROOT / document).read_text()
    blocks = []
    for match in _BLOCK.finditer(text):
        name = _NAME.search(text[: match.start()])
        kind, lines = match.groups()
        blocks.append(Block(kind, lines, name[1] if name and kind not in ("sh", "") else ""))
    assert 2 * len(blocks) == text.count("```"), f"{document}: a fence is indented, or not closed"
    return blocks


def files_of(document: str) -> dict[str, str]:
    """
    Return the files that a document shows, by name.
    """
    found = [(block.name, block.text) for block in blocks_of(document) if block.name]
    assert len(found) == len(dict(found)), "two files of one name"
    return dict(found)


def headings_of(document: Path) -> set[str]:
    """
    Return the anchors of a document's headings, as they are made where it is shown.
    """
    headings = re.findall(r"(?m)^#+ (.*)$", document.read_text())
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@frozen
class Install:
    """
    A command that makes or changes an environment, which tests do not run.
    """

    words: tuple[str, ...]

    def exist(self) -> bool:
        """
        Tell whether what it names is in this tree: extras, environments, requirements.
        """
        setup, tox = ConfigParser(), ConfigParser(interpolation=None)
        setup.read(ROOT / "setup.cfg")
        tox.read(ROOT / "tox.ini")
        extras = dict(setup["options.extras_require"])
        packages = set(_REQUIREMENT.findall(" ".join(extras.values())))
        for before, word in zip(self.words, self.words[1:], strict=False):
            if word.startswith(".["):
                if not set(word[2:-1].split(",")) <= extras.keys():
                    return False
            elif before == "-e":
                if f"testenv:{word}" not in tox:
                    return False
            elif before == "install" and word not in {".", *packages}:
                return False
        return True


def installs(line: str) -> Install | None:
    """
    Return the command of a line that makes or changes an environment; None for others.
    """
    words = tuple(shlex.split(line, comments=True))
    begins = {("python3", "-m", "venv"), ("pip", "install"), ("pipx", "run", "tox")}
    return Install(words) if any(words[: len(each)] == each for each in begins) else None
