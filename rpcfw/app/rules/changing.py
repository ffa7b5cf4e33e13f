"""
Reading and changing rules, for people: checked before they are stored, and within a time limit.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from rpcfw.app.application import Application
from rpcfw.app.rules.documents import KINDS, POLICIES, read_policies
from rpcfw.errors import DeadlineExceeded, RegistryError
from rpcfw.spi.rules import Rules
from rpcfw.spi.runtime.timers import Timers
from rpcfw.spi.runtime.waiting import with_deadline
from rpcfw.values.rule import RuleChange, Scope

__all__ = ["answered", "change_in_words", "check_document"]

T = TypeVar("T")

#: What to do about a change without an answer.
_MAYBE_DONE = "the change may have been stored all the same: see its history"


def check_document(application: Application, scope: Scope, kind: str, text: str, file: str) -> None:
    """
    See that a document is right for the configuration of this process.

    Args:
        file: what the document is called in errors.

    Raises:
        SettingsError: with every mistake, each with its line.
    """
    if kind == POLICIES:
        service = scope.name if scope.kind == "service" else ""
        application.policies.check(service, read_policies(text, file))
    else:
        KINDS[kind](text, file)


async def answered(
    waiting: Coroutine[Any, Any, T],
    rules: Rules,
    timers: Timers,
    limit_s: float,
    *,
    changes: bool = False,
) -> T:
    """
    Return what the place of rules answers, within a time limit.

    Args:
        changes: it may have been done though nobody has answered.

    Raises:
        RegistryError: the time was over.
    """
    try:
        return await with_deadline(waiting, timers, timers.seconds() + limit_s)
    except DeadlineExceeded:
        reason = " ".join(rules.trouble.split()) or "is it running?"
        raise RegistryError(
            f"the rules ({rules}) were not answered within {limit_s:g} s: {reason}"
            + (f"; {_MAYBE_DONE}" if changes else "")
        ) from None


def change_in_words(change: RuleChange) -> str:
    """
    Return how much a change has changed.
    """
    if change.after is None:
        return "removed"
    before, after = (text.splitlines() for text in (change.before or "", change.after))
    added = sum(1 for line in after if line not in before)
    gone = sum(1 for line in before if line not in after)
    return f"+{added} -{gone} lines" if change.before is not None else f"new, {added} lines"
