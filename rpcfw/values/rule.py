"""
Rules: documents that change how running processes behave, and their history.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from attrs import field, frozen

__all__ = [
    "MAX_DOCUMENT_BYTES",
    "SCOPE_KINDS",
    "Author",
    "Document",
    "RuleChange",
    "RuleSet",
    "Scope",
    "application_scope",
    "day_and_time",
    "service_scope",
]

#: A larger document is refused by who puts it, and ignored by who reads it.
MAX_DOCUMENT_BYTES = 256 << 10

#: What has rules.
SCOPE_KINDS = ("application", "service")


@frozen(order=True)
class Scope:
    """
    What a document is for.

    Args:
        kind: ``service`` or ``application``.
        name: of the service; of an application, as ``[app] name`` says it.
    """

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def service_scope(name: str) -> Scope:
    """
    Return the scope of all calls to a service.
    """
    return Scope("service", name)


def application_scope(name: str) -> Scope:
    """
    Return the scope of all processes of an application.
    """
    return Scope("application", name)


@frozen
class Author:
    """
    Who changes a document, and why.
    """

    who: str
    reason: str = ""


@frozen
class Document:
    """
    One document.

    Args:
        kind: decides what may be in it; see `rpcfw.app.rules`.
        body: its text.
        version: grows with each change in its scope, and never goes back.
        who: put it.
        at: when, in seconds since 1970, by the clock of who put it.
        reason: why.
    """

    kind: str
    body: str
    version: int
    who: str = ""
    at: float = 0.0
    reason: str = ""


@frozen
class RuleChange:
    """
    One change of one document.

    Args:
        version: that the document has had since.
        before: its text; None: there was none.
        after: likewise.
    """

    version: int
    kind: str
    who: str
    at: float
    reason: str
    before: str | None
    after: str | None


@frozen
class RuleSet:
    """
    All documents of one scope at one moment.

    Args:
        version: of the last change; 0 if there has never been one.
        documents: by kind.
    """

    scope: Scope
    version: int = 0
    documents: Mapping[str, Document] = field(factory=dict)


def day_and_time(at: float) -> str:
    """
    Return a time for a person, whatever number somebody has stored.
    """
    try:
        moment = datetime.fromtimestamp(at, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return "an unknown time"
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"
