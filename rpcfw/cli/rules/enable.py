"""
``rpcfw enable``: an instance gets calls again.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import TextIO

from rpcfw.app.rules.edited_instances import with_enabled
from rpcfw.cli.rules.one_instance import EPILOG, add_arguments, change_instance

__all__ = ["EPILOG", "add_arguments", "run"]


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Do it and return the exit code.
    """
    return change_instance(arguments, environ, out, with_enabled(True), all_names=True)
