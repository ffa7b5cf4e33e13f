"""
``/config``: each option as it counts now, and where it came from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rpcfw.spi.inspected_process import OptionValue
from rpcfw.spi.page import Page, PageRequest
from rpcfw.spi.page_content import PageContent, Table
from rpcfw_pages.rows import table

__all__ = ["Config", "config_sections"]

_COLUMNS = ("section", "option", "value", "source")


class Config(Page):
    """
    First what was given, then the defaults.
    """

    path: ClassVar[str] = "/config"
    title: ClassVar[str] = "configuration, with where each value came from"

    def render(self, request: PageRequest) -> PageContent:
        return PageContent(config_sections(request.process.options()))


def config_sections(options: Sequence[OptionValue]) -> list[Table]:
    """
    Return the options that were given, and those that have their default.
    """
    given = [each for each in options if each.source != "default"]
    defaults = [each for each in options if each.source == "default"]
    return [_table("given", given), _table("defaults", defaults)]


def _table(name: str, options: Sequence[OptionValue]) -> Table:
    rows = ((each.section, each.name, each.value, each.source) for each in options)
    return table(name, _COLUMNS, rows, len(options))
