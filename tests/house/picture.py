"""
The picture of the architecture, drawn from the imports. To write it anew::

    python -m tests.house.picture

A row is a layer of the import contract. A box is a package, with the first sentence of its
docstring and its folders. An arrow is an import; one that other arrows imply is left out.
"""

from __future__ import annotations

import ast
import textwrap
from html import escape

from attrs import frozen

from tests.house.imports import families, folder, imports, layers, reduced
from tests.house.test_declared import DECLARED
from tests.house.tree import ROOT, parsed

__all__ = ["PICTURE", "drawn"]

PICTURE = ROOT / "docs" / "architecture.svg"

#: Sizes in pixels. A row of the core has three columns; the families are one column beside.
WIDTH = 250
GUTTER = 46
MARGIN = 30
GAP = 48
LINE = 16
COLUMNS = 3
#: Characters of the text that fit into a box.
CHARACTERS = 36
#: Packages below this one are for the plugins too.
SHARED = "spi"

HEAD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" \
font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif" font-size="12">
<title>Packages of rpcfw and what they import</title>
<!-- Written by: python -m tests.house.picture -->
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" \
orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#5b6b7c"/></marker></defs>
<rect width="{width}" height="{height}" fill="#ffffff"/>
"""


@frozen
class Box:
    """
    A package in the picture.
    """

    name: str
    lines: tuple[str, ...]
    x: float
    y: float
    height: float
    column: int
    row: int

    @property
    def bottom(self) -> float:
        """
        The lower edge.
        """
        return self.y + self.height


def _summary(package: str) -> list[str]:
    """
    Return the first sentence of a package's docstring, cut into lines.
    """
    place = folder(package)
    path = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    text = ast.get_docstring(parsed(path)) or ""
    sentence = " ".join(text.split("\n\n")[0].split()).replace("``", "").partition(". ")[0]
    return textwrap.wrap(sentence.rstrip("."), CHARACTERS)


def _folders(package: str) -> list[str]:
    """
    Return the folders in a package.
    """
    place = folder(package)
    names = sorted(each.parent.name + "/" for each in place.glob("*/__init__.py"))
    return textwrap.wrap("  ".join(names), CHARACTERS) if names else []


def _plugins(family: str) -> list[str]:
    """
    Return the names by which an INI file chooses the plugins of a family.
    """
    names = [name for _, name, place in DECLARED if place.startswith(family + ".")]
    return textwrap.wrap(", ".join(names), CHARACTERS)


def _families_used(package: str) -> list[str]:
    """
    Return the plugin families that a package of the core imports.
    """
    names = sorted(imports()[package] & set(families()))
    return [f"imports {name}" for name in names]


def _texts(package: str) -> tuple[str, ...]:
    """
    Return the lines in a box.
    """
    return (*_summary(package), *_folders(package), *_families_used(package))


def _height(lines: int) -> float:
    """
    Return the height of a box with a title and so many lines.
    """
    return 30 + LINE * lines


def _columns(count: int) -> list[int]:
    """
    Return in which columns the packages of a row stand.
    """
    return {1: [1], 2: [0, 2]}.get(count, list(range(count)))


def _left(column: int) -> float:
    """
    Return where a column begins.
    """
    return MARGIN + GUTTER + column * (WIDTH + GUTTER)


def _core() -> dict[str, Box]:
    """
    Return the boxes of the core, row by row.
    """
    boxes = {}
    top: float = MARGIN + 30
    for row, names in enumerate(layers()):
        texts = [_texts(name) for name in names]
        height = _height(max(map(len, texts)))
        for name, lines, column in zip(names, texts, _columns(len(names)), strict=True):
            boxes[name] = Box(name, lines, _left(column), top, height, column, row)
        top += height + GAP
    return boxes


def _beside(core: dict[str, Box]) -> list[Box]:
    """
    Return the boxes of the plugin families: a column that ends above the shared layers.
    """
    texts = {name: (*_texts(name), *_plugins(name)) for name in families()}
    heights = {name: _height(len(lines)) for name, lines in texts.items()}
    space = core[SHARED].y - GAP - (MARGIN + 30) - sum(heights.values())
    top: float = MARGIN + 30
    boxes = []
    for name, lines in texts.items():
        boxes.append(Box(name, lines, _left(COLUMNS) + 20, top, heights[name], COLUMNS, 0))
        top += heights[name] + max(12, space / (len(texts) - 1))
    return boxes


def _rectangle(box: Box, fill: str) -> str:
    """
    Return a box as SVG.
    """
    x = box.x + 12
    rows = [
        f'<text x="{x:g}" y="{box.y + 20:g}" font-size="15" font-weight="bold">{box.name}</text>'
    ]
    rows += [
        f'<text x="{x:g}" y="{box.y + 38 + LINE * index:.1f}" fill="#33404d">{escape(line)}</text>'
        for index, line in enumerate(box.lines)
    ]
    frame = (
        f'<rect x="{box.x:g}" y="{box.y:.1f}" width="{WIDTH}" height="{box.height:g}" rx="6" '
        f'fill="{fill}" stroke="#8fa3b8"/>'
    )
    return "\n".join((frame, *rows))


def _arrow(path: str) -> str:
    """
    Return a line with a tip as SVG.
    """
    return f'<path d="{path}" fill="none" stroke="#5b6b7c" marker-end="url(#tip)"/>'


def _ports(arrows: list[tuple[Box, Box]], box: Box, end: int) -> dict[str, float]:
    """
    Return where the arrows of a box begin (end 0) or stop (1), by the package at the other end.
    """
    others = sorted((pair[1 - end] for pair in arrows if pair[end] is box), key=lambda b: b.x)
    step = WIDTH / (len(others) + 1)
    return {other.name: box.x + step * (index + 1) for index, other in enumerate(others)}


def _route(start: float, end: float, pair: tuple[Box, Box], lane: int) -> str:
    """
    Return the way of an arrow; one that passes over a row goes between the columns.
    """
    source, target = pair
    if target.row == source.row + 1:
        middle = (source.bottom + target.y) / 2
        return (
            f"M{start:.1f} {source.bottom:.1f} C{start:.1f} {middle:.1f} "
            f"{end:.1f} {middle:.1f} {end:.1f} {target.y - 1:.1f}"
        )
    side = target.column + (source.column > target.column)
    x = _left(side) - GUTTER / 2 + 7 * (lane % 4) - 10
    below, above = source.bottom + 9 + 5 * (lane % 4), target.y - 12 - 5 * (lane % 4)
    return (
        f"M{start:.1f} {source.bottom:.1f} V{below:.1f} H{x:.1f} V{above:.1f} "
        f"H{end:.1f} V{target.y - 1:.1f}"
    )


def _arrows(core: dict[str, Box]) -> list[str]:
    """
    Return the imports among the packages of the core.
    """
    graph = reduced(imports())
    pairs = [
        (box, core[name]) for box in core.values() for name in sorted(graph[box.name] & set(core))
    ]
    found = []
    for lane, (source, target) in enumerate(pairs):
        start = _ports(pairs, source, 0)[target.name]
        end = _ports(pairs, target, 1)[source.name]
        found.append(_arrow(_route(start, end, (source, target), lane)))
    return found


def _band(box: Box) -> str:
    """
    Return the ground on which a layer stands.
    """
    width = _left(COLUMNS) - GUTTER / 2 - MARGIN - 10
    return (
        f'<rect x="{MARGIN}" y="{box.y - 8:.1f}" width="{width:g}" height="{box.height + 16:g}" '
        f'rx="8" fill="#f3f5f8"/>'
    )


def _frame(core: dict[str, Box], beside: list[Box]) -> list[str]:
    """
    Return the frame around the plugin families, and the arrow from it to the shared layers.
    """
    x, y, width = _left(COLUMNS), MARGIN, WIDTH + 40
    bottom = beside[-1].bottom + 14
    shared = core[SHARED]
    middle = shared.y + shared.height / 2
    return [
        (
            f'<rect x="{x:g}" y="{y}" width="{width}" height="{bottom - y:.1f}" rx="8" '
            f'fill="#f4f7f2" stroke="#a9b89c" stroke-dasharray="4 3"/>'
        ),
        f'<text x="{x + 20:g}" y="{y + 20}" font-weight="bold">plugins/ (families)</text>',
        f'<text x="{MARGIN + GUTTER:g}" y="{y + 20}" font-weight="bold">rpcfw/ (the core)</text>',
        _arrow(f"M{x + width / 2:g} {bottom:.1f} V{middle:.1f} H{shared.x + WIDTH + 1:.1f}"),
        (
            f'<text x="{x + 10:g}" y="{middle + 18:.1f}" fill="#33404d">'
            f"families import {SHARED} and what is below it</text>"
        ),
    ]


def drawn() -> str:
    """
    Return the picture.
    """
    core = _core()
    beside = _beside(core)
    width = _left(COLUMNS) + WIDTH + 40 + MARGIN
    height = max(core[layers()[-1][0]].bottom, beside[-1].bottom) + MARGIN
    parts = [
        *map(_band, {box.row: box for box in core.values()}.values()),
        *_frame(core, beside),
        *_arrows(core),
        *(_rectangle(box, "#e8f0f8") for box in core.values()),
        *(_rectangle(box, "#e9f2e1") for box in beside),
    ]
    return HEAD.format(width=f"{width:g}", height=f"{height:.0f}") + "\n".join(parts) + "\n</svg>\n"


if __name__ == "__main__":
    PICTURE.write_text(drawn(), encoding="utf-8")
