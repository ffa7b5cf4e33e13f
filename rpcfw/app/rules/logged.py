"""
How rules and the mistakes in them are shown in a log.
"""

from __future__ import annotations

from rpcfw.printable import printable
from rpcfw.values.rule import Document, Scope

__all__ = ["ALL_KINDS", "author_of", "document_name", "in_one_line"]

#: Stands for the kind if the documents of a scope cannot be read.
ALL_KINDS = "all"

#: What a log line shows of the mistakes in a document.
_MAX_SHOWN = 5
_MAX_SHOWN_CHARS = 400


def author_of(document: Document) -> str:
    """
    Return who has put a document, and why, as one line of bounded length likewise.
    """
    why = f": {document.reason[:_MAX_SHOWN_CHARS]}" if document.reason else ""
    return printable(document.who[:_MAX_SHOWN_CHARS] + why)


def in_one_line(error: BaseException) -> str:
    """
    Return what is wrong as one line of bounded length: the documents are others'.
    """
    lines = str(error).splitlines() or [type(error).__name__]
    shown = [line[:_MAX_SHOWN_CHARS] for line in lines[:_MAX_SHOWN]]
    more = len(lines) - len(shown)
    text = " | ".join([*shown, f"and {more} more" if more else ""]).removesuffix(" | ")
    return printable(text)


def document_name(scope: Scope, kind: str, version: int) -> str:
    """
    Return what a document is called in a log line.
    """
    return f"{kind} of {scope}, version {version}"
