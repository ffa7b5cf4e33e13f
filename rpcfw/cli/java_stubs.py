"""
``rpcfw java-stubs``: from what a provider in Java publishes to a Python module that calls it.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TextIO

from rpcfw.app.application import Application
from rpcfw.cli.arguments import a_duration
from rpcfw.cli.codes import FINE
from rpcfw.cli.registry_answer import answer_within
from rpcfw.cli.running import add_process_arguments, application_of, calls_only
from rpcfw.cli.running import run as run_command
from rpcfw.codegen.java.definition import ServiceDefinition, read_definition
from rpcfw.codegen.java.module import stub_module
from rpcfw.errors import RegistryError, SettingsError
from rpcfw.spi.registry import Registry

__all__ = ["DESCRIPTION", "EPILOG", "add_arguments", "run"]

DESCRIPTION = """\
Write a Python module for a service in Java: a service class to call it, and the classes
that its methods take and return. Providers of Apache Dubbo publish what is needed in the
metadata report, which is in the registry unless another place is configured.
"""

EPILOG = """\
  rpcfw java-stubs -c consumer.ini com.acme.OrderService -o orders.py
  rpcfw java-stubs --definition order.json --idempotent 'get*' > orders.py

consumer.ini has [registry] plugin = zookeeper and layout = dubbo. In ZooKeeper a definition
is at /dubbo/metadata/INTERFACE/VERSION/provider/APPLICATION; a file has the same JSON.
Nothing in a definition becomes code unless Java allows it as a name.
"""

#: Far more than ZooKeeper keeps in a node.
_MAX_BYTES = 16 << 20
_STDIN = "-"


def add_arguments(parser: ArgumentParser) -> None:
    """
    Declare what the command takes.
    """
    parser.add_argument(
        "service", metavar="SERVICE", nargs="?", help="full name of the interface, in the registry"
    )
    parser.add_argument(
        "--definition",
        metavar="FILE",
        help="read the definition from this file, - for standard input, and ask no registry",
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, help="write to this file, not to the output"
    )
    for name in ("application", "group", "version"):
        parser.add_argument(
            f"--{name}", metavar="NAME", help=f"only definitions of providers with this {name}"
        )
    parser.add_argument(
        "--idempotent",
        metavar="PATTERN",
        action="append",
        default=[],
        help="methods that may be repeated, as 'get*'; may be given several times",
    )
    parser.add_argument(
        "--timeout",
        metavar="DURATION",
        type=a_duration,
        default=5.0,
        help="how long the registry may take in all; 5s by default",
    )
    add_process_arguments(parser)


def run(arguments: Namespace, environ: Mapping[str, str], out: TextIO) -> int:
    """
    Write the module and return the exit code.

    Raises:
        SetupError: an argument, the configuration or the definition is wrong.
    """
    if (arguments.service is None) == (arguments.definition is None):
        raise SettingsError("expected either the name of a SERVICE or --definition FILE")
    if arguments.definition is not None:
        data = _read(arguments.definition)
        _write(read_definition(data, arguments.definition), arguments, out)
        return FINE
    application = application_of(arguments, environ, calls_only)
    registry = application.registry
    if registry is None:
        raise SettingsError("there is no registry to read: set [registry] plugin")

    async def command() -> int:
        async with application:
            found = await _published(application, registry, arguments)
        _write(_chosen(found, arguments), arguments, out)
        return FINE

    return run_command(application, command)


def _read(path: str) -> bytes:
    """
    Read a file, or standard input.
    """
    try:
        with sys.stdin.buffer if path == _STDIN else Path(path).open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"the definition {path} cannot be read: {error.strerror}") from None
    if len(data) > _MAX_BYTES:
        raise SettingsError(f"the definition {path} has more than {_MAX_BYTES >> 20} MiB")
    return data


async def _published(
    application: Application, registry: Registry, arguments: Namespace
) -> list[ServiceDefinition]:
    """
    Return the definitions of a service in the registry.
    """
    timers, service = application.runtime.timers, arguments.service
    asked = registry.definitions(service)
    found = await answer_within(arguments.timeout, registry, timers, asked)
    if not found:
        raise RegistryError(
            f"no provider has published a definition of {service} in {registry}; providers of "
            "Dubbo do with a metadata report in this registry, and report-definition not false"
        )
    return [read_definition(data, f"definition of {service}") for data in found]


def _chosen(found: Sequence[ServiceDefinition], arguments: Namespace) -> ServiceDefinition:
    """
    Return the one definition that is asked for.
    """
    wanted = {
        name: value
        for name in ("application", "group", "version")
        if (value := getattr(arguments, name)) is not None
    }
    fitting = [
        each
        for each in found
        if all(each.parameters.get(name, "") == value for name, value in wanted.items())
    ]
    if not fitting:
        raise RegistryError(
            f"no definition of {arguments.service} fits; there are: {_listed(found)}"
        )
    first = fitting[0]
    if any((each.methods, each.classes) != (first.methods, first.classes) for each in fitting):
        raise RegistryError(
            f"providers have published different definitions of {arguments.service}: "
            f"{_listed(fitting)}; choose one by --version, --group or --application"
        )
    return first


def _listed(found: Sequence[ServiceDefinition]) -> str:
    return "; ".join(each.origin or "one without a version" for each in found)


def _write(definition: ServiceDefinition, arguments: Namespace, out: TextIO) -> None:
    patterns = arguments.idempotent
    for pattern in patterns:
        if not any(fnmatchcase(each.name, pattern) for each in definition.methods):
            raise SettingsError(
                f"--idempotent {pattern}: {definition.name} has no such method; it has: "
                f"{', '.join(dict.fromkeys(each.name for each in definition.methods))}"
            )
    text = stub_module(
        definition, lambda name: any(fnmatchcase(name, pattern) for pattern in patterns)
    )
    if arguments.output is None:
        out.write(text)
        return
    try:
        arguments.output.write_text(text, "utf-8")
    except OSError as error:
        raise SettingsError(f"{arguments.output} cannot be written: {error.strerror}") from None
