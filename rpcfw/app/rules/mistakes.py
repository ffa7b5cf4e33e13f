"""
Mistakes in rules, with the place of each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from rpcfw.errors import SettingsError
from rpcfw.kernel.ini import Given, Layer
from rpcfw.spi.options import declared

__all__ = ["line_of", "located", "refuse_secrets"]

#: How a mistake begins that was found without knowing where its option is.
_BEGINS = re.compile(r"\[([^\]]+)\](?: ([^:\s]+))?:")


#: Where a mistake says its line.
_LINE = re.compile(r":(\d+): ")


def line_of(mistake: str) -> int:
    """
    Return the line that a mistake is about, to sort by.
    """
    match = _LINE.search(mistake)
    return int(match[1]) if match else 0


def located(mistakes: Iterable[str], rules: Layer) -> list[str]:
    """
    Return mistakes, each with the line of the rules that it is about.
    """
    sections = {str(name): section for name, section in rules.sections.items()}
    found = []
    for mistake in mistakes:
        match = _BEGINS.match(mistake)
        section = sections.get(f"[{match[1]}]") if match else None
        if match is None or section is None:
            found.append(mistake)
            continue
        given = section.values.get(match[2] or "")
        found.append(f"{section.origin if given is None else given.origin}: {mistake}")
    return found


def refuse_secrets(sections: Mapping[str, Mapping[str, Given]], known: Mapping[str, type]) -> None:
    """
    See that no option is a secret: everybody who reads the registry can read rules.

    Args:
        known: the classes of the options of each section.

    Raises:
        SettingsError: some are.
    """
    mistakes = [
        f"{given.origin}: [{name}] {key}: is secret, and rules are not; "
        "write it in the configuration"
        for name, values in sections.items()
        for key, given in values.items()
        if name in known and key in _secrets(known[name])
    ]
    if mistakes:
        raise SettingsError(*mistakes)


def _secrets(options: type) -> set[str]:
    return {each.name for each in declared(options) if each.secret}
