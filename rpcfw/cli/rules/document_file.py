"""
A document as a file: its text, after a comment with the version that was read.

``rpcfw rule get`` writes this comment, and ``rpcfw rule put`` reads it. So a document that
is changed in an editor is stored only if nobody else has changed it meanwhile.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from attrs import frozen

from rpcfw.errors import SettingsError
from rpcfw.printable import printable
from rpcfw.spi.runtime.files import read_regular
from rpcfw.values.rule import MAX_DOCUMENT_BYTES, Document, Scope, day_and_time

__all__ = ["DocumentFile", "described", "read_document", "with_heading"]

# A comment of one's own may begin alike: only all of it is a heading.
_HEADING = re.compile(
    r"# version ([0-9]{1,18}) of (\S+ of (?:service|application) [^\n]+, put by [^\n]*)\n"
)

#: Of a file: the document and its heading.
_MAX_BYTES = MAX_DOCUMENT_BYTES + 4096


@frozen
class DocumentFile:
    """
    What a file has.

    Args:
        whole: all of it, in which the numbers of lines are right.
        body: the document.
        version: that was read; None: the file does not say.
        heading: what document it is a version of, as a person reads it; empty likewise.
    """

    whole: str
    body: str
    version: int | None
    heading: str = ""

    def is_of(self, scope: Scope, kind: str) -> bool:
        """
        Tell whether the file is no version of another document than this one.
        """
        return not self.heading or self.heading.startswith(f"{_shown(scope, kind)}, ")


def with_heading(scope: Scope, document: Document) -> str:
    """
    Return a document as a file has it.
    """
    return f"# version {document.version} of {described(scope, document)}\n{document.body}"


def described(scope: Scope, document: Document) -> str:
    """
    Return what a document is, who put it and when.
    """
    why = f": {document.reason}" if document.reason else ""
    by = f"put by {document.who} at {day_and_time(document.at)}{why}"
    return f"{_shown(scope, document.kind)}, {_one_line(by)}"


def _shown(scope: Scope, kind: str) -> str:
    return _one_line(f"{kind} of {scope}")


def _one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def read_document(name: str) -> DocumentFile:
    """
    Read a file, or standard input for ``-``.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        if name == "-":
            content = sys.stdin.buffer.read(_MAX_BYTES + 1)
        else:
            content = read_regular(Path(name), _MAX_BYTES)
        whole = content.decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{name}: not UTF-8; save the file in that encoding") from error
    if len(content) > _MAX_BYTES:
        raise SettingsError(f"{name}: larger than {MAX_DOCUMENT_BYTES} bytes")
    heading = _HEADING.match(whole)
    if heading is None:
        return DocumentFile(whole, whole, None)
    return DocumentFile(whole, whole[heading.end() :], int(heading[1]), heading[2])
