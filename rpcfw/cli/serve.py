"""
``rpcfw serve``: a provider from an INI file.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import TextIO

from rpcfw.cli.running import add_process_arguments, application_of, reloader_of
from rpcfw.cli.serving import serve_until_signal
from rpcfw.errors import SettingsError

__all__ = ["add_arguments", "run"]

EPILOG = """\
Prints one line once it serves. SIGTERM or Ctrl-C stops it gracefully: withdrawn
from the registry, new calls refused, open ones awaited up to [server] drain_timeout.
A second signal ends it at once. SIGHUP reloads the configuration; the log says what has changed.

  rpcfw serve -c provider.ini
  rpcfw serve -c provider.ini --set server.listen=tcp:0.0.0.0:2200
"""


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes.
    """
    add_process_arguments(parser)


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Serve until a signal, and return the exit code.

    Raises:
        SetupError: the configuration is wrong, or a service cannot be had.
    """
    application = application_of(arguments, environ, lambda plan: plan, log_live=True)
    if application.server is None:
        where = "" if arguments.config else "; no INI file was given: rpcfw serve -c FILE"
        raise SettingsError(
            "nothing to serve: set [server] services = module:Class, and [app] python_path "
            f"to the folder that the module is in{where}"
        )
    names = ", ".join(type(each).service_name for each in application.server.methods)
    reloader = reloader_of(application, arguments, environ)
    return serve_until_signal(application, reloader, f"serving {names}", out)
