"""
``rpcfw config``: check what was given, or print an example with every option.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TextIO

from attrs import frozen

from rpcfw.cli.codes import CONFIGURATION, FINE
from rpcfw.cli.layers import add_layer_arguments, sources_of
from rpcfw.errors import SetupError
from rpcfw.kernel.example import describe, section_text
from rpcfw.kernel.plugins import Plugins
from rpcfw.kernel.seams import GROUP_PREFIX
from rpcfw.kernel.settings import Sources
from rpcfw.printable import printable, printable_lines

__all__ = ["Choice", "Claim", "add_arguments", "run", "run_check", "run_example"]

EPILOG = """\
check opens no port and asks no registry: whether a port is free, and a registry runs, is
found at the start.

  rpcfw config check -c provider.ini
  rpcfw config example > rpcfw.ini
"""

#: Claims every section of an application; may raise `SetupError` by itself. Returns what
#: is no mistake and good to know.
Claim = Callable[[Sources], Sequence[str]]

_HEAD = """\
# Every option of rpcfw, with its default and what it means. A file needs only the options
# that differ from the default. [client demo.Greeter] overrides [client] for that service;
# [balancer demo.Greeter], [retry demo.Greeter] and [breaker demo.Greeter] do the same.
# [balancer demo.Greeter/say] is for one method.
#
# Written by: rpcfw config example
"""


@frozen
class Choice:
    """
    A section that names a plugin and holds its options.

    Args:
        section: its name.
        group: the entry-point group of the plugin.
        default: the plugin that is chosen if none is named; empty for none.
        key: the option that names it.
    """

    section: str
    group: str
    default: str
    key: str = "plugin"


#: The sections that choose one plugin; and those of plugins that are named elsewhere,
#: which are called [section NAME].
CHOICES = (
    Choice("registry", "rpcfw.registries", "standalone"),
    Choice("rules", "rpcfw.rules", ""),
    Choice("bus", "rpcfw.buses", ""),
    Choice("balancer", "rpcfw.balancers", "weighted_random"),
    Choice("attempts", "rpcfw.attempts", "failover"),
    Choice("retry", "rpcfw.retries", "by_hints"),
    Choice("breaker", "rpcfw.breakers", ""),
    Choice("credentials", "rpcfw.credentials", ""),
    Choice("metrics", "rpcfw.metrics_exporters", "", "exporter"),
    Choice("tracing", "rpcfw.tracers", ""),
)
NAMED = (
    ("collector", "rpcfw.collectors"),
    ("router", "rpcfw.routers"),
    ("limiter", "rpcfw.limiters"),
    ("authenticator", "rpcfw.authenticators"),
    ("filter", "rpcfw.filters"),
    ("service", "rpcfw.services"),
    ("page", "rpcfw.pages"),
    ("protocol", "rpcfw.protocols"),
    ("codec", "rpcfw.codecs"),
    ("compressor", "rpcfw.compressors"),
)


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes: ``check`` or ``example``, as ``arguments.action``.
    """
    actions = parser.add_subparsers(dest="action", required=True, metavar="check|example")
    check = actions.add_parser(
        "check", help="read the configuration as a start would, and say all that is wrong"
    )
    add_layer_arguments(check)
    actions.add_parser("example", help="print an INI file with every option and its default")


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Check, or print, and return the exit code.
    """
    if arguments.action == "check":
        from rpcfw.cli.assembling import assemble

        return run_check(arguments, environ, assemble, out, sys.stderr)
    from rpcfw.app.plan import SECTIONS

    out.write(f"{_HEAD}\n")
    return run_example(SECTIONS, CHOICES, Plugins(), out, NAMED)


def run_check(
    arguments: Namespace, environ: Mapping[str, str], claim: Claim, out: TextIO, err: TextIO
) -> int:
    """
    Check the configuration and return the exit code. Nothing is started.
    """
    sources = sources_of(arguments, environ)
    try:
        notes = claim(sources)
        sources.finish()
    except SetupError as error:
        mistakes = printable_lines(str(error)).split("\n")
        err.writelines(f"{mistake}\n" for mistake in mistakes)
        count = len(mistakes)
        err.write("1 mistake\n" if count == 1 else f"{count} mistakes\n")
        return CONFIGURATION
    out.write(f"{', '.join(arguments.config) or 'defaults and environment'}: no mistakes\n")
    out.writelines(f"note: {printable(note)}\n" for note in notes)
    return FINE


def run_example(
    sections: Iterable[tuple[str, type]],
    choices: Iterable[Choice],
    plugins: Plugins,
    out: TextIO,
    named: Iterable[tuple[str, str]] = (),
) -> int:
    """
    Print every section with its defaults and return the exit code.

    Args:
        sections: names, and the options that they hold.
        choices: the sections whose options depend on a plugin; the others that one
            could choose are in comments.
        plugins: where those are found.
        named: sections and groups of plugins that have a section each, by their name.
    """
    texts = [describe(options, name) for name, options in sections]
    for choice in choices:
        texts.extend(_alternatives(choice, plugins))
    for section, group in named:
        texts.extend(
            section_text(f"{section} {each.name}", each.options, commented=True)
            for each in plugins.listing(group)
            if any(one.section in ("", f"{section} {each.name}") for one in each.options)
        )
    out.write("\n".join(texts))
    return FINE


def _alternatives(choice: Choice, plugins: Plugins) -> list[str]:
    names = plugins.names(choice.group)
    kinds = choice.group.removeprefix(GROUP_PREFIX).replace("_", " ")
    texts = [f"# [{choice.section}] takes one of the {kinds}: {', '.join(names)}.\n"]
    for each in plugins.listing(choice.group):
        if each.problem:
            texts.append(f"# {each.name} cannot be used here: {each.problem}\n")
            continue
        commented = each.name != choice.default
        chosen = (choice.key, each.name)
        texts.append(section_text(choice.section, each.options, chosen=chosen, commented=commented))
    return texts
