"""
Text from others, made safe for a terminal, a log line or an error.

A name from a registry can hold what moves a cursor, ends a line, or turns the direction
in which the rest is read. Such characters are shown as escapes, in Python's form.
"""

from __future__ import annotations

import re

__all__ = ["is_plain", "printable", "printable_json", "printable_lines"]

# What Unicode calls controls (C0, DEL, C1), line and paragraph separators, formats that
# turn direction (the bidirectional embeddings, overrides, isolates and marks) or are not
# seen (zero-width, joiners, soft hyphen, byte order mark, interlinear, invisible
# operators, tags), and lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


def printable(text: str) -> str:
    r"""
    Return the text with each unsafe character as an escape: ``\x1b``, ``\u202e``.
    """
    return _UNSAFE.sub(_escaped, text)


def is_plain(text: str) -> bool:
    """
    Whether `printable` would return the text as it is.
    """
    return _UNSAFE.search(text) is None


def printable_lines(text: str) -> str:
    """
    Return text of several lines; its line feeds are ours, and stay.
    """
    return "\n".join(map(printable, text.split("\n")))


def printable_json(text: str) -> str:
    """
    Return JSON that says the same, in which no unsafe character stands as itself.
    """
    return _UNSAFE.sub(_escaped_in_json, text)


def _escaped_in_json(match: re.Match[str]) -> str:
    # JSON has escaped the lower controls itself; what is left is the layout of the text.
    if match[0] < " ":
        return match[0]
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
