"""
``rpcfw plugins``: every plugin of every seam, where it came from, and its options.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, TextIO

from rpcfw.app.loading import import_from
from rpcfw.app.options import AppOptions
from rpcfw.cli.codes import FINE
from rpcfw.cli.layers import add_layer_arguments, sources_of
from rpcfw.errors import SettingsError
from rpcfw.kernel.choice import Chooser
from rpcfw.kernel.convert import expected
from rpcfw.kernel.nearest import suggestion
from rpcfw.kernel.plugins import Find, Found, installed
from rpcfw.kernel.seams import GROUP_PREFIX, SEAMS
from rpcfw.printable import printable, printable_json
from rpcfw.spi.options import NO_DEFAULT, Declared

__all__ = ["add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes.
    """
    add_layer_arguments(parser)
    parser.add_argument("--group", metavar="GROUP", help="only these, as routers")
    parser.add_argument("--options", action="store_true", help="show the options of each")
    parser.add_argument("--json", action="store_true", help="print JSON, options included")


def run(
    arguments: Namespace, environ: Mapping[str, str], out: TextIO, find: Find = installed
) -> int:
    """
    List the plugins and return the exit code.

    One that cannot be used is listed with the reason, which is no failure.

    Raises:
        SettingsError: the group is unknown, or ``[plugins]`` is wrong.
    """
    sources = sources_of(arguments, environ)
    import_from(sources.section("app", AppOptions).python_path or ())
    plugins = Chooser(sources, find).plugins
    sources.leave_rest()
    sources.finish()
    listing = plugins.listing(_group(arguments.group))
    if arguments.json:
        listed = json.dumps([_as_json(each) for each in listing], indent=2)
        out.write(f"{printable_json(listed)}\n")
    else:
        out.write(_as_text(listing, with_options=arguments.options or bool(arguments.group)))
    return FINE


def _group(word: str | None) -> str | None:
    if word is None:
        return None
    group = GROUP_PREFIX + word.removeprefix(GROUP_PREFIX)
    if group not in SEAMS:
        known = [each.removeprefix(GROUP_PREFIX) for each in SEAMS]
        raise SettingsError(f"--group: unknown group {word!r}; {suggestion(word, known)}")
    return group


def _as_text(listing: Sequence[Found], *, with_options: bool) -> str:
    width = max((len(each.name) for each in listing), default=0)
    lines = []
    for group, members in groupby(listing, lambda each: each.group):
        lines.append(group)
        for each in members:
            origin = f"{each.origin} {each.version}".strip()
            shown = f"CANNOT BE USED: {each.problem}" if each.problem else each.meaning
            lines.append(f"  {each.name:{width}}  {origin}  {shown}")
            if with_options:
                lines.extend(f"      {_line(option)}" for option in each.options)
    return "".join(f"{printable(line)}\n" for line in lines) or "no plugins\n"


def _line(option: Declared) -> str:
    default = "(must be given)" if option.default is NO_DEFAULT else option.default
    shown = f"{option.name} = {' '.join(str(default).split())}".rstrip()
    return f"{shown}    {option.meaning} ({expected(option.type)})"


def _as_json(found: Found) -> dict[str, Any]:
    return {
        "group": found.group,
        "name": found.name,
        "target": found.target,
        "distribution": found.origin,
        "version": found.version,
        "loadable": not found.problem,
        "problem": found.problem,
        "meaning": found.meaning,
        "options": [
            {
                "name": option.name,
                "expected": expected(option.type),
                "default": None if option.default is NO_DEFAULT else option.default,
                "meaning": option.meaning,
                "secret": option.secret,
            }
            for option in found.options
        ],
    }
