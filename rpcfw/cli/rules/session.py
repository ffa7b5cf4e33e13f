"""
What the commands for rules share: their arguments, and a process that reads and writes them.
"""

from __future__ import annotations

import getpass
import json
import socket
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from rpcfw.app.application import Application
from rpcfw.app.rules.changing import answered
from rpcfw.cli.arguments import a_duration
from rpcfw.cli.rules.asked_calls import add_call_arguments, check_call_arguments
from rpcfw.cli.running import add_process_arguments, application_of, calls_only
from rpcfw.cli.running import run as run_command
from rpcfw.errors import SettingsError
from rpcfw.printable import printable_json
from rpcfw.spi.rules import Rules
from rpcfw.values.rule import Author, Scope, application_scope, service_scope

__all__ = [
    "Session",
    "add_change_arguments",
    "add_session_arguments",
    "as_json",
    "in_session",
    "scope_of",
]

T = TypeVar("T")


class Session:
    """
    The rules, as one command uses them.

    Args:
        rules: they.
        application: this process, which is started.
        arguments: of the command.
    """

    def __init__(self, rules: Rules, application: Application, arguments: Namespace) -> None:
        self.rules = rules
        self.application = application
        self._arguments = arguments

    @property
    def scope(self) -> Scope:
        """
        What the command is about.
        """
        return scope_of(self._arguments)

    @property
    def author(self) -> Author:
        """
        Who changes something with this command, and why.
        """
        return Author(self._arguments.who or _user(), self._arguments.reason)

    @property
    def timeout_s(self) -> float:
        """
        The time limit of the command for what it waits for.
        """
        limit_s: float = self._arguments.timeout
        return limit_s

    async def within(self, waiting: Coroutine[Any, Any, T], *, changes: bool = False) -> T:
        """
        Return what is waited for, within the time limit of the command.

        Args:
            changes: it may have been done though nobody has answered.

        Raises:
            RegistryError: the time was over.
        """
        timers = self.application.runtime.timers
        return await answered(waiting, self.rules, timers, self.timeout_s, changes=changes)


def scope_of(arguments: Namespace) -> Scope:
    """
    Return what a command is about.
    """
    by_name = application_scope if getattr(arguments, "application", False) else service_scope
    return by_name(arguments.service)


def in_session(
    arguments: Namespace,
    environ: Mapping[str, str],
    command: Callable[[Session], Coroutine[Any, Any, int]],
    check: Callable[[Application], None] = lambda _: None,
) -> int:
    """
    Run a command that reads or changes rules, and return its exit code.

    Args:
        check: raises what is wrong before anything is started.

    Raises:
        SetupError: an argument or the configuration is wrong.
    """
    _check_name(arguments.service)
    if "dry_run" in arguments:
        check_call_arguments(arguments)
    application = application_of(arguments, environ, calls_only)
    rules = application.rules
    if rules is None:
        raise SettingsError(
            "this configuration has no place for rules: set [rules] plugin, or a registry "
            "that keeps them"
        )
    check(application)

    async def run() -> int:
        async with application:
            return await command(Session(rules, application, arguments))

    return run_command(application, run)


def _check_name(name: str) -> None:
    """
    Refuse what is no name of a service or an application.
    """
    if not name:
        raise SettingsError("SERVICE: expected a name, got an empty text")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise SettingsError(f"SERVICE: {name!r} is not UTF-8") from None


def add_session_arguments(parser: ArgumentParser) -> None:
    """
    Add what every command for rules takes.
    """
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--timeout",
        metavar="DURATION",
        type=a_duration,
        default=10.0,
        help="how long the registry may take; 10s by default",
    )
    add_process_arguments(parser)


def add_change_arguments(parser: ArgumentParser) -> None:
    """
    Add what every command takes that changes rules.
    """
    parser.add_argument(
        "--reason", metavar="TEXT", default="", help="why; it is kept in the history"
    )
    parser.add_argument("--who", metavar="NAME", default="", help="who; USER@HOST by default")
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would change, and change nothing"
    )
    add_call_arguments(parser)


def as_json(value: Any) -> str:
    """
    Return JSON for programs.
    """
    return printable_json(json.dumps(value, indent=2)) + "\n"


def _user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # no such user on this machine
        name = "unknown"
    return f"{name}@{socket.gethostname()}"
