"""
The arguments that say which calls a preview of rules is about.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from rpcfw.app.rules.asked_calls import AskedCall
from rpcfw.app.tools.call_text import decoded
from rpcfw.errors import SettingsError

__all__ = ["add_call_arguments", "check_call_arguments", "given_call"]


def add_call_arguments(parser: ArgumentParser) -> None:
    """
    Declare which calls ``--dry-run`` is about.
    """
    parser.add_argument("--method", metavar="NAME", help="with --dry-run: of calls of this method")
    parser.add_argument(
        "--request",
        metavar="JSON",
        help="with --dry-run: of a call with these arguments; without it, of all calls",
    )


def check_call_arguments(arguments: Namespace) -> None:
    """
    See that calls are named only where they are asked for.

    Raises:
        SettingsError: they are not, or the request is no JSON.
    """
    if arguments.dry_run:
        given_call(arguments)
    elif arguments.method is not None or arguments.request is not None:
        raise SettingsError("--method and --request are for --dry-run, which changes nothing")


def given_call(arguments: Namespace) -> AskedCall | None:
    """
    Return the call that was given; None: all calls are meant.

    Raises:
        SettingsError: its request is no JSON.
    """
    if arguments.request is None:
        return None
    text = arguments.request.encode("utf-8", "surrogateescape")
    return AskedCall(1.0, decoded(text, "the request"))
