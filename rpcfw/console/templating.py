"""
Templates: every text that comes out of a value is escaped, made printable, and cut.

What a registry, a peer or a user says reaches a page through here alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rpcfw.printable import printable
from rpcfw.values.rule import day_and_time

__all__ = ["Templates", "Whole"]

#: Of a value in a page.
_MAX_CHARS = 500


class Whole(str):
    """
    A text that is shown as it is, with its lines: in a text field, or as the body of a rule.

    Whoever makes one has seen to its length. It is escaped as any other.
    """

    __slots__ = ()


class Templates:
    """
    The templates of the console.
    """

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("rpcfw.console"),
            autoescape=True,
            undefined=StrictUndefined,
            finalize=_shown,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters["day_and_time"] = day_and_time
        self._environment.filters["percent"] = _percent

    def render(self, name: str, values: Mapping[str, Any]) -> bytes:
        """
        Return a page.
        """
        return self._environment.get_template(name).render(values).encode()


def _shown(value: Any) -> Any:
    if isinstance(value, (Markup, Whole, int, float)):
        return value
    if value is None:
        return ""
    text = str(value)
    cut = text if len(text) <= _MAX_CHARS else f"{text[:_MAX_CHARS]}…"
    return printable(cut)


def _percent(share: float | None) -> str:
    return "?" if share is None else f"{share:.1%}"
