"""
``rpcfw console``: the web console of a fleet.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from rpcfw.app.application import Application
from rpcfw.app.plan import Plan
from rpcfw.app.reactors import random_source
from rpcfw.app.reload.hangup import on_hangup
from rpcfw.cli.codes import FINE
from rpcfw.cli.layers import sources_of
from rpcfw.cli.running import (
    add_process_arguments,
    application_of,
    calls_only,
    changed,
)
from rpcfw.cli.running import run as run_command
from rpcfw.cli.serving import stop_signal
from rpcfw.console.options import ConsoleOptions
from rpcfw.errors import SettingsError
from rpcfw.kernel.extras import needs

if TYPE_CHECKING:
    from rpcfw.console.access.users import UserFile

__all__ = ["add_arguments", "run"]

EPILOG = """\
  rpcfw console password ann admin >> users.txt
  rpcfw console -c console.ini

Its options are those of [console]. It reads the registry and the rules that the file names, as a
consumer does. SIGHUP has the file of users read again. SIGTERM or Ctrl-C stops it.
See docs/console.md.
"""


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes.
    """
    add_process_arguments(parser)


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Serve browsers until a signal, and return the exit code.

    Raises:
        SetupError: the configuration is wrong, or an extra is missing.
    """
    sources = sources_of(arguments, environ)
    options = sources.section("console", ConsoleOptions)
    application = application_of(arguments, environ, _calls_only, sources)
    try:
        from rpcfw.console.access.users import Users
        from rpcfw.console.console import Console
    except ModuleNotFoundError as error:
        raise SettingsError(f"rpcfw console {needs('console')}") from error

    def trial() -> Application:
        # Its calls are explained, and none is made: there is nothing to export of it.
        plan = calls_only(application.plan)
        plan = changed(plan, tracer=None, metrics=changed(plan.metrics, exporter=None))
        return Application(plan, application.runtime.reactor, random_source())

    file = _user_file(options, application)
    console = Console(application, options, Users(file.current if file else dict), trial)

    async def command() -> int:
        async with application:
            await console.start()
            try:
                addresses = ", ".join(map(str, console.addresses))
                out.write(f"console at {addresses}\n")
                out.flush()
                await stop_signal()
            finally:
                await console.stop()
        return FINE

    if file is None:
        return run_command(application, command)
    file.read()
    with on_hangup(application.runtime.reactor, lambda: _reload(file)):
        return run_command(application, command)


def _reload(file: UserFile) -> None:
    file.reload()


def _user_file(options: ConsoleOptions, application: Application) -> UserFile | None:
    from rpcfw.console.access.users import user_file

    if options.users is None:
        return None
    context = application.runtime.plugin_context
    return user_file(
        options.users,
        context.clock.seconds,
        context.time_of_day,
        passwords=not options.user_header,
    )


def _calls_only(plan: Plan) -> Plan:
    """
    Return the plan of a process that serves nothing but browsers.
    """
    return changed(
        plan,
        server=changed(plan.server, services=()),
        inspection=changed(plan.inspection, listen=()),
    )
