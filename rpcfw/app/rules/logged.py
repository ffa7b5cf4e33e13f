"""
How rules and the mistakes in them are shown in a log.
"""

from __future__ import annotations

from rpcfw.values.rule import Scope

__all__ = ["ALL_KINDS", "document_name", "in_one_line"]

#: Stands for the kind if the documents of a scope cannot be read.
ALL_KINDS = "all"

#: What a log line shows of the mistakes in a document.
_MAX_SHOWN = 5
_MAX_SHOWN_CHARS = 400


def in_one_line(error: Exception) -> str:
    """
    Return what is wrong as one line of bounded length: the documents are others'.
    """
    lines = str(error).splitlines() or [type(error).__name__]
    shown = [line[:_MAX_SHOWN_CHARS] for line in lines[:_MAX_SHOWN]]
    more = len(lines) - len(shown)
    return " | ".join([*shown, f"and {more} more" if more else ""]).removesuffix(" | ")


def document_name(scope: Scope, kind: str, version: int) -> str:
    """
    Return what a document is called in a log line.
    """
    return f"{kind} of {scope}, version {version}"
