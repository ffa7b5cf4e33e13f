"""
A section of the INI file with every option, its default and what it means.
"""

from __future__ import annotations

from textwrap import indent, wrap

from rpcfw.kernel.convert import expected
from rpcfw.spi.options import NO_DEFAULT, Declared, declared

__all__ = ["describe"]


def describe(options_class: type, section: str, *, commented: bool = False) -> str:
    """
    Return the section as INI text that sets every option to its default.

    What has no default stands in a comment, to be filled in.

    Args:
        options_class: made with `rpcfw.spi.options.options`.
        section: as it stands between the brackets.
        commented: make all of it a comment, as for a plugin that is not chosen.
    """
    blocks = "\n".join(_block(each) for each in declared(options_class))
    text = f"[{section}]\n{blocks}" if blocks else f"[{section}]\n"
    return indent(text, "#", lambda line: bool(line.strip())) if commented else text


def _block(option: Declared) -> str:
    said = f"{option.meaning} ({expected(option.type)})"
    lines = [f"# {line}" for line in wrap(said, 78, break_long_words=False)]
    if option.default is NO_DEFAULT:
        lines.append(f"# Must be given.\n#{option.name} =")
    else:
        lines.append(f"{option.name} = {_continued(option.default)}".rstrip())
    return "\n".join(lines) + "\n"


def _continued(default: str) -> str:
    return default.strip().replace("\n", "\n    ")
