"""
A section of the INI file with every option, its default and what it means.
"""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import indent, wrap

from rpcfw.kernel.convert import expected
from rpcfw.spi.options import NO_DEFAULT, Declared, declared

__all__ = ["describe", "section_text"]


def describe(options_class: type, section: str) -> str:
    """
    Return the section as INI text that sets every option to its default.

    What has no default is in a comment, to be filled in.

    Args:
        options_class: made with `rpcfw.spi.options.options`.
        section: as it stands between the brackets.
    """
    return section_text(section, declared(options_class))


def section_text(
    section: str,
    options: Iterable[Declared],
    *,
    chosen: tuple[str, str] = ("", ""),
    commented: bool = False,
) -> str:
    """
    Return the same for options that were declared already.

    Args:
        section: as it stands between the brackets.
        options: in their order.
        chosen: the option that names a plugin, and its name, if the section names one.
        commented: make all of it a comment, as for a plugin that is not chosen.
    """
    blocks = [f"{chosen[0]} = {chosen[1]}\n"] if chosen[0] else []
    blocks += [_block(each) for each in options if each.section in ("", section)]
    text = f"[{section}]\n" + "\n".join(blocks)
    return indent(text, "#", lambda line: bool(line.strip())) if commented else text


def _block(option: Declared) -> str:
    meaning = f"{option.meaning} ({expected(option.type)})"
    lines = [f"# {line}" for line in wrap(meaning, 78, break_long_words=False)]
    if option.default is NO_DEFAULT:
        lines.append(f"# Required.\n#{option.name} =")
    else:
        lines.append(f"{option.name} = {_continued(option.default)}".rstrip())
    return "\n".join(lines) + "\n"


def _continued(default: str) -> str:
    return default.strip().replace("\n", "\n    ")
