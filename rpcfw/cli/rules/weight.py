"""
``rpcfw weight``: gives an instance another weight than the one that it announces.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from typing import TextIO

from rpcfw.app.rules.edited_instances import with_weight
from rpcfw.cli.rules.one_instance import (
    EPILOG,
    add_edit_arguments,
    add_instance_arguments,
    change_instance,
)
from rpcfw.values.instance import MAX_WEIGHT

__all__ = ["EPILOG", "add_arguments", "run"]


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes.
    """
    add_instance_arguments(parser)
    parser.add_argument(
        "weight",
        metavar="NUMBER",
        type=_weight,
        help="0: no calls while others have any; announced: the one that it announces",
    )
    add_edit_arguments(parser)


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Do it and return the exit code.
    """
    return change_instance(arguments, environ, out, with_weight(arguments.weight))


def _weight(text: str) -> int | None:
    if text == "announced":
        return None
    if not text.isdecimal() or int(text) > MAX_WEIGHT:
        expected = f"a number from 0 to {MAX_WEIGHT}, or announced"
        raise ArgumentTypeError(f"expected {expected}; got {text!r}")
    return int(text)
