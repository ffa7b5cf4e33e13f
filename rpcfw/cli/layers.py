"""
The arguments that say what the configuration is, the same for every command.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from rpcfw.cli.codes import CONFIGURATION, FAILED, FINE
from rpcfw.kernel.settings import Sources

__all__ = ["CONFIGURATION", "FAILED", "FINE", "add_layer_arguments", "sources_of"]


def add_layer_arguments(parser: ArgumentParser) -> None:
    """
    Add ``-c`` and ``--set`` to a command.
    """
    parser.add_argument(
        "-c",
        "--config",
        metavar="FILE",
        action="append",
        default=[],
        help="read settings from this INI file; several lie one over another",
    )
    parser.add_argument(
        "--set",
        metavar="SECTION.KEY=VALUE",
        action="append",
        default=[],
        dest="sets",
        help="set one option, over all files and the environment (RPCFW_SECTION__KEY)",
    )


def sources_of(arguments: Namespace, environ: Mapping[str, str]) -> Sources:
    """
    Return the layers that the arguments name.
    """
    return Sources.load(arguments.config, environ, arguments.sets)
