"""
A grey release in a document of policies: the shares of the router `split`, and a step further.
"""

from __future__ import annotations

import re

from attrs import frozen

from rpcfw.app.rules.documents import POLICIES, read_policies
from rpcfw.errors import SettingsError
from rpcfw.kernel.ini import SectionName

__all__ = ["STEPS", "Part", "next_shares", "parts_of", "with_shares"]

#: Shares that are offered, in percent.
STEPS = (1, 5, 10, 25, 50, 100)

_SECTION = SectionName("router", "split")
_HEADER = re.compile(r"\[\s*router\s+split\s*\]\s*(?:[#;].*)?")
_ANY_HEADER = re.compile(r"\[")
_SHARES = re.compile(r"shares\s*[=:]")
_PART = re.compile(r"([0-9]{1,3}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})%\s+(\S.*)")
#: Rules with more are not those of a person.
_MAX_SHARES_CHARS = 1000
#: Of the criteria of one part; commas and line ends would make more parts or options of it.
_CRITERIA = re.compile(r"[\w.*=\- /:]{1,200}")


@frozen
class Part:
    """
    One part of the calls.

    Args:
        percent: its share.
        criteria: of the instances that get it, as ``version=2.*``.
    """

    percent: float
    criteria: str


def parts_of(text: str) -> list[Part]:
    """
    Return the shares that a document of policies has; none if it does not divide the calls.
    """
    section = read_policies(text, POLICIES).sections.get(_SECTION)
    given = None if section is None else section.values.get("shares")
    if given is None or len(given.text) > _MAX_SHARES_CHARS:
        return []
    matches = (_PART.fullmatch(part.strip()) for part in re.split(r"[,\n]", given.text))
    return [Part(float(match[1]), match[2]) for match in matches if match is not None]


def next_shares(new: str, old: str, percent: str) -> str:
    """
    Return the option with a share for the new instances; that part is the first one.

    Raises:
        SettingsError: a field says nothing that can be in it.
    """
    for criteria in (new, old):
        if not _CRITERIA.fullmatch(criteria):
            raise SettingsError(f"expected criteria as version=2.*; got {criteria[:50]!r}")
    try:
        share = float(percent)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 100:
        raise SettingsError(f"expected a share from 0 to 100 percent; got {percent[:20]!r}")
    parts = [(share, new), (100 - share, old)]
    return ", ".join(f"{number:g}% {criteria}" for number, criteria in parts if number)


def with_shares(text: str, shares: str) -> str:
    """
    Return a document of policies with these shares; without the router if they are empty.

    Everything else in it, comments too, stays as it is.
    """
    lines = text.splitlines()
    start = next((at for at, line in enumerate(lines) if _HEADER.fullmatch(line.strip())), None)
    if start is None:
        return text if not shares else _joined([*lines, "", "[router split]", f"shares = {shares}"])
    end = next(
        (at for at in range(start + 1, len(lines)) if _ANY_HEADER.match(lines[at])), len(lines)
    )
    section = _without_shares(lines[start + 1 : end])
    if not shares:
        return _joined([*lines[:start], *lines[end:]])
    return _joined([*lines[: start + 1], f"shares = {shares}", *section, *lines[end:]])


def _without_shares(lines: list[str]) -> list[str]:
    kept = []
    inside = False
    for line in lines:
        if _SHARES.match(line):
            inside = True
        elif not (inside and line[:1] in (" ", "\t")):
            inside = False
            kept.append(line)
    return kept


def _joined(lines: list[str]) -> str:
    text = "\n".join(lines).strip("\n")
    return f"{text}\n" if text else ""
