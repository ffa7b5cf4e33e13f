"""
``rpcfw console password``: a line for the file of users, with a hashed password.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping
from getpass import getpass
from typing import TextIO

from rpcfw.cli.codes import FINE
from rpcfw.console.access.roles import Role, role_named
from rpcfw.errors import SettingsError
from rpcfw.kernel.extras import needs

__all__ = ["add_arguments", "run"]

EPILOG = """\
  rpcfw console password ann admin >> users.txt

It asks for the password twice, or reads one line if standard input is no terminal.
"""

_MIN_CHARS = 12


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes.
    """
    parser.add_argument("name", metavar="NAME", help="of the user")
    roles = ", ".join(map(str, Role))
    parser.add_argument("role", metavar="ROLE", type=_role, help=f"one of {roles}")


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Print the line and return the exit code.

    Raises:
        SettingsError: the name or the password cannot be used.
    """
    try:
        from rpcfw.console.access.users import MAX_PASSWORD_CHARS, check_user_name, user_line
    except ModuleNotFoundError as error:
        raise SettingsError(f"rpcfw console {needs('console')}") from error
    try:
        check_user_name(arguments.name)
    except ValueError as error:
        raise SettingsError(f"NAME: {error}") from None
    password = _password()
    if not _MIN_CHARS <= len(password) <= MAX_PASSWORD_CHARS:
        expected = f"{_MIN_CHARS} to {MAX_PASSWORD_CHARS} characters"
        raise SettingsError(f"a password has {expected}; this one has {len(password)}")
    out.write(f"{user_line(arguments.name, arguments.role, password)}\n")
    return FINE


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    password = getpass("Password: ")
    if getpass("The same again: ") != password:
        raise SettingsError("these were two passwords; nothing was printed")
    return password


def _role(text: str) -> Role:
    try:
        return role_named(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None
