"""
Suggestions for a text that cannot be read: what was probably meant.
"""

from __future__ import annotations

import re

__all__ = ["hint"]

_COMMENT = re.compile(r"\s([#;])")
_OPTION = re.compile(r"(?m)^[a-z_]+\s*=")


def hint(text: str) -> str:
    """
    Return what to do about a value, to follow what is wrong with it; often empty.

    Nothing of the value is quoted, for it may be secret.
    """
    _, newline, more = text.partition("\n")
    if newline and _OPTION.search(more):
        return "; an indented line continues the value above it: begin an option at the margin"
    comment = _COMMENT.search(text)
    if comment is not None:
        return f"; if a comment begins at the {comment[1]}, give it a line of its own"
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return "; values have no quotes"
    return ""
