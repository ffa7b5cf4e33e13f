"""
``rpcfw online``: a provider that was taken offline comes back into the registry.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from functools import partial
from typing import TextIO

from rpcfw.app.rules.edited_instances import with_offline
from rpcfw.cli.rules.one_instance import EPILOG, add_arguments, change_instance
from rpcfw.cli.rules.registered import check_one_instance, until_listed

__all__ = ["EPILOG", "add_arguments", "run"]


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Do it, wait until the instance is back, and return the exit code.
    """
    check_one_instance(arguments.id)
    then = partial(until_listed, True)
    change = with_offline(False)
    return change_instance(arguments, environ, out, change, all_names=True, then=then)
