"""
The command ``rpcfw``: finds the command that is asked for, and answers for its end.

Only the module of that command is loaded, so that help is there at once.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import import_module
from typing import Any, NoReturn

from rpcfw.app.reload.hangup import early_hangups
from rpcfw.cli.codes import CONFIGURATION, FAILED, FINE, INTERRUPTED
from rpcfw.errors import SetupError
from rpcfw.printable import printable_lines

__all__ = ["COMMANDS", "main"]

#: Each command: its module, and what it does in a line. A name may have two words: the first
#: may be a command too.
COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("rpcfw.cli.serve", "serve the services that an INI file names"),
    "call": ("rpcfw.cli.call", "call a method: JSON in, JSON out"),
    "explain": ("rpcfw.cli.explain", "show where a call would go, and why; make no call"),
    "registry": ("rpcfw.cli.registry", "run a registry server, the default registry"),
    "registry status": ("rpcfw.cli.registry_status", "show the registry servers of a group"),
    "registry bridge": ("rpcfw.cli.registry_bridge", "mirror one registry in another, both ways"),
    "probe": ("rpcfw.cli.probe", "probe nodes, and report those that are not reached"),
    "ls": ("rpcfw.cli.ls", "list the services and instances in a registry"),
    "top": ("rpcfw.cli.top.command", "show the calls of services and instances, live"),
    "java-stubs": ("rpcfw.cli.java_stubs", "write a Python module for a service in Java"),
    "rule": ("rpcfw.cli.rules.rule", "read and change the rules that running processes follow"),
    "weight": ("rpcfw.cli.rules.weight", "give an instance another weight"),
    "disable": ("rpcfw.cli.rules.disable", "give an instance no new calls"),
    "enable": ("rpcfw.cli.rules.enable", "give a disabled instance calls again"),
    "offline": ("rpcfw.cli.rules.offline", "take an instance out of the registry; it serves on"),
    "online": ("rpcfw.cli.rules.online", "let an instance that is offline come back"),
    "plugins": ("rpcfw.cli.plugins", "list the plugins that are installed"),
    "config": ("rpcfw.cli.config", "check a configuration, or print an example of one"),
    "console": ("rpcfw.cli.console", "show and govern a whole fleet in a browser"),
    "console password": ("rpcfw.cli.console_password", "make a line for the file of users"),
    "demo": ("rpcfw.cli.demo.command", "see it work: several processes, one of them killed"),
}

#: Those that read files again on SIGHUP.
_RELOADING = ("serve", "registry", "console")

_EPILOG = """\
To begin with:
  rpcfw demo                          see what it does, on this machine
  rpcfw registry                      run a registry server at tcp:127.0.0.1:2210
  rpcfw serve -c provider.ini         serve what the file names
  rpcfw call -c consumer.ini demo.Greeter/say '{"name": "bob"}'

rpcfw COMMAND --help says more of each.

Exit codes: 0 it was done; 1 it failed, and the one line on standard error begins with
the status of the call; 2 an argument or the configuration is wrong; 3 a server stopped,
but gave up calls that had not ended in time; 130 interrupted.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run one command and return the exit code.

    Args:
        argv: the arguments; those of the process by default.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    words = 2 if " ".join(arguments[:2]) in COMMANDS and len(arguments) > 1 else 1
    name = " ".join(arguments[:words])
    if name not in COMMANDS:
        return _without_command(arguments)
    try:
        with early_hangups() if name in _RELOADING else nullcontext():
            return _run(name, arguments[words:])
    except SetupError as error:
        sys.stderr.write(f"{printable_lines(str(error))}\n")
        return CONFIGURATION
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of the output, for example `head`, has ended. Write nothing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


class _Parser(ArgumentParser):
    """
    Says of a file that stands by itself how it is read.
    """

    def error(self, message: str) -> NoReturn:
        file = next((word for word in message.split() if word.endswith(".ini")), "")
        super().error(f"{message}; a file is read by -c {file}" if file else message)


def _run(name: str, arguments: Sequence[str]) -> int:
    target, meaning = COMMANDS[name]
    command: Any = import_module(target)
    parser = _Parser(
        prog=f"rpcfw {name}",
        description=getattr(command, "DESCRIPTION", f"{meaning[:1].upper()}{meaning[1:]}."),
        epilog=getattr(command, "EPILOG", None),
        formatter_class=RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    # Options may stand among several words, where a command takes such.
    parse = parser.parse_intermixed_args if name in ("call", "explain") else parser.parse_args
    code: int = command.run(parse(arguments), os.environ, sys.stdout)
    sys.stdout.flush()
    return code


def _without_command(arguments: Sequence[str]) -> int:
    """
    Answer for what names no command: help, the version, or a mistake.
    """
    listed = "".join(f"  {name:17}{meaning}\n" for name, (_, meaning) in COMMANDS.items())
    parser = ArgumentParser(
        prog="rpcfw",
        usage="rpcfw [--help] [--version] COMMAND ...",
        description=f"Services that find and call each other.\n\ncommands:\n{listed}",
        epilog=_EPILOG,
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=_version())
    if arguments and not arguments[0].startswith("-"):
        from rpcfw.kernel.nearest import suggestion

        parser.error(f"unknown command {arguments[0]!r}; {suggestion(arguments[0], COMMANDS)}")
    parser.parse_args(arguments)
    parser.print_help()
    return FINE


def _version() -> str:
    from importlib.metadata import version

    return f"rpcfw {version('rpcfw')}"


if __name__ == "__main__":
    sys.exit(main())
