"""
Plots as SVG: horizontal bars, and ranges on a logarithmic axis.

Every balancer has a line, and each fleet a colour. The files are small and the same for the
same figures, so that a change of a balancer shows in their difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10

from attrs import frozen

__all__ = ["Mark", "bars", "ranges"]

_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 130, 50, 52, 30
_LINE, _BAR = 40, 12
_COLORS = ("#3b6ea5", "#d98c3a", "#6a9f58")
_STYLE = "font-family:sans-serif;font-size:12px;fill:#333"


@frozen
class Mark:
    """
    What is drawn for one balancer in one fleet.

    Args:
        values: one for a bar; the smallest first for a range.
        text: beside it.
    """

    values: tuple[float, ...]
    text: str


#: By balancer, and in it by fleet.
Marks = Mapping[str, Mapping[str, Mark]]


def bars(title: str, marks: Marks) -> str:
    """
    Draw a bar for each balancer and fleet.
    """
    highest = max(mark.values[0] for fleets in marks.values() for mark in fleets.values())
    scale = (_WIDTH - _LEFT - _RIGHT) / (highest or 1)

    def draw(mark: Mark, y: float, color: str) -> list[str]:
        width = mark.values[0] * scale
        return [
            f'<rect x="{_LEFT}" y="{y:.0f}" width="{width:.1f}" height="{_BAR}" fill="{color}"/>',
            _text(_LEFT + width + 5, y + _BAR - 2, mark.text),
        ]

    return _plot(title, marks, draw, [])


def ranges(title: str, marks: Marks, ticks: Sequence[tuple[float, str]]) -> str:
    """
    Draw a line with a dot for each value, on a logarithmic axis with these ticks.
    """
    low, high = log10(ticks[0][0]), log10(ticks[-1][0])

    def x_of(value: float) -> float:
        share = (log10(max(value, ticks[0][0])) - low) / (high - low)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def draw(mark: Mark, y: float, color: str) -> list[str]:
        middle = y + _BAR / 2
        first, last = x_of(mark.values[0]), x_of(mark.values[-1])
        line = f'x1="{first:.1f}" y1="{middle:.0f}" x2="{last:.1f}" y2="{middle:.0f}"'
        dots = [
            f'<circle cx="{x_of(value):.1f}" cy="{middle:.0f}" r="4" fill="{color}"/>'
            for value in mark.values
        ]
        return [f'<line {line} stroke="{color}" stroke-width="2"/>', *dots]

    return _plot(title, marks, draw, [(x_of(value), text) for value, text in ticks])


def _plot(title: str, marks: Marks, draw: object, ticks: Sequence[tuple[float, str]]) -> str:
    assert callable(draw)
    height = _TOP + _LINE * len(marks) + _BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        _text(_LEFT, 18, title, "font-weight:bold"),
    ]
    for number, fleet in enumerate(next(iter(marks.values()))):
        x = _LEFT + 120 * number
        parts.append(f'<rect x="{x}" y="28" width="10" height="10" fill="{_COLORS[number]}"/>')
        parts.append(_text(x + 15, 37, fleet))
    for x, text in ticks:
        line = f'x1="{x:.1f}" y1="{_TOP - 6}" x2="{x:.1f}" y2="{height - _BOTTOM}"'
        parts.append(f'<line {line} stroke="#ddd"/>')
        parts.append(_text(x, height - 12, text, "text-anchor:middle"))
    for line_number, (balancer, fleets) in enumerate(marks.items()):
        y = _TOP + _LINE * line_number
        parts.append(_text(_LEFT - 10, y + _BAR + 5, balancer, "text-anchor:end"))
        for number, mark in enumerate(fleets.values()):
            parts += draw(mark, y + number * (_BAR + 2), _COLORS[number])
    return "\n".join([*parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, style: str = "") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" style="{_STYLE};{style}">{text}</text>'
