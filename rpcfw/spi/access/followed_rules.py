"""
Access rules in use: those of an option, and those of a file that may change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rpcfw.spi.access.rules import AccessRule, read_access_rules
from rpcfw.spi.plugin import PluginContext
from rpcfw.spi.runtime.followed_file import FollowedFile

__all__ = ["FollowedRules", "read_access_file"]


class FollowedRules:
    """
    Decides by the rules as they are now. Those that deny come first.

    Args:
        text: rules of an option.
        file: has more of them; None for none.
        fields: that conditions can be on.
        plugin_context: has the clock.
        default_allows: what no rule is about is allowed.

    Raises:
        ValueError: the text cannot be read.
    """

    def __init__(
        self,
        text: str,
        file: Path | None,
        fields: Sequence[str],
        plugin_context: PluginContext,
        *,
        default_allows: bool,
    ) -> None:
        self._default_allows = default_allows
        self._current = _followed(text, file, fields, plugin_context)

    def read(self) -> None:
        """
        Read the file.

        Raises:
            SetupError: it cannot be used.
        """
        self._current()

    def refusal(self, facts: Mapping[str, Sequence[str]]) -> str:
        """
        Return why something is not allowed; empty if it is. Without rules everything is.

        Args:
            facts: the values of each field; one of them has to fit a condition.
        """
        rules = self._current()
        if not rules:
            return ""
        for rule in rules:
            if all(each.holds(facts.get(each.field, ())) for each in rule.conditions):
                return "" if rule.allows else f"the rule {rule.text!r} holds"
        return "" if self._default_allows else "no rule allows it"


def read_access_file(content: bytes, fields: Sequence[str]) -> list[AccessRule]:
    """
    Read a file of access rules.

    Raises:
        ValueError: with the line and the reason.
    """
    rules = read_access_rules(content.decode(), fields)
    if not rules:
        # A file that somebody is writing is empty, too. It must not remove what denies.
        raise ValueError("expected a rule, as: allow identity=hmac:shop")
    return rules


def _followed(
    text: str, file: Path | None, fields: Sequence[str], plugin_context: PluginContext
) -> Callable[[], Sequence[AccessRule]]:
    own = _sorted(read_access_rules(text, fields))
    if file is None:
        return lambda: own

    def parse(content: bytes) -> list[AccessRule]:
        return _sorted([*own, *read_access_file(content, fields)])

    clock = plugin_context.clock.seconds
    return FollowedFile(file, parse, clock, plugin_context.time_of_day).current


def _sorted(rules: list[AccessRule]) -> list[AccessRule]:
    return sorted(rules, key=lambda rule: rule.allows)
